// Pages that come back to another gateway of the same Redis, after the first one was killed too. And what is no way back:
// ids that others know, private ids that were used, rights that were taken away.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { sessionKey } from "../../src/dialects/socketio/recovery/pid.ts";
import { portOf } from "../support/ports.ts";
import { flaskEmit, flaskPublish } from "../support/flask.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { RawWebSocket } from "../support/raw.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";
import { ReturningClient, returningClients } from "../support/returning-client.ts";
import { ServedGateway } from "../support/serve.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

let redis: RedisServer;
/** Publishes in the order of its calls. */
let bus: RedisClient;
let one: TestGateway;
let two: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  bus = await connectRedis(redis.url);
  await bus.set("ws-emit::secret::shop", "S");
  const open = async (): Promise<TestGateway> =>
    startGateway({ redis: redis.url, socketio: { recovery: true }, limits: { failedJoinsPerMinute: 1_000 } });
  [one, two] = await Promise.all([open(), open()]);
});

afterAll(async () => {
  bus.destroy();
  for (const gateway of [one, two]) await gateway[Symbol.asyncDispose]();
  await redis.stop();
});

const emit = async (room: string | undefined, data: unknown, more: object = {}): Promise<void> =>
  flaskEmit(bus, ["update", data], { room: room ?? null, ...more });

describe.each(returningClients)("on Redis, socket.io-client %s over %s", (version, transport) => {
  test("F12 I3 a page that comes back to another gateway has its id and rooms again, and gets what it missed", async () => {
    await using page = await ReturningClient.open({ version, transport, port: portOf(one) });
    await page.ask("join", { room: "time" });
    await page.ask("join", { room: "shop::a", secret: "S" });
    await emit("time", 1);
    await page.waitFor(2);
    await page.cutOff();
    page.proxy.moveTo(portOf(two));
    await emit("shop::a", 2);
    await emit(undefined, 3);
    await emit("elsewhere", 4);
    await page.comeBack();
    await emit("time", 5);
    expect((await page.waitFor(7)).slice(2)).toEqual([
      ["disconnect"],
      ["update", 2, "<offset>"],
      ["update", 3, "<offset>"],
      ["connect", true],
      ["update", 5, "<offset>"],
    ]);
    expect(page.ids[1]).toBe(page.ids[0]);
  });

  test("F12 I3 a page whose gateway was killed comes back to another one, and misses nothing", async () => {
    const args = ["--redis", redis.url, "--socketio-recovery"];
    await using first = await ServedGateway.start({ args });
    await using page = await ReturningClient.open({ version, transport, port: portOf(first) });
    await page.ask("join", { room: "time" });
    await emit("time", 1);
    await page.waitFor(2);
    first.process.kill("SIGKILL");
    page.proxy.moveTo(portOf(two));
    await emit("time", 2);
    await page.waitFor(5);
    await emit("time", 3);
    // The second may have come before the page was back, or after.
    const lines = await page.waitFor(6);
    expect(lines.filter(([event]) => event === "update").map(([, data]) => data)).toEqual([1, 2, 3]);
    expect(lines.filter(([event]) => event === "connect")).toEqual([
      ["connect", false],
      ["connect", true],
    ]);
    expect(page.ids[1]).toBe(page.ids[0]);
  });
});

/** A client by hand, in `/`. */
class Hand implements Disposable {
  readonly socket: RawWebSocket;
  readonly sid: string;
  readonly pid: string;
  /** What came before it was told that it is in. */
  readonly missed: readonly string[];
  offset = "";

  private constructor(socket: RawWebSocket, connected: string, missed: readonly string[]) {
    this.socket = socket;
    const ids = JSON.parse(connected.slice(2)) as { readonly sid: string; readonly pid: string };
    this.sid = ids.sid;
    this.pid = ids.pid;
    this.missed = missed;
  }

  static async open({ url }: TestGateway, auth?: object): Promise<Hand> {
    const socket = await RawWebSocket.open(url, "/socket.io/?EIO=4&transport=websocket");
    await socket.waitForMessage();
    socket.send(auth ? `40${JSON.stringify(auth)}` : "40");
    const missed: string[] = [];
    for (;;) {
      const message = String(await socket.waitForMessage());
      if (message.startsWith("40")) return new Hand(socket, message, missed);
      missed.push(message);
    }
  }

  /** Joins, and is told so. */
  async join(room: string, secret?: string): Promise<void> {
    this.socket.send(`421["join",${JSON.stringify({ room, secret })}]`);
    expect(await this.socket.waitForMessage()).toBe("431[]");
  }

  /** The next event's first argument; its last one is the offset. */
  async next(): Promise<unknown> {
    const [, data, offset] = JSON.parse(String(await this.socket.waitForMessage()).slice(2)) as unknown[];
    this.offset = String(offset);
    return data;
  }

  /** It heard something, and left without a word; its gateway, the first one, noticed. */
  async leave(): Promise<{ readonly pid: string; readonly offset: string }> {
    const token = crypto.randomUUID();
    await emit(this.sid, token);
    expect(await this.next()).toBe(token);
    const ended = await one.metric("belfry_disconnections_total");
    this.socket[Symbol.dispose]();
    await until(async () => (await one.metric("belfry_disconnections_total")) > ended);
    return { pid: this.pid, offset: this.offset };
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]();
  }
}

/** Runs, and says which outcomes were counted meanwhile, on both gateways. */
async function outcomesOf(run: () => Promise<void>): Promise<Readonly<Record<string, number>>> {
  const read = async (): Promise<Map<string, number>> => {
    const counts = new Map<string, number>();
    for (const { url } of [one, two]) {
      for (const line of (await (await fetch(`${url}/-/metrics`)).text()).split("\n")) {
        const [, reason = "", value = ""] =
          /^belfry_returns_total\{.*reason="(\w+)"\} (\d+)$/.exec(line) ?? [];
        if (reason !== "") counts.set(reason, (counts.get(reason) ?? 0) + Number(value));
      }
    }
    return counts;
  };
  const before = await read();
  await run();
  const after = await read();
  const changes = Array.from(
    after,
    ([reason, count]) => [reason, count - (before.get(reason) ?? 0)] as const,
  );
  return Object.fromEntries(changes.filter(([, change]) => change > 0));
}

describe("what is no way back", () => {
  test("I10 an id that others know, and a private id that is none", async () => {
    const first = await Hand.open(one);
    const { offset } = await first.leave();
    const outcomes = await outcomesOf(async () => {
      for (const pid of [first.sid, "", "x".repeat(24), "%".repeat(24), "__proto__"]) {
        using back = await Hand.open(two, { pid, offset });
        expect([back.sid === first.sid, back.pid === pid]).toEqual([false, false]);
      }
    });
    expect(outcomes).toEqual({ session_unknown: 5 });
  });

  test("a private id that was used has no session any more, but for the connection that it came back with", async () => {
    const first = await Hand.open(one);
    await first.join("time");
    const claim = await first.leave();
    const outcomes = await outcomesOf(async () => {
      // Without an offset it is a new client, and what it had is gone.
      using fresh = await Hand.open(two, { pid: claim.pid });
      expect(fresh.sid).not.toBe(first.sid);
      using again = await Hand.open(two, claim);
      expect(again.sid).not.toBe(first.sid);
    });
    expect(outcomes).toEqual({ no_offset: 1, session_unknown: 1 });
  });

  test("I10 a client that was cut off before its joins were carried out is a new one: it may think that it is in", async () => {
    const first = await Hand.open(one);
    await emit(first.sid, "here");
    await first.next();
    const ended = await one.metric("belfry_disconnections_total");
    redis.pause();
    try {
      for (const room of ["first", "second"]) first.socket.send(`420["join",{"room":"${room}"}]`);
      first.socket[Symbol.dispose]();
      await until(async () => (await one.metric("belfry_disconnections_total")) > ended);
    } finally {
      redis.resume();
    }
    await until(async () => (await bus.exists(sessionKey(first.pid, "/"))) === 0);
    const outcomes = await outcomesOf(async () => {
      using back = await Hand.open(two, { pid: first.pid, offset: first.offset });
      expect(back.sid).not.toBe(first.sid);
    });
    expect(outcomes).toEqual({ session_unknown: 1 });
  });

  test("of many that come with one private id at once, one gets the session", async () => {
    for (let round = 0; round < 10; round++) {
      const first = await Hand.open(one);
      const claim = await first.leave();
      const comers = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => Hand.open(index % 2 === 0 ? one : two, claim)),
      );
      // One that came late may have taken it from one that was early: the early one is told that it is out.
      const alive: Hand[] = [];
      for (const comer of comers.filter(({ sid }) => sid === first.sid)) {
        await emit(first.sid, "who");
        const answer = String(await comer.socket.waitForMessage());
        if (answer !== "41") alive.push(comer);
      }
      expect(alive).toHaveLength(1);
      for (const comer of comers) comer[Symbol.dispose]();
    }
  });

  test("the connection that a client had before is told that it is out, on whichever gateway it is", async () => {
    for (const [before, after] of [
      [one, two],
      [two, one],
      [one, one],
    ] as const) {
      using first = await Hand.open(before);
      await emit(first.sid, "here");
      await first.next();
      using back = await Hand.open(after, { pid: first.pid, offset: first.offset });
      expect(back.sid).toBe(first.sid);
      expect(await first.socket.waitForMessage()).toBe("41");
      await emit(first.sid, "there");
      expect(await back.next()).toBe("there");
    }
  });

  test("T15 a page does not come back to a room whose secret was changed meanwhile", async () => {
    const first = await Hand.open(one);
    await first.join("shop::b", "S");
    const claim = await first.leave();
    await bus.set("ws-emit::secret::shop", "T");
    try {
      const outcomes = await outcomesOf(async () => {
        using back = await Hand.open(two, claim);
        expect(back.sid).not.toBe(first.sid);
        await emit("shop::b", "secret");
        await emit(undefined, "public");
        expect(await back.next()).toBe("public");
      });
      expect(outcomes).toEqual({ rights: 1 });
    } finally {
      await bus.set("ws-emit::secret::shop", "S");
    }
  });

  test.each([
    ["leave_room", { room: "time" }],
    ["enter_room", { room: "more" }],
    ["disconnect", {}],
    ["close_room", { room: "time" }],
  ])("a client that a backend moved while it was away is a new one: %s", async (method, more) => {
    const first = await Hand.open(one);
    await first.join("time");
    const claim = await first.leave();
    await flaskPublish(bus, { method, sid: first.sid, namespace: "/", ...more });
    const outcomes = await outcomesOf(async () => {
      using back = await Hand.open(two, claim);
      expect(back.sid).not.toBe(first.sid);
    });
    expect(outcomes).toEqual({ changed: 1 });
  });

  test("a client that left, or that a backend disconnected, does not come back", async () => {
    const outcomes = await outcomesOf(async () => {
      const first = await Hand.open(one);
      await emit(first.sid, 1);
      await first.next();
      first.socket.send("41");
      await until(async () => (await bus.exists(sessionKey(first.pid, "/"))) === 0);
      const second = await Hand.open(one);
      await emit(second.sid, 1);
      await second.next();
      await flaskPublish(bus, { method: "disconnect", sid: second.sid, namespace: "/" });
      expect(await second.socket.waitForMessage()).toBe("41");
      for (const gone of [first, second]) {
        const { pid, offset } = gone;
        using back = await Hand.open(two, { pid, offset });
        expect(back.sid).not.toBe(gone.sid);
      }
    });
    expect(outcomes).toEqual({ session_unknown: 2 });
  });
});

describe("rooms of a client that comes back", () => {
  test("PSQ-13 it is in the rooms that a backend put it into, and not in those that it left", async () => {
    const first = await Hand.open(one);
    await first.join("left");
    await first.join("kept");
    await flaskPublish(bus, { method: "enter_room", sid: first.sid, namespace: "/", room: "given" });
    first.socket.send('422["leave",{"room":"left"}]');
    expect(await first.socket.waitForMessage()).toBe("432[]");
    const claim = await first.leave();
    for (const room of ["left", "kept", "given"]) await emit(room, room);
    using back = await Hand.open(two, claim);
    expect(back.sid).toBe(first.sid);
    expect(back.missed.map((packet) => (JSON.parse(packet.slice(2)) as unknown[])[1])).toEqual([
      "kept",
      "given",
    ]);
    for (const room of ["left", "kept", "given"]) await emit(room, room);
    expect([await back.next(), await back.next()]).toEqual(["kept", "given"]);
  });

  test("what was said in a room before it joined is not for it, although its offset is older", async () => {
    const first = await Hand.open(one);
    await emit(first.sid, "here");
    await first.next();
    await emit("late", "before");
    await emit("elsewhere", "x");
    // Both are on the way of the queue before the join is.
    using other = await Hand.open(one);
    await other.join("late");
    await emit("late", "also before");
    await other.next();
    await first.join("late");
    first.socket[Symbol.dispose]();
    await emit("late", "after");
    await other.next();
    using back = await Hand.open(two, { pid: first.pid, offset: first.offset });
    expect(back.sid).toBe(first.sid);
    expect(back.missed.map((packet) => (JSON.parse(packet.slice(2)) as unknown[])[1])).toEqual(["after"]);
  });

  test("NRE-02 PSQ-08 what leaves it out, and what may be lost, is not for it", async () => {
    const first = await Hand.open(one);
    await first.join("time");
    const claim = await first.leave();
    await emit("time", "skipped", { skip_sid: first.sid });
    await emit("time", "heard");
    using back = await Hand.open(two, claim);
    expect(back.missed.map((packet) => (JSON.parse(packet.slice(2)) as unknown[])[1])).toEqual(["heard"]);
  });
});

describe("a gateway that was cut off from Redis", () => {
  test("F1 I10 its clients are told within 5 s: they come back to it as new ones", async () => {
    const open = async (gateway: TestGateway): Promise<ReturningClient> => {
      const port = portOf(gateway);
      const page = await ReturningClient.open({ version: "4.8", transport: "websocket", port });
      await page.ask("join", { room: "time" });
      return page;
    };
    // One at each: what is told later would meet the clients of the next test.
    await using near = await open(one);
    await using far = await open(two);
    const pages = [near, far];
    await emit("time", 1);
    for (const page of pages) await page.waitFor(2);
    // Both gateways lose their subscriptions, and this is published meanwhile.
    await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
    await emit("time", 2);
    const began = performance.now();
    for (const page of pages) await page.waitFor(4);
    expect(performance.now() - began).toBeLessThan(5_000);
    for (const page of pages) {
      const events = page.lines.filter(([event]) => event !== "update");
      expect(events).toEqual([["connect", false], ["disconnect"], ["connect", false]]);
      expect(page.ids[1]).not.toBe(page.ids[0]);
    }
    for (const gateway of [one, two])
      expect(await gateway.metric("belfry_disconnections_total", 'reason="gap"')).toBeGreaterThan(0);
  });
});

describe("what is kept", () => {
  test("SEC-04 no private id, no secret and no proof of one that could be tried; it ends by itself", async () => {
    using client = await Hand.open(one);
    await client.join("shop::c", "S");
    const keys = String(await redis.command("KEYS", "belfry-session:*"));
    expect(keys).not.toContain(client.pid);
    const names = await bus.keys("belfry-session:*");
    const values = await Promise.all(names.map(async (name) => bus.get(name)));
    const value = values.find((text) => text?.includes(client.sid)) ?? "";
    expect(value).toContain("shop::c");
    expect(value).not.toContain('"S"');
    expect(value).not.toContain(client.pid);
    for (const name of names) expect(await bus.ttl(name)).toBeGreaterThan(0);
  });

  test("an event that has no position says so, and its client does not come back", async () => {
    const first = await Hand.open(one);
    const { pid } = await first.leave();
    using back = await Hand.open(two, { pid, offset: "-" });
    expect(back.sid).not.toBe(first.sid);
  });
});
