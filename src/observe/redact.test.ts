// Secrets and control characters in everything that a log field may hold.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { redacted, Redactor } from "./redact.ts";

const redactor = new Redactor();
const canary = "cAnArY7291";
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

describe("fields by their name", () => {
  const names = [
    "secret",
    "SECRET",
    "publishSecret",
    "room_secret",
    "token",
    "access_token",
    "password",
    "passwd",
    "passphrase",
    "cookie",
    "setCookie",
    "authorization",
    "authorisation",
    "sid",
    "host_sid",
    "sessionSid",
    "session_key",
    "sessionKey",
    "apiKey",
    "api_key",
    "privateKey",
    "credentials",
  ];
  test.each(names)("SEC-04 T17 the field %s never shows its value", (name) => {
    expect(redactor.fields({ [name]: canary })).toEqual({ [name]: redacted });
    expect(redactor.fields({ [name]: 7291 })).toEqual({ [name]: redacted });
  });

  test("other fields keep their values, undefined ones go", () => {
    const fields = { dialect: "socketio", bytes: 5, isLate: true, inside: "room", reason: undefined };
    expect(redactor.fields(fields)).toEqual({ dialect: "socketio", bytes: 5, isLate: true, inside: "room" });
  });

  test.each(["a b", 'x":1,"y', "\n", "__proto__", "level", "time", "event", "", "a".repeat(65)])(
    "T20 T26 a field cannot be called %j",
    (name) => {
      const clean = redactor.fields(Object.fromEntries([[name, "v"]]));
      expect(Object.keys(clean)).toEqual(["unnamed"]);
      expect(Object.getPrototypeOf(clean)).toBe(Object.prototype);
    },
  );
});

describe("texts", () => {
  const texts = [
    `redis://user:${canary}@host:6379/0`,
    `rediss://:${canary}@host`,
    `connect to redis://:p@${canary}@host failed`,
    `/socket.io/?EIO=4&sid=${canary}&transport=polling`,
    `/ws?session_key=${canary}`,
    `/x?a=1&access_token=${canary}#y`,
    `{"room":"a::b","secret":"${canary}"}`,
    `{"secret": "a\\"${canary}"}`,
    `"{\\"secret\\":\\"${canary}\\"}"`,
    `{'password': '${canary}'}`,
    `secret=${canary}`,
    `Secret: ${canary}`,
    `{"secret":"unfinished ${canary}`,
    `Authorization: Bearer ${canary}`,
    `sent Bearer ${canary} to it`,
    `cookie: ${canary}`,
    `sessionKey=${canary}`,
    `api-key api_key=${canary}`,
    `secret= "secret":"${canary}"`,
    `fields["token"] = ${canary}`,
    `password=one two ${canary}`,
  ];
  test.each(texts)("SEC-04 T17 no secret in %s", (text) => {
    const clean = redactor.text(text);
    expect(clean).not.toContain(canary);
    expect(clean).toContain(redacted);
    expect(redactor.fields({ url: text })["url"]).toBe(clean);
  });

  test("SEC-04 a known secret goes wherever it stands, percent-encoded too", () => {
    const known = new Redactor(["hunter two/2", "hunter"]);
    expect(known.text("GET /x/hunter%20two%2F2 by hunter two/2 of hunters")).toBe(
      `GET /x/${redacted} by ${redacted} of ${redacted}s`,
    );
    expect(new Redactor(["ab", ""]).text("abab")).toBe("abab");
  });

  test("a plain text stays as it is", () => {
    const text = "Expected `room` to be 1-200 characters, got 412: größer, 部屋, 🔔";
    expect(redactor.text(text)).toBe(text);
    expect(redactor.text("redis://host:6379/0")).toBe("redis://host:6379/0");
  });

  const hostile = [
    '\n{"level":"error","event":"forged"}',
    "\r\nHTTP/1.1 200 OK",
    "\u001B[31mred\u001B[0m",
    "\u001B]0;title\u0007",
    "\u009B2J",
    "\u0000\u0008\u007F\u0085",
    "\u2028\u2029",
    "\u202Egnp.exe\u202C\u2066\u2069",
    "\uFEFF\u200B\u200E",
    "\uD800 alone \uDFFF",
  ];
  test.each(hostile)("T26 %j becomes printable", (text) => {
    const clean = redactor.text(text);
    expect(clean).not.toMatch(unprintable);
    expect(clean).toContain("\\u{");
  });

  test("SEC-06 a long text is cut", () => {
    expect(redactor.text("x".repeat(1_000))).toBe("x".repeat(1_000));
    expect(redactor.text("x".repeat(10_000_000))).toBe(`${"x".repeat(1_000)}...`);
    expect(redactor.text(`${"x".repeat(999)}🔔y`)).not.toMatch(unprintable);
  });
});

test("T17 T26 100,000 texts around a secret: none shows it, none breaks its line", () => {
  const noise = fc.oneof(
    fc.string({ maxLength: 40, unit: "binary" }),
    fc.array(fc.constantFrom('"', "'", "\\", "=", ":", "secret", "://", "@", " ", "\n", "{", "&"), {
      maxLength: 12,
    }),
  );
  const shape = fc.constantFrom(
    (s: string) => `?secret=${s}`,
    (s: string) => `"secret":"${s}"`,
    (s: string) => `\\"session_key\\": \\"${s}\\"`,
    (s: string) => `redis://u:${s}@host`,
    (s: string) => `Bearer ${s}`,
  );
  const property = fc.property(noise, shape, noise, (before, place, after) => {
    const [head, tail] = [before, after].map((part) => (typeof part === "string" ? part : part.join("")));
    const clean = redactor.text(`${head} ${place(canary)} ${tail}`);
    expect(clean.includes(canary)).toBe(false);
    expect(unprintable.test(clean)).toBe(false);
  });
  fc.assert(property, { numRuns: 100_000 });
}, 60_000);

test("T21 no text makes the search slow", () => {
  const pieces = [
    "a",
    "\\",
    '"',
    "'",
    "secret",
    'secret="',
    "a://",
    "://",
    "Bearer ",
    " ",
    "secret\\\\ :",
    "@",
  ];
  const started = performance.now();
  for (const piece of pieces) redactor.text(piece.repeat(8_192));
  for (const piece of pieces) redactor.text(`a://${piece.repeat(8_192)}`);
  expect(performance.now() - started).toBeLessThan(1_000);
});
