import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isPublic, requestFault, subprotocol, websocketFault } from "./admission.ts";

const key = Buffer.alloc(16, 7).toString("base64");

/** A handshake; undefined takes a header away. */
function request(changes: Readonly<Record<string, string | undefined>> = {}, method = "GET"): Request {
  const all = { "sec-websocket-version": "13", "sec-websocket-key": key, ...changes };
  const headers = Object.entries(all).filter((field): field is [string, string] => field[1] !== undefined);
  return new Request("http://h/ws/x", { method, headers });
}

async function fault(changes: Readonly<Record<string, string | undefined>>) {
  const answer = websocketFault(request(changes));
  return answer && { status: answer.status, text: await answer.text(), headers: answer.headers };
}

describe("before anything else", () => {
  test("W4R-10 only GET, HEAD is none, and the method comes before the upgrade", async () => {
    expect(requestFault(request(), true)).toBeUndefined();
    for (const method of ["POST", "HEAD", "PUT", "OPTIONS", "DELETE"]) {
      for (const isUpgrade of [true, false]) {
        const answer = requestFault(request({}, method), isUpgrade);
        expect([answer?.status, await answer?.text()]).toEqual([400, "HTTP method must be a GET\n"]);
      }
    }
  });

  test("W4R-10 RTE-04 a request that wants no websocket", async () => {
    const answer = requestFault(request(), false);
    expect([answer?.status, await answer?.text()]).toEqual([
      400,
      "Client does not wish to upgrade to a websocket\n",
    ]);
  });
});

describe("the websocket's own headers", () => {
  test.each(["13", "8", "7"])("W4R-10 version %s is taken", async (version) => {
    expect(await fault({ "sec-websocket-version": version })).toBeUndefined();
  });

  test("W4R-10 without a version: 426, which says what would do", async () => {
    const answer = await fault({ "sec-websocket-version": undefined });
    expect([answer?.status, answer?.text]).toEqual([426, "Sec-WebSocket-Version header is missing\n"]);
    expect(answer?.headers.get("sec-websocket-version")).toBe("13");
    expect(answer?.headers.get("upgrade")).toBe("websocket");
  });

  test.each([
    ["6", ": 6"],
    ["0", ": 0"],
    ["999", ": 999"],
    ["013", ": 013"],
    ["1000", ""],
    ["13, 8", ""],
    ["-1", ""],
    ["٣", ""],
    ["<b>", ""],
    ["", ""],
  ])("W4R-10 SEC-05 version %p is refused, and shown only as a short number: %p", async (version, shown) => {
    const header = Buffer.from(version).toString("latin1");
    const answer = await fault({ "sec-websocket-version": header });
    expect([answer?.status, answer?.text]).toEqual([400, `Unsupported WebSocket Version${shown}\n`]);
    expect(answer?.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(answer?.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test.each([
    [undefined, "Sec-WebSocket-Key header is missing/empty\n"],
    ["", "Sec-WebSocket-Key header is missing/empty\n"],
    ["  ", "Sec-WebSocket-Key header is missing/empty\n"],
    [Buffer.alloc(15).toString("base64"), "Invalid key\n"],
    [Buffer.alloc(17).toString("base64"), "Invalid key\n"],
    [Buffer.alloc(32).toString("base64"), "Invalid key\n"],
    ["!".repeat(24), "Invalid key\n"],
    [key.slice(0, -1), "Invalid key\n"],
    [key.replaceAll("=", ""), "Invalid key\n"],
    [`${key}, ${key}`, "Invalid key\n"],
  ])("W4R-10 key %p: %s", async (given, text) => {
    const answer = await fault({ "sec-websocket-key": given });
    expect([answer?.status, answer?.text]).toEqual([400, text]);
  });

  test("W4R-10 the version comes before the key", async () => {
    expect(await fault({ "sec-websocket-version": "6", "sec-websocket-key": undefined })).toMatchObject({
      text: "Unsupported WebSocket Version: 6\n",
    });
    expect((await fault({ "sec-websocket-version": undefined, "sec-websocket-key": "" }))?.status).toBe(426);
  });

  test("S1 SEC-05 100,000 versions and keys: nothing of them comes back", async () => {
    const text = fc.string({
      unit: fc.constantFrom("1", "3", "8", "a", "<", "=", ",", "+", "/", "A"),
      maxLength: 26,
    });
    const seen = new Set<string>();
    const answers: Promise<unknown>[] = [];
    fc.assert(
      fc.property(text, text, (version, given) => {
        const answer = websocketFault(
          request({ "sec-websocket-version": version, "sec-websocket-key": given }),
        );
        if (answer) answers.push(answer.text().then((body) => seen.add(body)));
      }),
      { numRuns: 100_000 },
    );
    await Promise.all(answers);
    const others = [...seen].filter((body) => !/^Unsupported WebSocket Version(: [1-8]{1,3})?\n$/.test(body));
    expect(others.sort()).toEqual(["Invalid key\n", "Sec-WebSocket-Key header is missing/empty\n"]);
  }, 60_000);
});

test.each([
  [undefined, undefined],
  ["chat", "chat"],
  ["chat, superchat", "chat"],
  ["  chat  ,x", "chat"],
  [",chat", undefined],
  ["a b, chat", undefined],
  ["<script>, chat", undefined],
  ["x".repeat(257), undefined],
  ["v1.json+x!#$%&'*^`|~", "v1.json+x!#$%&'*^`|~"],
  ['"quoted"', undefined],
])("W4R-11 of %p the first is selected: %p", (offered, selected) => {
  expect(subprotocol(request({ "sec-websocket-protocol": offered }))).toBe(selected);
});

test("DJS-12 SEC-02 only broadcasts of a facility without a room-space are public", () => {
  const broadcasts = ["subscribe-broadcast", "publish-broadcast"];
  expect(isPublic({ facility: "news", channels: broadcasts })).toBe(true);
  expect(isPublic({ facility: "news", channels: [] })).toBe(true);
  expect(isPublic({ facility: "user:john::inbox", channels: broadcasts })).toBe(false);
  expect(isPublic({ facility: "news", channels: [...broadcasts, "subscribe-user"] })).toBe(false);
});
