// Events of rooms on their way to webhooks, over every driver: each URL gets each event once and in the order of its room, whatever
// the receivers do, and what cannot be delivered is a dead letter.

import { createHash } from "node:crypto";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Backplane } from "../../src/brokers/driver.ts";
import { openBackplane } from "../../src/brokers/registry.ts";
import type { drivers } from "../../src/brokers/registry.ts";
import { silent } from "../../src/core/observe.ts";
import { eventFields, eventsQueue } from "../../src/brokers/room-event.ts";
import type { RoomEvent } from "../../src/brokers/room-event.ts";
import type { QueueReader } from "../../src/gateway/queue-reader.ts";
import { webhookReaders } from "../../src/gateway/webhooks.ts";
import { webhooksOptions } from "../../src/webhooks/options.ts";
import type { WebhooksOptions } from "../../src/webhooks/options.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { Random } from "../support/random.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { type Behaviour, WebhookReceiver } from "../support/webhook-receiver.ts";

setDefaultTimeout(60_000);

const secretOf = (fill: number): string => `whsec_${Buffer.alloc(32, fill).toString("base64")}`;
const secret = secretOf(1);

interface Started {
  readonly backplane: Backplane;
  /** What was counted: `request ok` and `event ok` and the like. */
  readonly counts: Map<string, number>;
  readonly log: { readonly event: string; readonly fields: unknown }[];
}

/** Gateways and receivers of one test alone, with a Redis of their own: most of a test is waiting, so they run at the same time. */
class World implements AsyncDisposable {
  /** None where the gateways keep all in memory. */
  readonly redis: RedisServer | undefined;
  readonly open: { readonly backplane: Backplane; readonly readers: readonly QueueReader[] }[] = [];
  readonly #receivers: WebhookReceiver[] = [];

  private constructor(redis: RedisServer | undefined) {
    this.redis = redis;
  }

  static async make(driver: keyof typeof drivers): Promise<World> {
    if (driver === "memory") return new World(undefined);
    const rights = "eval evalsha xlen xrange xrevrange xadd xdel expire time get set del".replaceAll(
      /\w+/g,
      "+$&",
    );
    const users = [
      `few on >p ~belfry:events* &* -@all +@connection +@pubsub ${rights}`,
      "none on >p ~a* &* +@all",
    ];
    return new World(await startRedis({ users }));
  }

  /** A gateway, as far as webhooks go. */
  async start(options: Partial<WebhooksOptions>, url = this.redis?.url): Promise<Started> {
    const counts: Started["counts"] = new Map();
    const log: Started["log"][number][] = [];
    const count = (name: string, by: number) => void counts.set(name, (counts.get(name) ?? 0) + by);
    const observe = {
      ...silent,
      webhookAsked: (outcome: string) => count(`request ${outcome}`, 1),
      webhookTold: (outcome: string, events: number) => count(`event ${outcome}`, events),
      log: (_: unknown, event: string, fields: unknown) => void log.push({ event, fields }),
      hint: (event: string, { fields }: { readonly fields: unknown }) => log.push({ event, fields }) > 0,
      report: (stage: string, error: unknown) => void log.push({ event: stage, fields: error }),
    };
    const backplane = await openBackplane({ url, observe: silent, limits: defaultLimits });
    const all = webhooksOptions.parse({ secrets: [secret], allowPrivate: ["127.0.0.1"], ...options });
    const readers = webhookReaders(all, { backplane, observe });
    this.open.push({ backplane, readers });
    for (const reader of readers) reader.start();
    return { backplane, counts, log };
  }

  /** A gateway without webhooks. */
  async writer(): Promise<Pick<Started, "backplane">> {
    const backplane = await openBackplane({ url: this.redis?.url, observe: silent, limits: defaultLimits });
    this.open.push({ backplane, readers: [] });
    return { backplane };
  }

  async receiver(itsSecret = secret): Promise<WebhookReceiver> {
    const started = await WebhookReceiver.start(itsSecret);
    this.#receivers.push(started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { backplane, readers } of this.open) {
      await Promise.all(readers.map(async (reader) => reader.stop()));
      await backplane.close();
    }
    for (const receiver of this.#receivers) await receiver[Symbol.asyncDispose]();
    await this.redis?.stop();
  }
}

/** Events of a room with these numbers, as the store of presence writes them. */
async function happen(
  { backplane }: Pick<Started, "backplane">,
  room: string,
  numbers: readonly number[],
  more: Partial<RoomEvent> = {},
) {
  for (const seq of numbers) {
    const event = {
      type: "user_joined",
      namespace: "/",
      room,
      user: `user${seq}`,
      epoch: "e",
      seq,
      at: Date.now(),
      ...more,
    } as const;
    await backplane.events.add(eventsQueue, eventFields(event));
  }
}

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

function queueOf({ url }: WebhookReceiver): string {
  return `${eventsQueue}:${createHash("sha256").update(url).digest("hex").slice(0, 16)}`;
}

async function deadLetters({ backplane }: Started, to: WebhookReceiver, count = 1_000) {
  return backplane.events.look(queueOf(to), count);
}

async function heard(to: WebhookReceiver, room: string, count: number, timeoutMs = 20_000): Promise<void> {
  await until(
    () => to.seqs(room).length >= count,
    timeoutMs,
    () => `${count} events of ${room}, got ${to.seqs(room).length}`,
  );
}

for (const driver of ["memory", "redis"] as const) {
  describe(`webhooks: ${driver}`, () => {
    test.concurrent("events come signed, whole, and in batches", async () => {
      await using world = await World.make(driver);
      const to = await world.receiver();
      const gateway = await world.start({ urls: [to.url] });
      const at = Date.now();
      await happen(gateway, "a", [1], { type: "room_occupied", user: undefined, at });
      await happen(gateway, "é::b", [7], { namespace: "/chat", user: "ann", at });
      await until(() => to.events.length === 2);
      expect(to.events.map((event) => ({ ...event, id: "" }))).toEqual([
        { id: "", type: "room_occupied", room: "a", epoch: "e", seq: 1, at },
        {
          id: "",
          type: "user_joined",
          room: "é::b",
          namespace: "/chat",
          user: "ann",
          epoch: "e",
          seq: 7,
          at,
        },
      ]);
      await happen(gateway, "many", range(0, 1_000));
      await heard(to, "many", 1_000);
      expect(to.seqs("many")).toEqual(range(0, 1_000));
      expect(to.taken.length).toBe(1_002);
      expect(to.faults).toEqual([]);
      expect(to.mostAtOnce).toBe(1);
      expect(new Set(to.requests.map(({ id }) => id)).size).toBe(to.requests.length);
      for (const { id, events } of to.requests) expect(id).toBe(`msg_${events[0]?.id}-${events.length}`);
      // A request for each hundred, and few for what came bit by bit.
      expect(to.requests.length).toBeLessThan(20);
      await until(() => gateway.counts.get("event ok") === 1_002);
      expect(gateway.counts).toEqual(
        new Map([
          ["request ok", to.requests.length],
          ["event ok", 1_002],
        ]),
      );
    });

    test.concurrent("only the events and rooms of the config are sent, and what is no event is kept apart", async () => {
      await using world = await World.make(driver);
      const to = await world.receiver();
      const gateway = await world.start({
        urls: [to.url],
        events: ["user_left"],
        rooms: ["a*", "/chat,*"],
      });
      const left = { type: "user_left" } as const;
      await happen(gateway, "a1", [1]);
      await happen(gateway, "b1", [2], left);
      await gateway.backplane.events.add(eventsQueue, [["event", "nonsense"]]);
      await happen(gateway, "b1", [3], { ...left, namespace: "/chat" });
      await happen(gateway, "a1", [4], left);
      await until(() => to.events.length === 2);
      expect(to.events.map(({ seq }) => seq)).toEqual([3, 4]);
      await until(async () => (await gateway.backplane.events.look(eventsQueue, 1)).waiting === 0);
      const { refused, newest } = await gateway.backplane.events.look(eventsQueue, 10);
      expect([refused, newest[0]?.reason]).toEqual([1, "event_invalid"]);
      expect(gateway.counts.get("event event_invalid")).toBe(1);
    });

    test.concurrent("several secrets sign: a receiver that knows one of them is served through a change", async () => {
      await using world = await World.make(driver);
      const old = await world.receiver();
      const changed = await world.receiver(secretOf(2));
      const gateway = await world.start({ urls: [old.url, changed.url], secrets: [secretOf(2), secret] });
      await happen(gateway, "a", [1]);
      await heard(old, "a", 1);
      await heard(changed, "a", 1);
      expect([...old.faults, ...changed.faults]).toEqual([]);
      expect(old.requests[0]?.signatures.length).toBe(2);
    });

    test.concurrent("what a receiver fails is sent again with the same id, and once it is taken the next follow in order", async () => {
      await using world = await World.make(driver);
      const failing = {
        status: [500, 404, "redirect"],
        unreachable: ["reset"],
        answer_too_large: ["flood"],
      } as const;
      const all: WebhookReceiver[] = [];
      for (const behaviour of Object.values(failing).flat()) {
        const to = await world.receiver();
        to.behaviour = behaviour;
        all.push(to);
      }
      const gateway = await world.start({ urls: all.map(({ url }) => url) });
      await happen(gateway, "a", range(0, 30));
      await until(() => all.every(({ requests }) => requests.length > 0));
      await happen(gateway, "a", range(30, 60));
      await until(() => all.every(({ requests }) => requests.length > 1));
      for (const to of all) to.behaviour = 200;
      for (const to of all) {
        await heard(to, "a", 60);
        expect(to.seqs("a")).toEqual(range(0, 60));
        expect(to.taken.length).toBe(60);
        expect(to.faults).toEqual([]);
        const [first, second] = to.requests;
        expect([second?.id, second?.events]).toEqual([first?.id, first?.events]);
        // It waited, a second give or take a fifth.
        expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(790);
      }
      const said = (name: string) => gateway.log.filter(({ event }) => event === name);
      const reasons = said("webhook_failed").map(
        ({ fields }) => (fields as { readonly reason: string }).reason,
      );
      const expected = Object.entries(failing).flatMap(([reason, those]) => those.map(() => reason));
      expect(reasons.sort()).toEqual(expected.sort());
      await until(() => said("webhook_back").length === all.length);
    });

    test.concurrent("a receiver that answers late or not at all is given 5 s, and the event comes again", async () => {
      await using world = await World.make(driver);
      const [late, stalled] = [await world.receiver(), await world.receiver()];
      late.behaviour = "late";
      stalled.behaviour = "stall";
      const gateway = await world.start({ urls: [late.url, stalled.url] });
      await happen(gateway, "a", [1]);
      await until(() => late.requests.length === 1 && stalled.requests.length === 1);
      const asked = performance.now();
      await until(() => (gateway.counts.get("request timeout") ?? 0) === 2, 10_000);
      expect(performance.now() - asked).toBeGreaterThan(4_500);
      expect(performance.now() - asked).toBeLessThan(7_000);
      late.behaviour = 200;
      stalled.behaviour = 200;
      await heard(late, "a", 1);
      await heard(stalled, "a", 1);
      expect(new Set(late.requests.map(({ id }) => id)).size).toBe(1);
    });

    test.concurrent("`Retry-After` is heeded, in seconds and as a date, and what is no time is not", async () => {
      await using world = await World.make(driver);
      const [seconds, date, none] = [await world.receiver(), await world.receiver(), await world.receiver()];
      seconds.retryAfter = "3";
      date.retryAfter = new Date(Date.now() + 5_000).toUTCString();
      none.retryAfter = "soon";
      const all = [seconds, date, none];
      for (const to of all) to.behaviour = 503;
      const gateway = await world.start({ urls: all.map(({ url }) => url) });
      await happen(gateway, "a", [1]);
      await until(() => all.every(({ requests }) => requests.length === 1));
      for (const to of all) to.behaviour = 200;
      for (const to of all) await heard(to, "a", 1);
      const [afterSeconds = 0, afterDate = 0, afterNone = 0] = all.map(
        ({ requests: [first, second] }) => (second?.at ?? 0) - (first?.at ?? 0),
      );
      expect(afterSeconds).toBeGreaterThan(2_990);
      expect(afterSeconds).toBeLessThan(5_000);
      // Dates have whole seconds.
      expect(afterDate).toBeGreaterThan(2_000);
      expect(afterNone).toBeLessThan(2_000);
    });

    test.concurrent("410: the URL is not asked any more, its events are dead letters at once, and others are told", async () => {
      await using world = await World.make(driver);
      const [gone, well] = [await world.receiver(), await world.receiver()];
      gone.behaviour = 410;
      const gateway = await world.start({ urls: [gone.url, well.url] });
      await happen(gateway, "a", range(0, 10));
      await heard(well, "a", 10);
      await until(async () => (await deadLetters(gateway, gone)).refused === 10);
      gone.behaviour = 200;
      await happen(gateway, "a", range(10, 150));
      await heard(well, "a", 150);
      await until(async () => (await deadLetters(gateway, gone)).refused === 150);
      const { waiting, newest } = await deadLetters(gateway, gone, 1);
      expect(waiting).toBe(0);
      expect(newest[0]).toMatchObject({
        reason: "gone",
        text: "Expected an answer 2xx, got status 410 (gone): the URL is not asked any more",
      });
      expect(gone.requests.length).toBe(1);
      expect(gateway.counts.get("request gone")).toBe(1);
      expect(gateway.counts.get("event gone")).toBe(150);
      expect(gateway.log.filter(({ event }) => event === "webhook_gone")).toHaveLength(1);
      expect(gateway.log.filter(({ event }) => event === "webhook_failed")).toEqual([]);
    });

    test.concurrent("a receiver that is dead does not hold up another, and hears all when it is back", async () => {
      await using world = await World.make(driver);
      const [dead, well] = [await world.receiver(), await world.receiver()];
      await dead.die();
      const gateway = await world.start({ urls: [dead.url, well.url] });
      await happen(gateway, "a", range(0, 250));
      await heard(well, "a", 250, 5_000);
      expect(dead.events).toEqual([]);
      await dead.revive();
      await heard(dead, "a", 250);
      for (const to of [dead, well]) {
        expect(to.seqs("a")).toEqual(range(0, 250));
        expect(to.taken.length).toBe(250);
      }
    });

    test.concurrent("what is not taken in time is a dead letter, and what comes later is sent", async () => {
      await using world = await World.make(driver);
      const to = await world.receiver();
      to.behaviour = 503;
      const gateway = await world.start({ urls: [to.url], retry: 2 });
      await happen(gateway, "a", range(0, 10));
      await until(async () => (await deadLetters(gateway, to)).refused === 10, 20_000);
      const { waiting, newest } = await deadLetters(gateway, to, 1);
      expect(waiting).toBe(0);
      expect(newest[0]).toMatchObject({
        reason: "status",
        text: "Expected an answer 2xx within 2 s, got status 503",
      });
      expect(newest[0]?.fields.map(([name, value]) => `${name}=${value.toString()}`)).toEqual(
        expect.arrayContaining(["event=user_joined", "room=a", "seq=9", "user=user9"]),
      );
      expect(gateway.counts.get("event status")).toBe(10);
      expect(gateway.log.some(({ event }) => event === "webhook_dead")).toBe(true);
      to.behaviour = 200;
      await happen(gateway, "a", range(10, 20));
      await heard(to, "a", 10);
      expect(to.seqs("a")).toEqual(range(10, 20));
    });

    test.concurrent("of more events than may wait, the oldest are dead letters", async () => {
      await using world = await World.make(driver);
      const [dead, well] = [await world.receiver(), await world.receiver()];
      dead.behaviour = 500;
      const gateway = await world.start({ urls: [dead.url, well.url], backlog: 100 });
      for (let from = 0; from < 350; from += 50) {
        await happen(gateway, "a", range(from, from + 50));
        await heard(well, "a", from + 50);
      }
      await until(async () => (await deadLetters(gateway, dead)).refused === 250);
      expect((await deadLetters(gateway, dead)).waiting).toBe(100);
      expect(gateway.counts.get("event backlog")).toBe(250);
      dead.behaviour = 200;
      await heard(dead, "a", 100);
      expect(dead.seqs("a")).toEqual(range(250, 350));
    });

    test.concurrent("T24 no request goes to an address that is not allowed: its events become dead letters", async () => {
      await using world = await World.make(driver);
      const to = await world.receiver();
      const gateway = await world.start({ urls: [to.url], allowPrivate: ["10.0.0.0/8"], retry: 1 });
      await happen(gateway, "a", [1]);
      await until(async () => (await deadLetters(gateway, to)).refused === 1, 20_000);
      expect((await deadLetters(gateway, to)).newest[0]).toMatchObject({ reason: "address_blocked" });
      expect(to.requests).toEqual([]);
    });
  });
}

test.concurrent("a user of Redis needs no more rights than docs/webhooks.md says", async () => {
  await using world = await World.make("redis");
  const [to, dead] = [await world.receiver(), await world.receiver()];
  dead.behaviour = 500;
  const gateway = await world.start({ urls: [to.url, dead.url], retry: 1 }, world.redis?.urlFor("few", "p"));
  await happen(gateway, "a", range(0, 20));
  await heard(to, "a", 20);
  await until(async () => (await deadLetters(gateway, dead)).refused === 20, 10_000);
  expect(gateway.log.filter(({ event }) => event === "queue_refused")).toEqual([]);
});

test.concurrent("a user of Redis who may not read the events is said in the log, and nothing is lost", async () => {
  await using world = await World.make("redis");
  const to = await world.receiver();
  const refused = await world.start({ urls: [to.url] }, world.redis?.urlFor("none", "p"));
  const writer = await world.writer();
  await happen(writer, "a", [1]);
  await until(() => refused.log.some(({ event }) => event === "queue_refused"), 10_000);
  expect(to.requests).toEqual([]);
  await world.start({ urls: [to.url] });
  await heard(to, "a", 1);
});

const behaviours: readonly Behaviour[] = [
  200,
  200,
  200,
  200,
  204,
  500,
  "redirect",
  "reset",
  "flood",
  "stall",
];

test.concurrent.each([2, 3])(
  "F9 gateways come and go, receivers do as they like: nothing is lost or out of order (seed %d)",
  async (seed) => {
    await using world = await World.make("redis");
    const random = new Random(seed);
    const to = [await world.receiver(), await world.receiver()];
    const rooms = ["a", "b", "c"];
    const options = { urls: to.map(({ url }) => url) };
    const writer = await world.writer();
    const steps = [
      // As a crash: the lease stays.
      async () => world.open.splice(1, 1)[0]?.backplane.close(),
      async () => {
        const [stopped] = world.open.splice(1, 1);
        await Promise.all((stopped?.readers ?? []).map(async (reader) => reader.stop()));
        await stopped?.backplane.close();
      },
      async () => world.start(options),
      async () => world.redis?.command("SCRIPT", "FLUSH"),
    ];
    await world.start(options);
    await world.start(options);
    let seq = 0;
    for (let round = 0; round < 50; round++) {
      const count = random.below(30);
      for (const room of rooms) {
        await happen(writer, room, range(seq, seq + count));
      }
      seq += count;
      random.pick(to).behaviour = random.pick(behaviours);
      if (random.below(8) === 0) await random.pick(steps)();
      await Bun.sleep(random.below(200));
    }
    for (const one of to) one.behaviour = 200;
    await world.start(options);
    for (const one of to) {
      for (const room of rooms) {
        await heard(one, room, seq, 45_000);
        expect(one.seqs(room)).toEqual(range(0, seq));
      }
      expect(one.faults).toEqual([]);
      expect(one.mostAtOnce).toBeLessThanOrEqual(2);
    }
  },
  90_000,
);
