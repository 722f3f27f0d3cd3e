// POST /emit as a backend sees it: what is published for which body, and which refusal for which fault.

import { afterAll, describe, expect, test } from "bun:test";
import { DialectGateway, exchangeOf } from "../../../test/support/dialect-gateway.ts";
import fc from "fast-check";
import type { Bus, BusState } from "../../core/bus.ts";
import type { BackendContext } from "../dialect.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import type { Limits } from "../../vocabulary/limits.ts";
import { silent } from "../../core/observe.ts";
import { writePayload } from "../../core/publication.ts";
import type { Meaning } from "../../core/publication.ts";
import { emitRoute } from "./emit-route.ts";
import { pythonFeed } from "./python/queue.ts";

interface Setup {
  readonly limits?: Partial<Limits>;
  readonly state?: BusState;
  readonly failure?: unknown;
  readonly strictEmit?: boolean;
}

const gateway = await DialectGateway.speaking("socketio", {});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

/** The context of a real gateway, with a bus that notes what is published and a secret of one letter. */
function setUp({ limits, state = { isReady: true }, failure, strictEmit = false }: Setup = {}) {
  const sent: { channel: string; payload: string }[] = [];
  const meant: (Meaning | undefined)[] = [];
  const refused: string[] = [];
  const logged: string[] = [];
  const compared: unknown[] = [];
  const publish: Bus["publish"] = async (channel, payload, meaning) => {
    sent.push({ channel, payload: writePayload(payload).toString() });
    meant.push(meaning);
    if (failure !== undefined) throw failure;
  };
  const context: BackendContext = {
    ...gateway.context,
    bus: Object.assign(Object.create(gateway.context.bus) as Bus, { publish, state: () => state }),
    observe: {
      ...silent,
      refused: (dialect, reason) => void refused.push(`${dialect} ${reason}`),
      log: (level, event) => void logged.push(`${level} ${event}`),
    },
    limits: { ...gateway.context.limits, ...limits },
    gatewayId: "ours",
    async checkSecret(candidate) {
      compared.push(candidate);
      return candidate === "S" ? "right" : "wrong";
    },
  };
  const route = emitRoute(context, { channels: ["first", "second"], strictEmit });
  if (!route) throw new Error("Expected a route");
  const exchange = exchangeOf("http://h/emit");
  const ask = async (init: RequestInit): Promise<Response> =>
    route.fetch(new Request("http://h/emit", init), exchange);
  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    ask({ method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), headers });
  return { route, context, ask, post, sent, meant, refused, logged, compared };
}

/** Status and text; the headers that every answer has are checked on the way. */
async function said(answer: Promise<Response>): Promise<readonly [number, string]> {
  const response = await answer;
  expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  for (const [name] of response.headers) expect(name).not.toStartWith("access-control");
  return [response.status, await response.text()];
}

/** One value per row: `test.each` would spread a list. */
function rows(values: readonly unknown[]): [unknown][] {
  return values.map((value) => [value]);
}

const good = { event: "x", room: "r", data: 1, secret: "S" };

describe("the route", () => {
  test("WSE-20 WSE-27 without a publish secret there is none", () => {
    const { context } = setUp();
    const withoutSecret = { ...context, checkSecret: undefined };
    expect(emitRoute(withoutSecret, { channels: ["c"], strictEmit: false })).toBe(undefined);
  });

  test("WSE-20 it is /emit exactly", () => {
    const { route } = setUp();
    expect(route).toMatchObject({ path: "/emit", isPrefix: false });
    expect("upgrade" in route).toBe(false);
  });

  test.each(["GET", "HEAD", "PUT", "PATCH", "DELETE"])("WSE-20 %s is 405", async (method) => {
    const { ask, sent, refused } = setUp();
    const response = await ask({ method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("OPTIONS, POST");
    expect(sent).toEqual([]);
    expect(refused).toEqual(["socketio method_not_allowed"]);
  });

  test("WSE-20 OPTIONS is 200, and no header lets browsers in from other sites", async () => {
    const { ask } = setUp();
    const response = ask({ method: "OPTIONS", headers: { origin: "http://evil.example" } });
    expect((await response).headers.get("allow")).toBe("OPTIONS, POST");
    expect(await said(response)).toEqual([200, ""]);
  });
});

describe("what is published", () => {
  test("WSE-21 WSE-26 PSQ-20 to the first queue channel, and the answer is OK", async () => {
    const { post, sent, refused } = setUp();
    expect(await said(post(good))).toEqual([200, "OK\n"]);
    expect(sent).toEqual([
      {
        channel: "first",
        payload:
          '{"method":"emit","event":"x","data":1,"binary":false,"namespace":"/","room":"r","skip_sid":null,"callback":null,"host_id":"ours"}',
      },
    ]);
    expect(refused).toEqual([]);
  });

  /** The publication that every gateway makes of it. */
  async function heard(body: unknown) {
    const { post, sent, meant } = setUp();
    expect(await said(post(body))).toEqual([200, "OK\n"]);
    const feed = pythonFeed({ channel: "first", gatewayId: "ours", pickle: false });
    const decoded = feed.decode({ channel: "first", payload: Buffer.from(sent[0]?.payload ?? "") });
    if (decoded.kind !== "publication") throw new Error(`Expected a publication, got ${decoded.kind}`);
    // Where the bus hands it on, nothing is decoded.
    const bytes = Buffer.byteLength(typeof body === "string" ? body : JSON.stringify(body));
    expect(meant).toEqual([{ dialect: "socketio", publication: decoded, bytes }]);
    return decoded;
  }

  test("WSE-24 data is one argument, a list too; null and none are no argument", async () => {
    const args = async (data: unknown): Promise<readonly string[]> => (await heard({ ...good, data })).args;
    expect(await args(null)).toEqual([]);
    expect(await args(undefined)).toEqual([]);
    expect(await args([1, 2])).toEqual(["[1,2]"]);
    expect(await args([])).toEqual(["[]"]);
    expect(await args([null])).toEqual(["[null]"]);
    expect(await args({ a: [true] })).toEqual(['{"a":[true]}']);
    expect(await args("")).toEqual(['""']);
    expect(await args(false)).toEqual(["false"]);
  });

  test("SIO-15 WSE-24 data keeps its digits and its text", async () => {
    const data = '{"id": 12345678901234567890, "f": 1.10, "t": "\\u00e9é\\ud83d", "n": NaN}';
    const { args } = await heard(`{"event":"x","room":"r","secret":"S","data":${data}}`);
    expect(args).toEqual([data.replace("NaN", "null")]);
  });

  test("T4 data that looks like a placeholder is data", async () => {
    expect(await heard({ ...good, data: { _placeholder: true, num: 0 } })).toMatchObject({
      args: ['{"_placeholder":true,"num":0}'],
      attachments: [],
    });
  });

  test("WSE-26 one order for all: on the memory bus it says what its bytes say on every other", async () => {
    const name = fc.string({
      unit: fc.constantFrom("a", "\u00e9", '"', "\\", "\ud83d", "\u2028", "/"),
      maxLength: 4,
    });
    const body = fc.record(
      {
        event: name,
        room: fc.oneof(fc.constant(null), name, fc.array(name, { maxLength: 3 })),
        namespace: fc.oneof(fc.constant(null), name),
        data: fc.jsonValue(),
      },
      { requiredKeys: ["event"] },
    );
    const deep = `${"[".repeat(990)}${"]".repeat(990)}`;
    await heard(`{"event":"x","secret":"S","data":${deep}}`);
    const property = fc.asyncProperty(body, fc.constantFrom(0, 2), async (fields, indent) => {
      await heard(JSON.stringify({ ...fields, secret: "S" }, undefined, indent));
    });
    await fc.assert(property, { numRuns: 500 });
  });

  test("WSE-23 a room, a union of rooms, the whole namespace", async () => {
    const rooms = async (room: unknown) => (await heard({ ...good, room })).rooms;
    expect(await rooms("time")).toEqual(["time"]);
    expect(await rooms(["a", "b"])).toEqual(["a", "b"]);
    expect(await rooms(null)).toBe(undefined);
    expect(await rooms(undefined)).toBe(undefined);
    expect(await rooms("")).toBe(undefined);
    expect(await rooms([])).toBe(undefined);
  });

  test("WSE-23 a namespace; null and none are `/`", async () => {
    expect((await heard({ ...good, namespace: "/chat" })).namespace).toBe("/chat");
    expect((await heard({ ...good, namespace: null })).namespace).toBe("/");
    expect((await heard(good)).namespace).toBe("/");
  });

  test("WSE-23 an empty room is warned of, null is not", async () => {
    for (const room of ["", []]) {
      const { post, logged } = setUp();
      await post({ ...good, room });
      expect(logged).toEqual(["warn emit_room_empty"]);
    }
    const { post, logged } = setUp();
    await post({ ...good, room: null });
    expect(logged).toEqual([]);
  });

  test("WSE-23 strictly, an empty room is 400", async () => {
    for (const room of ["", []]) {
      const { post, sent } = setUp({ strictEmit: true });
      expect(await said(post({ ...good, room }))).toEqual([
        400,
        "Expected `room` not to be empty; null is everybody\n",
      ]);
      expect(sent).toEqual([]);
    }
    const { post } = setUp({ strictEmit: true });
    expect(await said(post({ ...good, room: null }))).toEqual([200, "OK\n"]);
  });

  test.each(["application/json", "application/x-www-form-urlencoded", "text/plain", "x", ""])(
    "WSE-25 the Content-Type %j does not matter",
    async (type) => {
      const { post } = setUp();
      expect(await said(post(good, { "content-type": type }))).toEqual([200, "OK\n"]);
    },
  );

  test("WSE-25 neither does Content-Encoding: identity", async () => {
    const { post } = setUp();
    expect(await said(post(good, { "content-encoding": " Identity " }))).toEqual([200, "OK\n"]);
  });
});

describe("what is refused", () => {
  const notAnObject = [
    400,
    "Expected a JSON object in UTF-8 of at most 1000 members and 1000 levels\n",
  ] as const;

  const malformed = [
    "",
    "x",
    "{",
    "[]",
    '"x"',
    "1",
    "null",
    "{}{}",
    "event=x&secret=S",
    "{'event':'x'}",
    '{"event":"x",}',
    `{"secret":"S","event":"x","data":${"[".repeat(1_000)}${"]".repeat(1_000)}}`,
    `{"secret":"S","event":"x","data":${"[".repeat(500_000)}`,
    `{"secret":"S","event":"x",${Array.from({ length: 1_000 }, (_, index) => `"${index}":1`).join(",")}}`,
  ];

  test.each(malformed)("WSE-25 T9 the body %.40j is 400", async (body) => {
    const { post, sent, compared, refused } = setUp();
    expect(await said(post(body))).toEqual(notAnObject);
    expect([sent, compared]).toEqual([[], []]);
    expect(refused).toEqual(["socketio body_invalid"]);
  });

  test("WSE-25 a byte order mark in front of the object is no part of it, as for Flask", async () => {
    const { post, sent } = setUp();
    expect(await said(post('\ufeff{"secret":"S","event":"x","data":"\ufeff"}'))).toEqual([200, "OK\n"]);
    expect(sent).toHaveLength(1);
    expect(await said(post('\ufeff\ufeff{"secret":"S","event":"x"}'))).toEqual(notAnObject);
  });

  test("T9 999 levels below the object are allowed", async () => {
    const { post } = setUp();
    const body = `{"secret":"S","event":"x","data":${"[".repeat(999)}${"]".repeat(999)}}`;
    expect(await said(post(body))).toEqual([200, "OK\n"]);
  });

  test("WSE-25 a body that is no UTF-8 is 400", async () => {
    const { ask, sent } = setUp();
    const body = Buffer.from('{"event":"\xff","secret":"S"}', "latin1");
    expect(await said(ask({ method: "POST", body }))).toEqual([
      400,
      "Expected a JSON object in UTF-8 of at most 1000 members and 1000 levels\n",
    ]);
    expect(sent).toEqual([]);
  });

  test.each(["gzip", "deflate", "br", "zstd", "identity, gzip", "x"])(
    "T9 Content-Encoding %s is 415",
    async (encoding) => {
      const { post, sent, refused } = setUp();
      expect(await said(post(good, { "content-encoding": encoding }))).toEqual([
        415,
        "Expected a body without Content-Encoding\n",
      ]);
      expect(sent).toEqual([]);
      expect(refused).toEqual(["socketio content_encoding"]);
    },
  );

  test.each(rows([undefined, null, "", "s", "S ", "SS", 0, 1, true, ["S"], { S: "S" }]))(
    "WSE-22 SEC-11 the secret %j is 403",
    async (secret) => {
      const { post, sent, refused } = setUp();
      expect(await said(post({ ...good, secret }))).toEqual([403, "Incorrect secret\n"]);
      expect(sent).toEqual([]);
      expect(refused).toEqual(["socketio secret_wrong"]);
    },
  );

  test("WSE-22 the secret is judged before anything else of the object", async () => {
    for (const body of [{}, { event: 1 }, { event: "connect" }, { event: "x", room: {}, namespace: 1 }]) {
      const { post } = setUp({ state: { isReady: false, reason: "away" } });
      expect(await said(post({ ...body, secret: "wrong" }))).toEqual([403, "Incorrect secret\n"]);
    }
  });

  test.each(rows([undefined, null, 1, true, [], ["x"], {}]))("WSE-25 the event %j is 400", async (event) => {
    const { post, sent } = setUp();
    expect(await said(post({ ...good, event }))).toEqual([400, "Expected `event` to be a string\n"]);
    expect(sent).toEqual([]);
  });

  test("WSE-25 an empty event is a string", async () => {
    const { post } = setUp();
    expect(await said(post({ ...good, event: "" }))).toEqual([200, "OK\n"]);
  });

  test.each(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"])(
    "WSE-26 SIO-13 the reserved event %s is 400",
    async (event) => {
      const { post, sent, refused } = setUp();
      expect(await said(post({ ...good, event }))).toEqual([
        400,
        "Expected `event` not to be a reserved name of Socket.IO\n",
      ]);
      expect(sent).toEqual([]);
      expect(refused).toEqual(["socketio event_reserved"]);
    },
  );

  test.each(rows([1, 0, true, false, {}, [1], ["a", null], [["a"]]]))(
    "WSE-23 the room %j is 400",
    async (room) => {
      const { post, sent } = setUp();
      expect(await said(post({ ...good, room }))).toEqual([
        400,
        "Expected `room` to be a string, a list of strings or null\n",
      ]);
      expect(sent).toEqual([]);
    },
  );

  test.each(rows([1, false, [], {}, ["/"]]))("WSE-23 the namespace %j is 400", async (namespace) => {
    const { post, sent } = setUp();
    expect(await said(post({ ...good, namespace }))).toEqual([
      400,
      "Expected `namespace` to be a string or null\n",
    ]);
    expect(sent).toEqual([]);
  });

  test("WSE-26 SEC-02 a bus that is not ready is 503, and nothing is tried", async () => {
    const { post, sent, refused } = setUp({ state: { isReady: false, reason: "redis://h:6379 is away" } });
    expect(await said(post(good))).toEqual([
      503,
      "Expected the message bus to be ready, got one that is not\n",
    ]);
    expect(sent).toEqual([]);
    expect(refused).toEqual(["socketio bus_unavailable"]);
  });

  test("WSE-26 SEC-05 a bus that does not take the message is 503, and its words stay inside", async () => {
    for (const failure of [
      new GatewayError("bus_unavailable", "redis://h:6379 is away"),
      new Error("canary"),
    ]) {
      const { post, refused } = setUp({ failure });
      expect(await said(post(good))).toEqual([
        503,
        "Expected the message bus to be ready, got one that is not\n",
      ]);
      expect(refused).toEqual(["socketio bus_unavailable"]);
    }
  });
});

describe("size", () => {
  const tooLarge = [413, "Expected a body of at most 100 bytes\n"] as const;
  const body = (length: number): string => JSON.stringify(good).padEnd(length);

  test("T9 WSE-25 a body of the limit is read, one more byte is 413", async () => {
    const { post, sent, refused } = setUp({ limits: { httpBodyBytes: 100 } });
    expect(await said(post(body(100)))).toEqual([200, "OK\n"]);
    expect(await said(post(body(101)))).toEqual(tooLarge);
    expect(sent).toHaveLength(1);
    expect(refused).toEqual(["socketio body_too_large"]);
  });

  test("T9 a body without end is 413 as soon as it is too long; the rest is left to the listener", async () => {
    const { ask } = setUp({ limits: { httpBodyBytes: 100 } });
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 10;
        controller.enqueue(Buffer.alloc(10, " "));
      },
    });
    expect(await said(ask({ method: "POST", body: endless }))).toEqual(tooLarge);
    expect(pulled).toBeLessThan(1_000);
  });

  test("WSE-25 a body that breaks off is 400", async () => {
    const { ask, sent } = setUp();
    const broken = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(Buffer.from('{"event":'));
        controller.error(new Error("reset"));
      },
    });
    expect(await said(ask({ method: "POST", body: broken }))).toEqual([400, "Expected a complete body\n"]);
    expect(sent).toEqual([]);
  });

  test("SEC-06 what the bus would not carry is 413", async () => {
    const { post, sent } = setUp({ limits: { busMessageBytes: 300 } });
    expect(await said(post({ ...good, data: "é".repeat(150) }))).toEqual([
      413,
      "Expected a smaller message: the bus does not carry it\n",
    ]);
    expect(sent).toEqual([]);
  });
});

test("SEC-05 T17 T26 no answer repeats the request", async () => {
  const canary = "cAnArY";
  const bodies = [
    canary,
    { [canary]: canary },
    { ...good, secret: canary },
    { ...good, event: [canary] },
    { ...good, room: { [canary]: canary } },
    { ...good, namespace: [canary] },
    { ...good, event: "connect", data: canary },
    { ...good, event: canary, room: canary, data: canary, namespace: canary },
  ];
  for (const body of bodies) {
    const { post } = setUp();
    const [, text] = await said(post(body, { "x-test": canary }));
    expect(text).not.toContain(canary);
    expect(text.length).toBeLessThan(100);
  }
});

test("T20 names of prototypes are names like others", async () => {
  const { post, sent } = setUp();
  const body =
    '{"__proto__":{"secret":"S","event":"y"},"constructor":1,"event":"x","room":"__proto__","data":{"__proto__":1}}';
  expect(await said(post(body))).toEqual([403, "Incorrect secret\n"]);
  expect(await said(post(body.replace("{", '{"secret":"S",')))).toEqual([200, "OK\n"]);
  expect(sent[0]?.payload).toContain('"data":{"__proto__":1}');
  expect("secret" in {}).toBe(false);
});

test("S1 WSE-25 20,000 generated bodies: 200 with the secret and a sound message, or a refusal", async () => {
  const { post, sent } = setUp();
  const feed = pythonFeed({ channel: "first", gatewayId: "ours", pickle: false });
  const field = fc.oneof(fc.constantFrom<unknown>("x", "", null, [], ["a"]), fc.jsonValue({ maxDepth: 2 }));
  const object = fc.record(
    {
      event: field,
      room: field,
      data: fc.jsonValue(),
      namespace: field,
      secret: fc.constantFrom("S", "S", "no"),
    },
    { requiredKeys: [] },
  );
  const damage = fc.record({
    at: fc.nat(),
    cut: fc.nat(2),
    put: fc.constantFrom("", "", '"', "{", ",", "NaN", "\\"),
  });
  const body = fc.tuple(object, damage).map(([value, { at, cut, put }]) => {
    const json = JSON.stringify(value);
    const where = at % (json.length + 1);
    return json.slice(0, where) + put + json.slice(where + cut);
  });
  await fc.assert(
    fc.asyncProperty(body, async (text) => {
      const before = sent.length;
      const { status } = await post(text);
      expect([200, 400, 403]).toContain(status);
      expect(sent.length - before).toBe(status === 200 ? 1 : 0);
      if (status !== 200) return;
      expect(text).toContain('"S"');
      const payload = Buffer.from(sent.pop()?.payload ?? "");
      expect(feed.decode({ channel: "first", payload }).kind).toBe("publication");
    }),
    { numRuns: 20_000 },
  );
}, 60_000);
