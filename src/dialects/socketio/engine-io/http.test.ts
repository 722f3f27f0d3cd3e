import { parse } from "node:querystring";
import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import type { Exchange } from "../../../server/route.ts";
import { jsonpPayload, payloadResponse } from "./http.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const exchange: Exchange = {
  path: "/socket.io/",
  query: new URLSearchParams(),
  address: "",
  countedAs: "",
  origin: undefined,
  isOriginAllowed: true,
  isOwnOrigin: true,
  isScriptAllowed: () => true,
  hold() {},
};

/** What the JSONP client of version 2 puts into its form. */
const escapeForForm = (text: string): string => text.replaceAll("\\n", "\\\n").replaceAll("\n", "\\n");
const form = (text: string): string => `d=${encodeURIComponent(escapeForForm(text))}`;

const anyText = fc.string({ unit: "grapheme", maxLength: 20 });
const pieces = fc.array(fc.constantFrom("\\", "n", "\n", "a", "é", "&", "=", "%", "+", " "), {
  maxLength: 10,
});

test("EIO-21 a form's payload is what the client meant", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        anyText,
        pieces.map((list) => list.join("")),
      ),
      (text) => {
        // A backslash before a line feed is ambiguous in the protocol itself; packets are JSON, which has neither raw.
        fc.pre(!text.includes("\\\n"));
        expect(jsonpPayload(form(text))).toBe(text);
      },
    ),
    { numRuns: 20_000 },
  );
});

/** The rule once more, character by character: backslash-n is a line feed, a backslash before it takes that back. */
function unescaped(field: string): string {
  let text = "";
  for (let at = 0; at < field.length; at++) {
    const rest = field.slice(at, at + 3);
    if (rest === String.raw`\\n`) {
      text += String.raw`\n`;
      at += 2;
    } else if (rest.startsWith(String.raw`\n`)) {
      text += "\n";
      at += 1;
    } else text += field[at] ?? "";
  }
  return text;
}

test("T3 EIO-21 whatever the body, the payload is the field d of the form, or there is none", () => {
  const bodies = fc.oneof(
    fc.string({ unit: "binary-ascii", maxLength: 40 }),
    fc
      .array(fc.constantFrom("d=", "d", "&", "%", "%f", "%ff", "%00", "\\n", "\\\\n", "=", "+", "x"), {
        maxLength: 12,
      })
      .map((list) => list.join("")),
  );
  fc.assert(
    fc.property(bodies, (body) => {
      // A form reader of another maker.
      const { d = [] } = parse(body);
      const [field] = [d].flat();
      expect(jsonpPayload(body)).toBe(field === undefined ? undefined : unescaped(field));
    }),
    { numRuns: 20_000, examples: [["?d"], ["?d=x"], ["??d=x"]] },
  );
});

test("EIO-21 a script answer calls back with exactly the payload, and ends no string or element before its time", async () => {
  const texts = fc.oneof(
    anyText,
    fc
      .array(fc.constantFrom('"', "\\", "\n", "\r", "\u2028", "\u2029", "</script>", "<!--", "'"), {
        maxLength: 8,
      })
      .map((list) => list.join("")),
  );
  await fc.assert(
    fc.asyncProperty(texts, fc.nat(), async (body, index) => {
      const request = new Request("http://localhost/");
      const response = await payloadResponse(request, exchange, {
        body,
        jsonp: String(index),
        cookie: undefined,
      });
      const script = await response.text();
      expect(script).not.toMatch(/[<\n\r\u2028\u2029]/);
      const heard: unknown[] = [];
      // oxlint-disable-next-line typescript/no-implied-eval -- a browser runs it as a script too
      new Function("___eio", script)(
        new Proxy({}, { get: (_, key) => (payload: string) => heard.push(key, payload) }),
      );
      expect(heard).toEqual([String(index), body]);
    }),
    { numRuns: 2_000 },
  );
});

test("EIO-20 weights of Accept-Encoding count, and what is unknown is not used", async () => {
  const body = "x".repeat(2_000);
  const codingFor = async (accept: string): Promise<string | null> => {
    const request = new Request("http://localhost/", { headers: { "accept-encoding": accept } });
    return (
      await payloadResponse(request, exchange, { body, jsonp: undefined, cookie: undefined })
    ).headers.get("content-encoding");
  };
  const cases = {
    gzip: "gzip",
    "deflate, gzip;q=0.5": "gzip",
    "GZIP ; q=1.0": "gzip",
    deflate: "deflate",
    "gzip;q=0, deflate": "deflate",
    "gzip;q=0.000": null,
    br: null,
    "": null,
    xgzip: null,
    "gzip;q=x": null,
    "gzip;q": null,
  };
  for (const [accept, coding] of Object.entries(cases))
    expect([accept, await codingFor(accept)]).toEqual([accept, coding]);
});
