import { afterEach, describe, expect, test } from "bun:test";
import type { Route } from "./route.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { defaultLimits } from "../vocabulary/limits.ts";
import { silent } from "../core/observe.ts";
import type { Frame } from "../core/carrier.ts";
import type { CloseCause, Socket, SocketHandler } from "./socket.ts";
import { RawConnection, RawWebSocket, rawRequest } from "../../test/support/raw.ts";
import { Listener } from "./listener.ts";
import type { ListenerParts } from "./listener.ts";

/** A dialect of one websocket: what it sees goes into a log, and each of its methods may fail. */
class Handler implements SocketHandler {
  socket: Socket | undefined;
  readonly #log: (text: string) => void;
  readonly #fails: string;

  constructor(log: (text: string) => void, fails = "") {
    this.#log = log;
    this.#fails = fails;
  }

  open(socket: Socket): void {
    this.socket = socket;
    socket.subscribe("room");
    this.#note("open");
  }

  message(data: Frame): void {
    this.#note(`message ${typeof data === "string" ? data : `${data.length} bytes`}`);
    this.socket?.send([data]);
  }

  closed(code: number, why: CloseCause): void {
    this.#note(`closed ${code} ${why}`);
  }

  topicsChanged(): void {
    this.#note("topicsChanged");
  }

  #note(text: string): void {
    this.#log(text);
    if (text.split(" ")[0] === this.#fails) throw new Error(`fails in ${text}`);
  }
}

class Setup implements AsyncDisposable {
  readonly listener: Listener;
  readonly log: string[] = [];
  readonly reports: string[] = [];
  readonly refusals: string[] = [];
  readonly handlers: Handler[] = [];

  constructor(parts: Partial<ListenerParts> = {}) {
    this.listener = new Listener({
      address: { host: "127.0.0.1", port: 0 },
      routes: [this.#route("/ws", true), this.#route("/exact", false), this.#route("/ws/exact", false)],
      origins: undefined,
      trustedProxies: [],
      maxMessageBytes: 10_000,
      limits: defaultLimits,
      observe: {
        ...silent,
        report: (stage, error) => void this.reports.push(`${stage}: ${String(error)}`),
        refused: (dialect, reason) => void this.refusals.push(`${dialect} ${reason}`),
      },
      ...parts,
    });
  }

  async open(fails = ""): Promise<RawWebSocket> {
    return RawWebSocket.open(this.listener.url, `/ws?fails=${fails}`);
  }

  /** Waits until the log has a line. */
  async logged(text: string): Promise<void> {
    const deadline = performance.now() + 3_000;
    while (!this.log.includes(text)) {
      if (performance.now() > deadline) throw new Error(`Expected ${text}, got ${this.log.join(", ")}`);
      await Bun.sleep(2);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.stop();
  }

  #route(path: string, isPrefix: boolean): Route {
    return {
      path,
      isPrefix,
      fetch: (request, { address, isOriginAllowed }) => {
        if (request.headers.has("x-fail")) throw new Error("fails in fetch");
        return Response.json({ path, address, isOriginAllowed });
      },
      ...(isPrefix
        ? {
            upgrade: (_request, { query }) => {
              if (query.get("fails") === "upgrade") throw new Error("fails in upgrade");
              const handler = new Handler((text) => void this.log.push(text), query.get("fails") ?? "");
              this.handlers.push(handler);
              return handler;
            },
          }
        : {}),
    };
  }
}

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
});
function setUp(parts?: Partial<ListenerParts>): Setup {
  const setup = new Setup(parts);
  open.push(setup);
  return setup;
}

describe("T3 an error in a handler ends its own websocket and nothing else", () => {
  for (const fails of ["open", "message", "closed"]) {
    test(`T3 in ${fails}`, async () => {
      const setup = setUp();
      using control = await setup.open();
      using victim = await setup.open(fails);
      victim.send("hello");
      if (fails === "closed") {
        expect(await victim.waitForMessage()).toBe("hello");
        victim.sendFrame(8, Uint8Array.of(3, 232));
      }
      await victim.waitForClose();
      control.send("still here");
      expect(await control.waitForMessage()).toBe("still here");
      expect(setup.reports.length).toBeGreaterThan(0);
      expect(setup.reports.every((report) => report.startsWith("websocket: Error: fails in"))).toBe(true);
    });
  }

  test("T3 in topicsChanged, while it falls behind", async () => {
    const setup = setUp();
    using control = await setup.open();
    using victim = await setup.open("topicsChanged");
    victim.connection.pause();
    victim.send("x".repeat(9_000));
    await setup.logged("message " + "x".repeat(9_000));
    const socket = setup.handlers[1]?.socket;
    expect(() => {
      for (let count = 0; count < 500; count++) socket?.send(["y".repeat(64 * 1024)]);
    }).toThrow("fails in topicsChanged");
    control.send("still here");
    expect(await control.waitForMessage()).toBe("still here");
  });

  test("T3 in a request: 500, a fixed sentence, and the listener goes on", async () => {
    const setup = setUp();
    const failed = await rawRequest(setup.listener.url, { path: "/ws", headers: { "X-Fail": "1" } });
    expect([failed.status, failed.text]).toEqual([500, "Internal error\n"]);
    expect(failed.headers.get("connection")).toBe("close");
    const upgrade = await RawWebSocket.tryOpen(setup.listener.url, "/ws?fails=upgrade");
    expect(upgrade).toMatchObject({ status: 500, text: "Internal error\n" });
    expect(setup.reports).toEqual(["http: Error: fails in fetch", "http: Error: fails in upgrade"]);
    expect((await rawRequest(setup.listener.url, { path: "/ws" })).status).toBe(200);
  });
});

describe("routes", () => {
  test("RTE-01 an exact path wins over a prefix; a prefix takes what is below it, and no neighbour", async () => {
    const { listener } = setUp();
    const pathOf = async (path: string): Promise<unknown> => {
      const answer = await rawRequest(listener.url, { path });
      return answer.status === 200 ? (JSON.parse(answer.text) as { path: string }).path : answer.status;
    };
    expect(await pathOf("/ws")).toBe("/ws");
    expect(await pathOf("/ws/")).toBe("/ws");
    expect(await pathOf("/ws/below")).toBe("/ws");
    expect(await pathOf("/ws/exact")).toBe("/ws/exact");
    expect(await pathOf("/exact")).toBe("/exact");
    for (const path of ["/wsx", "/exact/", "/exact/below", "/", "/WS", "//ws", "/ws%2fbelow"]) {
      expect(await pathOf(path), path).toBe(404);
    }
  });

  test("SEC-15 EIO-18 the exchange carries the client's address and the verdict on its Origin", async () => {
    const { listener } = setUp({ trustedProxies: ["127.0.0.1"], origins: ["https://good.example"] });
    const headers = { "X-Forwarded-For": "198.51.100.1, 192.0.2.7", Origin: "https://evil.example" };
    const answer = await rawRequest(listener.url, { path: "/ws", headers });
    expect(JSON.parse(answer.text)).toMatchObject({ address: "192.0.2.7", isOriginAllowed: false });
  });

  test("SEC-15 the address is found when it is asked for, after the body too; a client that is gone has none", async () => {
    const [came, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()];
    const late: Route = {
      path: "/late",
      isPrefix: false,
      async fetch(request, exchange) {
        if ((await request.text()) === "stay") return new Response(exchange.address);
        came.resolve();
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
        gone.resolve(exchange.address);
        return new Response("");
      },
    };
    const { listener } = setUp({ routes: [late] });
    const stays = await fetch(`${listener.url}/late`, { method: "POST", body: "stay" });
    expect(await stays.text()).toBe("127.0.0.1");
    {
      using connection = await RawConnection.open(listener.url);
      connection.write("POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\ngo");
      await came.promise;
    }
    expect(await gone.promise).toBe("");
  });

  test("T1 two Origin headers are none that is allowed", async () => {
    const { listener } = setUp({ origins: ["https://good.example"] });
    using connection = await RawConnection.open(listener.url);
    const origin = "Origin: https://good.example\r\n";
    connection.write(`GET /ws HTTP/1.1\r\nHost: a\r\n${origin}${origin}\r\n`);
    expect(JSON.parse((await connection.response()).text)).toMatchObject({ isOriginAllowed: false });
  });
});

describe("a websocket", () => {
  test("carries text and binary both ways, and tells how it ended", async () => {
    const setup = setUp();
    using client = await setup.open();
    client.send("text");
    client.send(Uint8Array.of(1, 2, 3));
    expect(await client.waitForMessages(2)).toEqual(["text", Buffer.of(1, 2, 3)]);
    client.sendFrame(8, Uint8Array.of(0x0f, 0xa1));
    await client.waitForClose();
    await setup.logged("closed 4001 peer");
  });

  test("EIO-22 a message over the limit closes with 1009", async () => {
    const setup = setUp();
    using client = await setup.open();
    client.send("x".repeat(10_001));
    expect((await client.waitForClose()).code).toBe(1009);
    await setup.logged("closed 1006 too_large");
    using liar = await setup.open();
    liar.sendFrame(8, Buffer.concat([Buffer.of(0x0f, 0xa1), Buffer.from("Received too big message")]));
    await liar.waitForClose();
    await setup.logged("closed 4001 peer");
  });

  test("SEC-06 a client that never reads is closed, told as slow, and the others hear all", async () => {
    const setup = setUp();
    using reader = await setup.open();
    using never = await setup.open();
    never.connection.pause();
    const frame = "z".repeat(256 * 1024);
    let count = 0;
    while (!setup.log.includes("closed 1006 slow")) {
      expect(count).toBeLessThan(400);
      const isBehind = setup.listener.publish("room", `${count++} ${frame}`);
      const socket = setup.handlers[1]?.socket;
      if (isBehind && socket?.isOnTopics === true && socket.bufferedBytes > 64 * 1024) {
        socket.fallBehind();
        socket.unsubscribe("room");
      } else if (socket?.isOnTopics === false) {
        socket.send([frame]);
      }
      expect((await reader.waitForMessage()).toString().split(" ")[0]).toBe(String(count - 1));
    }
  });

  test("T27 terminate ends it without a farewell, close with one", async () => {
    const setup = setUp();
    using first = await setup.open();
    using second = await setup.open();
    setup.handlers[0]?.socket?.terminate();
    setup.handlers[1]?.socket?.close(1001, "bye");
    expect(await first.waitForClose()).toEqual({ code: 1006, reason: "" });
    expect(await second.waitForClose()).toEqual({ code: 1001, reason: "bye" });
    await setup.logged("closed 1006 peer");
    await setup.logged("closed 1001 peer");
  });
});

describe("SEC-14 draining and stopping", () => {
  test("newcomers are refused with 503 and Retry-After; requests and open websockets go on", async () => {
    const setup = setUp();
    using client = await setup.open();
    setup.listener.drain();
    const refused = await RawWebSocket.tryOpen(setup.listener.url, "/ws");
    expect(refused).toMatchObject({ status: 503 });
    expect(refused instanceof RawWebSocket ? "" : refused.headers.get("retry-after")).toBe("1");
    expect((await rawRequest(setup.listener.url, { path: "/ws" })).status).toBe(200);
    client.send("open");
    expect(await client.waitForMessage()).toBe("open");
  });

  test("stop ends everything and frees the port", async () => {
    const setup = new Setup();
    const { url } = setup.listener;
    using client = await setup.open();
    using idle = await RawConnection.open(url);
    idle.write("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n");
    await idle.response();
    await setup.listener.stop();
    await client.waitForClose();
    await idle.ended();
    const again = setUp({ address: { host: "127.0.0.1", port: Number(new URL(url).port) } });
    expect(again.listener.url).toBe(url);
  });
});

test("an address that cannot be had is a sentence", () => {
  const { listener } = setUp();
  const port = Number(new URL(listener.url).port);
  expect(() => new Setup({ address: { host: "127.0.0.1", port } })).toThrow(
    new GatewayError(
      "start_failed",
      `Expected 127.0.0.1:${port} to be free, another process listens there: end it, or listen elsewhere (--address, BELFRY_ADDRESS)`,
    ),
  );
  expect(() => new Setup({ address: { host: "203.0.113.1", port: 0 } })).toThrow(
    /^Expected 203\.0\.113\.1:0 to be an address of this machine/,
  );
});

test("an IPv6 address has brackets in its URL", () => {
  expect(setUp({ address: { host: "::1", port: 0 } }).listener.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
});
