// Handshakes whose verdict takes time, errors in them, and the end of a listener: whatever comes first, a handler hears
// of its end exactly once, and a client gets one answer.

import { afterEach, describe, expect, test } from "bun:test";
import type { Route } from "./route.ts";
import { defaultLimits } from "../vocabulary/limits.ts";
import { silent } from "../core/observe.ts";
import type { Socket, SocketHandler } from "./socket.ts";
import { handshakeHeaders, RawConnection, rawRequest, requestBytes } from "../../test/support/raw.ts";
import { Listener } from "./listener.ts";
import { until } from "../../test/support/until.ts";

type Answer = SocketHandler | Response;

/** A handshake that waits for its verdict. */
interface Waiting {
  decide(verdict: Answer): void;
  fail(error: unknown): void;
}

class Setup implements AsyncDisposable {
  readonly listener: Listener;
  readonly log: string[] = [];
  readonly reports: unknown[] = [];
  readonly refusals: string[] = [];
  readonly waiting: Waiting[] = [];
  #names = 0;

  constructor() {
    this.listener = new Listener({
      address: { host: "127.0.0.1", port: 0 },
      routes: [this.#route()],
      origins: undefined,
      trustedProxies: [],
      maxMessageBytes: 10_000,
      limits: defaultLimits,
      observe: {
        ...silent,
        report: (stage, error) => void this.reports.push([stage, error]),
        refused: (dialect, reason) => void this.refusals.push(`${dialect} ${reason}`),
      },
    });
  }

  /** Sends a handshake and waits until a verdict is asked for. */
  async knock(
    headers: Record<string, string> = {},
    behind = "",
  ): Promise<{ client: RawConnection; door: Waiting }> {
    const before = this.waiting.length;
    const client = await RawConnection.open(this.listener.url);
    const handshake = requestBytes(this.listener.url, {
      path: "/ws",
      headers: { ...handshakeHeaders(), ...headers },
    });
    client.write(Buffer.concat([handshake, Buffer.from(behind)]));
    await until(() => this.waiting.length > before, 10_000);
    const door = this.waiting[before];
    if (!door) throw new Error("Expected a handshake that waits");
    return { client, door };
  }

  /** A handler that writes down what it hears. */
  handler(more: Partial<SocketHandler> = {}): SocketHandler {
    const name = ++this.#names;
    const note = (text: string): void => void this.log.push(`${name} ${text}`);
    return {
      open: () => {
        note("open");
      },
      message: (data) => {
        note(`message ${String(data)}`);
      },
      closed: (code, why) => {
        note(`closed ${code} ${why}`);
      },
      topicsChanged: () => undefined,
      ...more,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.stop();
  }

  #route(): Route {
    return {
      path: "/ws",
      isPrefix: true,
      fetch: async (_request, { path }) => this.#verdict(path) as Promise<Response>,
      upgrade: async (_request, { path }) => this.#verdict(path),
    };
  }

  async #verdict(path: string): Promise<Answer> {
    if (path === "/ws/now") return new Response("now");
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.waiting.push({ decide: resolve, fail: reject });
    return promise;
  }
}

/** Everything that was under way had its turn. */
async function settle(setup: Setup): Promise<void> {
  for (let round = 0; round < 3; round++) await rawRequest(setup.listener.url, { path: "/ws/now" });
}

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
});
function setUp(): Setup {
  const setup = new Setup();
  open.push(setup);
  return setup;
}

describe("a verdict that takes time", () => {
  test("W4R-11 opens the websocket, with the subprotocol that the handler selects and no other", async () => {
    const setup = setUp();
    for (const protocol of ["b", undefined]) {
      const { client, door } = await setup.knock({ "Sec-WebSocket-Protocol": "a, b" });
      door.decide(setup.handler(protocol === undefined ? {} : { protocol }));
      const answer = await client.response();
      expect([answer.status, answer.headers.get("sec-websocket-protocol")]).toEqual([101, protocol]);
      client[Symbol.dispose]();
    }
    await until(() => setup.log.length === 4, 10_000);
    expect(setup.log.toSorted()).toEqual(["1 closed 1006 peer", "1 open", "2 closed 1006 peer", "2 open"]);
  });

  test("W4R-10 refuses, and closes the connection", async () => {
    const setup = setUp();
    const { client, door } = await setup.knock();
    using connection = client;
    door.decide(new Response("no\n", { status: 403 }));
    const answer = await connection.response();
    expect([answer.status, answer.text, answer.headers.get("connection")]).toEqual([403, "no\n", "close"]);
    await connection.ended();
  });

  test("SEC-06 finds the client gone: the handler hears that it ended, once, and nobody is blamed", async () => {
    const setup = setUp();
    const { client, door } = await setup.knock();
    client[Symbol.dispose]();
    await settle(setup);
    door.decide(setup.handler());
    await until(() => setup.log.length > 0, 10_000);
    await settle(setup);
    expect(setup.log).toEqual(["1 closed 1006 peer"]);
    expect([...setup.refusals, ...setup.reports]).toEqual([]);
  });

  test("SEC-14 finds the gateway draining: 503, and the handler's place is given back, once", async () => {
    const setup = setUp();
    const { client, door } = await setup.knock();
    using connection = client;
    setup.listener.drain();
    door.decide(setup.handler());
    const answer = await connection.response();
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(setup.log).toEqual(["1 closed 1006 peer"]);
    expect(setup.refusals).toEqual(["http http_503"]);
  });

  test("SEC-14 finds the listener stopped: the handler's place is given back, once", async () => {
    const setup = setUp();
    const { client, door } = await setup.knock();
    using connection = client;
    await setup.listener.stop();
    door.decide(setup.handler());
    await connection.ended();
    await until(() => setup.log.length > 0, 10_000);
    expect(setup.log).toEqual(["1 closed 1006 peer"]);
  });

  test("SEC-14 a handshake that nobody judged does not hold up the end", async () => {
    const setup = setUp();
    const { client } = await setup.knock();
    using connection = client;
    await setup.listener.stop();
    await connection.ended();
  });

  test("SEC-14 finds the gateway about to end: a request that came before is answered, a later one is refused", async () => {
    const setup = setUp();
    const answers = rawRequest(setup.listener.url, { path: "/ws" });
    await until(() => setup.waiting.length > 0, 10_000);
    const finished = setup.listener.finish(10_000);
    expect((await rawRequest(setup.listener.url, { path: "/ws/now" })).status).toBe(503);
    setup.waiting[0]?.decide(new Response("published"));
    await finished;
    await setup.listener.stop();
    expect((await answers).text).toBe("published");
  });

  test("SEC-14 a request that is not answered in time does not hold up the end", async () => {
    const setup = setUp();
    using connection = await RawConnection.open(setup.listener.url);
    connection.write(requestBytes(setup.listener.url, { path: "/ws" }));
    await until(() => setup.waiting.length > 0, 10_000);
    await setup.listener.finish(20);
    await setup.listener.stop();
    expect(await connection.ended()).toHaveLength(0);
  });

  test.each(["an error", "undefined", "a text"])(
    "T3 fails with %s: 500, counted and reported",
    async (kind) => {
      const setup = setUp();
      const error = { "an error": new Error("secret detail"), undefined, "a text": "secret detail" }[kind];
      const { client, door } = await setup.knock();
      using connection = client;
      door.fail(error);
      const answer = await connection.response();
      expect([answer.status, answer.text]).toEqual([500, "Internal error\n"]);
      expect(setup.reports).toEqual([["http", error]]);
      expect(setup.refusals).toEqual(["http http_500"]);
      await settle(setup);
      expect((await rawRequest(setup.listener.url, { path: "/ws/now" })).status).toBe(200);
    },
  );

  test("T3 the answer to a request fails: 500, counted and reported", async () => {
    const setup = setUp();
    const answer = rawRequest(setup.listener.url, { path: "/ws/x", method: "POST", body: "abc" });
    await until(() => setup.waiting.length === 1, 10_000);
    setup.waiting[0]?.fail(new Error("fails"));
    expect(await answer).toMatchObject({ status: 500, text: "Internal error\n" });
    expect(setup.refusals).toEqual(["http http_500"]);
    expect(setup.reports).toEqual([["http", new Error("fails")]]);
  });

  test("T3 a handler whose subprotocol is no header: 500, and its place is given back, once", async () => {
    const setup = setUp();
    const { client, door } = await setup.knock();
    using connection = client;
    door.decide(setup.handler({ protocol: "a\r\nX-Injected: 1" }));
    const answer = await connection.response();
    expect(answer.status).toBe(500);
    expect(answer.headers.get("x-injected")).toBeUndefined();
    expect(setup.log).toEqual(["1 closed 1006 peer"]);
  });

  test("T3 an error as it opens ends it, and the handler hears so once", async () => {
    const setup = setUp();
    const { client, door } = await setup.knock();
    using connection = client;
    door.decide(
      setup.handler({
        open() {
          throw new Error("fails in open");
        },
      }),
    );
    await connection.ended();
    await until(() => setup.log.length > 0, 10_000);
    await settle(setup);
    expect(setup.log).toEqual(["1 closed 1006 peer"]);
    expect(setup.reports).toEqual([["websocket", new Error("fails in open")]]);
  });

  test("T22 a request behind the handshake is not answered beside it", async () => {
    const setup = setUp();
    for (const verdict of [setup.handler(), new Response("no", { status: 403 })]) {
      const { client, door } = await setup.knock({}, "GET /ws/now HTTP/1.1\r\nHost: a\r\n\r\n");
      using connection = client;
      await settle(setup);
      door.decide(verdict);
      // Nobody sends it in good faith: the engine ends the connection.
      expect(String(await connection.ended())).toBe("");
    }
    await until(() => setup.log.length > 0, 10_000);
    expect(setup.log).toEqual(["1 closed 1006 peer"]);
  });
});

describe("the end of a websocket", () => {
  test("T27 closed and terminated several times, from within its own events: it ends once", async () => {
    const setup = setUp();
    const { client, door } = await setup.knock();
    let socket: Socket | undefined;
    const log: string[] = [];
    door.decide({
      open(opened) {
        socket = opened;
        opened.subscribe("room");
      },
      message() {
        socket?.close(4000, "first");
        socket?.close(4001, "second");
        socket?.terminate();
        socket?.send(["too late"]);
        socket?.subscribe("room");
        throw new Error("fails after the end");
      },
      closed(code, why) {
        log.push(`closed ${code} ${why}`);
        socket?.close(4002, "third");
        socket?.terminate();
        socket?.fallBehind();
      },
      topicsChanged: () => undefined,
    });
    expect((await client.response()).status).toBe(101);
    client.write(Uint8Array.of(0x81, 0x81, 0, 0, 0, 0, 0x61));
    const farewell = await client.ended();
    expect(farewell.subarray(0, 4)).toEqual(Buffer.of(0x88, 7, 0x0f, 0xa0));
    await until(() => log.length > 0, 10_000);
    await settle(setup);
    expect(log).toEqual(["closed 4000 peer"]);
    expect(setup.listener.publish("room", "to nobody")).toBe(false);
  });

  test("SEC-14 stop tells every handler, before it resolves; what comes later does no harm", async () => {
    const setup = setUp();
    const clients: RawConnection[] = [];
    for (let count = 0; count < 20; count++) {
      const { client, door } = await setup.knock();
      door.decide(setup.handler());
      expect((await client.response()).status).toBe(101);
      clients.push(client);
    }
    await setup.listener.stop();
    expect(setup.log.filter((line) => line.includes("closed"))).toHaveLength(20);
    for (const client of clients) await client.ended();
    expect(setup.listener.publish("room", "x")).toBe(false);
    await setup.listener.stop();
    expect(setup.log).toHaveLength(40);
  });
});
