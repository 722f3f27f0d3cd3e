// Redis goes away and comes back while real clients are connected: they notice nothing but silence, the gateway says so
// to whoever asks, nobody is told OK for what nobody hears, and afterwards everything flows again by itself.

import { describe, expect, test } from "bun:test";
import { createClient } from "redis";
import { postEmit } from "../support/emit.ts";
import { until } from "../support/until.ts";
import { Crowd, Member } from "../support/crowd.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { Metrics } from "../support/metrics.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";

const secret = "a publish secret";
const clients = 50;
/** Readiness must be red by then, and green so soon after the healing. */
const redWithinMs = 10_000;
const greenWithinMs = 8_000;
/** An answer of `POST /emit` may take the deadline of a command to Redis, 2 s, and what a busy machine adds. */
const answerWithinMs = 4_000;
const timeoutMs = 60_000;

interface Fault {
  readonly title: string;
  inject(redis: RedisServer): Promise<void> | void;
  heal(redis: RedisServer): Promise<void> | void;
  /** From the fault to the healing. */
  readonly lengthMs: number;
}

const faults: readonly Fault[] = [
  {
    title: "F1 killed, and started again empty",
    inject: async (redis) => redis.kill(),
    heal: async (redis) => redis.restart(),
    lengthMs: 9_000,
  },
  {
    title: "F2 stopped in its tracks, and let go",
    inject: (redis) => {
      redis.pause();
    },
    heal: (redis) => {
      redis.resume();
    },
    lengthMs: 12_000,
  },
  {
    title: "F4 its subscribers thrown out",
    inject: async (redis) => void (await redis.command("CLIENT", "KILL", "TYPE", "pubsub")),
    heal: () => undefined,
    lengthMs: 0,
  },
];

/** Emits one after the other, and remembers what was answered to each. */
class Bell {
  readonly told = new Map<number, number>();
  #slowestMs = 0;
  #next = 0;
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** The longest that an answer took. */
  get slowestMs(): number {
    return this.#slowestMs;
  }

  get accepted(): readonly number[] {
    return [...this.told].filter(([, status]) => status === 200).map(([mark]) => mark);
  }

  /** The answers since an emit. */
  statusesSince(mark: number): ReadonlySet<number> {
    return new Set([...this.told].filter(([other]) => other >= mark).map(([, status]) => status));
  }

  get next(): number {
    return this.#next;
  }

  async ring(): Promise<number> {
    const mark = this.#next++;
    const start = performance.now();
    const { status, text } = await postEmit(this.#url, { secret, event: "tick", data: mark });
    expect(text).toMatch(status === 200 ? /^OK\n$/ : /^Expected .*\n$/);
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - start);
    this.told.set(mark, status);
    return status;
  }

  /** Rings until the condition holds, several at a time. */
  async ringUntil(isDone: () => boolean | Promise<boolean>): Promise<void> {
    const end = { isReached: false };
    const ringing = Array.from({ length: 3 }, async () => {
      while (!end.isReached) {
        await this.ring();
        await Bun.sleep(15);
      }
    });
    try {
      await until(isDone, 30_000);
    } finally {
      end.isReached = true;
      await Promise.all(ringing);
    }
  }
}

interface Health {
  readonly status: number;
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

async function healthOf(url: string): Promise<Health> {
  const answer = await fetch(`${url}/-/health/ready`);
  const { ready, reasons } = (await answer.json()) as Pick<Health, "ready" | "reasons">;
  return { status: answer.status, ready, reasons };
}

async function start(redis: RedisServer): Promise<TestGateway> {
  return startGateway({
    redis: redis.url,
    secret,
    roomSecrets: { configured: "known here" },
    // Heartbeats that would betray a gateway that stands still.
    socketio: { pingInterval: 1, pingTimeout: 5 },
  });
}

/** Waits until everyone heard the last that was accepted; everyone heard all that was, in one order, and nothing else. */
async function expectHeard(crowd: Crowd, bell: Bell): Promise<void> {
  expect(await bell.ring()).toBe(200);
  const last = bell.accepted.at(-1);
  await until(() => crowd.members.every(({ firsts }) => firsts.at(-1) === last));
  const [first] = crowd.members;
  const order = first?.firsts ?? [];
  const byMark = (a: unknown, b: unknown): number => Number(a) - Number(b);
  expect([...order].sort(byMark)).toEqual([...bell.accepted].sort(byMark));
  for (const { firsts } of crowd.members) expect(firsts).toEqual([...order]);
}

function expectUndisturbed(crowd: Crowd): void {
  for (const { way, socket, troubles } of crowd.members) {
    expect({ way, connected: socket.connected, troubles }).toEqual({ way, connected: true, troubles: [] });
  }
}

describe.concurrent(`${clients} real clients while Redis is away`, () => {
  for (const fault of faults) {
    test(
      `WSE-26 PSQ-16 SEC-02 ${fault.title}: clients stay, emits are refused, everything comes back`,
      async () => {
        await using redis = await startRedis();
        await using gateway = await start(redis);
        await redis.command("SET", "ws-emit::secret::shop", "known in Redis");
        using crowd = await Crowd.connect([gateway.url], clients);
        using guest = await Member.connect(gateway.url, "4 websocket");
        const ids = crowd.members.map(({ id }) => id);
        const bell = new Bell(gateway.url);
        await bell.ringUntil(() => bell.accepted.length > 50);
        expect(bell.statusesSince(0)).toEqual(new Set([200]));

        const brokenAt = performance.now();
        await fault.inject(redis);
        const firstInOutage = bell.next;
        await bell.ringUntil(
          async () => (await healthOf(gateway.url)).status === 503 || fault.lengthMs === 0,
        );
        expect(performance.now() - brokenAt).toBeLessThan(redWithinMs);
        if (fault.lengthMs > 0) {
          expect(await healthOf(gateway.url)).toEqual({
            status: 503,
            ready: false,
            reasons: [expect.stringContaining(`Expected a Redis at 127.0.0.1:${redis.port}, got `)],
          });
          expect((await fetch(`${gateway.url}/-/health/live`)).status).toBe(200);
          expect((await Metrics.of(gateway.url)).sum("belfry_bus_ready")).toBe(0);
          const beats = crowd.members.map(({ heartbeats }) => heartbeats);
          await expectDoors(gateway.url, guest);
          await bell.ringUntil(() => performance.now() - brokenAt > fault.lengthMs);
          for (const [index, member] of crowd.members.entries()) {
            expect(member.heartbeats).toBeGreaterThan((beats[index] ?? 0) + 2);
          }
          expect(bell.statusesSince(firstInOutage)).toEqual(new Set([503]));
        }

        await fault.heal(redis);
        const healedAt = performance.now();
        await bell.ringUntil(async () => (await healthOf(gateway.url)).ready);
        expect(performance.now() - healedAt).toBeLessThan(greenWithinMs);
        await expectHeard(crowd, bell);
        expect(bell.slowestMs).toBeLessThan(answerWithinMs);
        expectUndisturbed(crowd);
        expect(crowd.members.map(({ id }) => id)).toEqual(ids);
        await redis.command("SET", "ws-emit::secret::shop", "known in Redis");
        expect(await guest.join("shop::later", { secret: "known in Redis" })).toBe(true);
        const metrics = await Metrics.of(gateway.url);
        expect(metrics.sum("belfry_bus_ready")).toBe(1);
        expect(metrics.sum("belfry_connections")).toBe(clients + 1);
        // The newcomer of the outage left by himself.
        expect(metrics.sum("belfry_disconnections_total")).toBe(fault.lengthMs > 0 ? 1 : 0);
        const events = gateway.log.split("\n").flatMap((line) => /"event":"(bus_\w+)"/.exec(line)?.[1] ?? []);
        expect(events).toEqual(["bus_down", "bus_up"]);
      },
      timeoutMs,
    );
  }

  test(
    "F1 PSQ-16 WSE-26 two gateways through three crashes in a row",
    async () => {
      await using redis = await startRedis();
      await using one = await start(redis);
      await using two = await start(redis);
      using crowd = await Crowd.connect([one.url, two.url], 12);
      const isReady = async (): Promise<boolean> =>
        (await healthOf(one.url)).ready && (await healthOf(two.url)).ready;
      const bell = new Bell(one.url);
      for (let crash = 0; crash < 3; crash++) {
        await redis.restart();
        await until(isReady, 15_000);
        // What a backend says over Redis, and what comes over HTTP.
        const client = await createClient({ url: redis.url }).connect();
        const mark = -crash - 1;
        const fields = {
          method: "emit",
          event: "tick",
          data: mark,
          namespace: "/",
          room: null,
          host_id: "backend",
        };
        await client.publish("flask-socketio", JSON.stringify(fields));
        await client.close();
        bell.told.set(mark, 200);
        expect(await bell.ring()).toBe(200);
      }
      await expectHeard(crowd, bell);
      expectUndisturbed(crowd);
    },
    timeoutMs,
  );
});

/** What the outage closes and what it leaves open to clients, old and new. */
async function expectDoors(url: string, guest: Member): Promise<void> {
  // A secret that cannot be looked up admits nobody, and nobody is told that he is in.
  const asked = guest.join("shop::a", { secret: "known in Redis", timeoutMs: 3_000 });
  using newcomer = await Member.connect(url, "4 upgrade", { events: [] });
  expect(await newcomer.join("public")).toBe(true);
  expect(await newcomer.join("configured::a", { secret: "known here" })).toBe(true);
  expect(await newcomer.join("shop::b", { secret: "known in Redis", timeoutMs: 3_000 })).toBe(false);
  expect(await asked).toBe(false);
  expect(await guest.join("public")).toBe(true);
}
