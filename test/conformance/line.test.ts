// The line of a bus, through real buses with a tape each: gateways with the same subscriptions give the same publication
// the same position, whoever published it and whatever else was said; a cut, other subscriptions and a gateway that lags
// behind are told from that.

import { describe, expect, test } from "bun:test";
import { createClient } from "@redis/client";
import type { Bus, BusMessage, ChannelFilter } from "../../src/core/bus.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { silent } from "../../src/core/observe.ts";
import type { Publication } from "../../src/core/publication.ts";
import type { Answer } from "../../src/recovery/recovery.ts";
import type { Position } from "../../src/core/position.ts";
import { TapeRecovery } from "../../src/recovery/tape-recovery.ts";
import { createBus } from "../support/bus.ts";
import { startRedis } from "../support/redis.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";
import { exact, pattern } from "./bus-support.ts";

const maxBytes = 4_096;
/** One message of `room:a` comes through three of them. */
const filters = [exact("room:a"), exact("other"), pattern("room:*", "room:x"), pattern("r*", "rx")];
/** A subscription that comes and goes, as for names of single clients: it is not on the line. */
const passing: ChannelFilter = { kind: "exact", name: "passing" };

const source = {
  filter: exact(""),
  decode: ({ payload }: BusMessage) => publicationOf(payload.toString()),
};

/** A gateway as far as the tape needs one: a bus, and what it said at which position. */
class Listener implements AsyncDisposable {
  readonly recovery = new TapeRecovery({ maxAgeMs: 120_000, maxBytes: 1e8, now: () => performance.now() });
  /** By what was said and the subscription that it came through. */
  readonly positions = new Map<string, Position | undefined>();
  gaps = 0;
  #bus: Bus | undefined;
  #timer: NodeJS.Timeout | undefined;

  static async open(url: string | undefined, its: readonly ChannelFilter[] = filters): Promise<Listener> {
    const listener = new Listener();
    const { recovery } = listener;
    recovery.onGap(() => {
      listener.gaps++;
    });
    const bus = await createBus({
      url,
      observe: silent,
      limits: { ...defaultLimits, busMessageBytes: maxBytes },
      line: recovery,
    });
    listener.#bus = bus;
    listener.#timer = setInterval(() => {
      recovery.tick();
    }, 100);
    for (const filter of its) {
      await bus.subscribe(filter, ({ payload }) => {
        const text = payload.toString();
        // Junk is heard, and is no publication.
        if (!text.startsWith("junk"))
          listener.positions.set(
            `${filter.name} ${text}`,
            recovery.record(publicationOf(text), source, { channel: "", payload }),
          );
      });
    }
    await listener.untilMarked();
    // What was cut while the subscriptions were made is no one's loss.
    listener.gaps = 0;
    return listener;
  }

  get bus(): Bus {
    if (!this.#bus) throw new Error("Expected an open listener");
    return this.#bus;
  }

  /** Its line is whole, and it heard a marker on it. */
  async untilMarked(): Promise<void> {
    await until(() => this.recovery.here() !== undefined && this.bus.state().isReady, 5_000);
  }

  async untilHeard(text: string): Promise<void> {
    await until(
      () => this.positions.has(text),
      10_000,
      () => `${text}, got ${this.positions.size} others`,
    );
  }

  async resume(position: Position | undefined): Promise<Answer["verdict"]> {
    const { promise, resolve } = Promise.withResolvers<Answer["verdict"]>();
    this.recovery.resume([{ namespace: "/", room: "a", position, dialect: "x" }], ([answer]) => {
      resolve(answer?.verdict);
    });
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#bus?.close();
  }
}

/** What a recovered client missed, as text; the reason where it is not known. */
function missed(verdict: Answer["verdict"]): readonly string[] | string | undefined {
  if (!verdict) return undefined;
  return verdict.recovered ? verdict.missed.map(({ publication }) => publication.event) : verdict.reason;
}

function publicationOf(event: string): Publication {
  const target = { namespace: "/", rooms: ["a"], except: [], skip: [] };
  return { kind: "publication", ...target, event, args: [], attachments: [], volatile: false };
}

/** Says many things by several connections at once, some of them junk, too large, or of a subscription that is passing. */
async function sayMuch(port: number, count: number): Promise<void> {
  const publishers = Array.from({ length: 4 }, async (_value, publisher) => {
    const client = createClient({ socket: { host: "127.0.0.1", port } });
    await client.connect();
    const replies: Promise<unknown>[] = [];
    for (let message = 0; message < count; message++) {
      const channel = ["room:a", "room:b", "other", "r", "passing", "unheard"][message % 6] ?? "";
      const text = message % 7 === 0 ? "junk" : `${publisher}-${message}`;
      replies.push(client.publish(channel, message % 11 === 0 ? "x".repeat(maxBytes + 1) : text));
    }
    await Promise.all(replies);
    client.destroy();
  });
  await Promise.all(publishers);
}

describe.each([1, 2])("the line of Redis with %d io-threads", (threads) => {
  test("gives the same publication the same position on every gateway", async () => {
    await using server = await startRedis({ args: ["--io-threads", String(threads)] });
    await using first = await Listener.open(server.url);
    // The order in which they are made does not matter, and what is passing is not on the line.
    await using second = await Listener.open(server.url, filters.toReversed());
    await second.bus.subscribe(passing, () => undefined);
    const start = first.recovery.here();
    const saying = sayMuch(server.port, 5_000);
    // One that comes in the midst of it.
    await using third = await Listener.open(server.url);
    await saying;
    await first.bus.publish("room:a", "last");
    for (const one of [first, second, third]) await one.untilHeard("r* last");
    expect(first.positions.size).toBeGreaterThan(10_000);
    expect(second.positions).toEqual(first.positions);
    const since = [...third.positions].filter(([, at]) => at !== undefined);
    expect(since.length).toBeGreaterThan(0);
    for (const [text, at] of since) expect(first.positions.get(text)).toBe(at);
    // Those of one gateway are good on the other, and all that came after them is there.
    const [here, there] = [missed(await first.resume(start)), missed(await second.resume(start))];
    expect(here).toHaveLength(first.positions.size);
    expect(there).toEqual(here);
  }, 60_000);
});

describe("the line of Redis", () => {
  test("F3 a position of before a cut is refused with `gap`, and the gap is told within 5 s after its healing", async () => {
    await using server = await startRedis();
    await using proxy = await TcpProxy.start(server.port);
    await using whole = await Listener.open(server.url);
    await using hurt = await Listener.open(server.url.replace(`:${server.port}`, `:${proxy.port}`));
    await server.command("PUBLISH", "room:a", "before");
    for (const one of [whole, hurt]) await one.untilHeard("r* before");
    const before = hurt.recovery.here();
    proxy.cut();
    await until(() => hurt.recovery.here() === undefined);
    await server.command("PUBLISH", "room:a", "meanwhile");
    await whole.untilHeard("r* meanwhile");
    expect(hurt.gaps).toBe(0);
    proxy.heal();
    const healed = performance.now();
    await until(() => hurt.gaps === 1, 5_000);
    expect(performance.now() - healed).toBeLessThan(5_000);
    expect(missed(await hurt.resume(before))).toBe("gap");
    expect(missed(await whole.resume(before))).toEqual(["meanwhile", "meanwhile", "meanwhile"]);
    // From its next marker on its positions are those of the others again.
    await server.command("PUBLISH", "room:a", "after");
    for (const one of [whole, hurt]) await one.untilHeard("r* after");
    expect(hurt.positions.get("r* after")).toBe(whole.positions.get("r* after") ?? "none");
    expect([whole.gaps, hurt.gaps]).toEqual([0, 1]);
  }, 30_000);

  test("F4 a subscriber connection that is deaf is a cut, too", async () => {
    await using server = await startRedis();
    await using proxy = await TcpProxy.start(server.port);
    await using hurt = await Listener.open(server.url.replace(`:${server.port}`, `:${proxy.port}`));
    const before = hurt.recovery.here();
    proxy.blackhole({ direction: "toClient", only: /SUBSCRIBE/i });
    await server.command("PUBLISH", "room:a", "unheard");
    await until(() => hurt.recovery.here() === undefined, 15_000);
    proxy.heal();
    await until(() => hurt.gaps === 1, 5_000);
    expect(missed(await hurt.resume(before))).toBe("gap");
  }, 30_000);

  test("a position of other subscriptions is refused with `epoch`, and so is one of before a new one", async () => {
    await using server = await startRedis();
    await using first = await Listener.open(server.url);
    await using other = await Listener.open(server.url, filters.slice(1));
    const before = first.recovery.here();
    expect(missed(await other.resume(before))).toBe("epoch");
    expect(missed(await first.resume(other.recovery.here()))).toBe("epoch");
    await first.bus.subscribe(exact("new"), () => undefined);
    await first.untilMarked();
    expect(missed(await first.resume(before))).toBe("epoch");
  }, 30_000);

  test("F6 I10 a replica and a new primary have other orders: positions of another server are refused with `epoch`", async () => {
    await using primary = await startRedis();
    await using copy = await startRedis({ args: ["--replicaof", "127.0.0.1", String(primary.port)] });
    await until(
      async () => String(await copy.command("INFO", "replication")).includes("link_status:up"),
      15_000,
    );
    await using near = await Listener.open(primary.url);
    await using far = await Listener.open(copy.url);
    const [before, there] = [near.recovery.here(), far.recovery.here()];
    // The replica passes on what its primary says, markers too, and says things of its own between.
    await copy.command("PUBLISH", "room:a", "of the replica");
    await primary.command("PUBLISH", "room:a", "of the primary");
    for (const one of ["of the replica", "of the primary"]) await far.untilHeard(`r* ${one}`);
    await near.untilHeard("r* of the primary");
    expect(missed(await near.resume(before))).toEqual(Array(3).fill("of the primary"));
    expect(missed(await far.resume(before))).toBe("epoch");
    expect(missed(await near.resume(there))).toBe("epoch");
    // A failover: the gateway comes to the new primary, and no position of the old one is good there.
    await primary.kill();
    await copy.command("REPLICAOF", "NO", "ONE");
    await using moved = await Listener.open(copy.url);
    await copy.command("PUBLISH", "room:a", "after");
    for (const one of [far, moved]) await one.untilHeard("r* after");
    expect(missed(await moved.resume(before))).toBe("epoch");
    expect(missed(await far.resume(before))).toBe("epoch");
    // Gateways that were with it all the time go on, and share it with those that came.
    expect(missed(await far.resume(there))).toHaveLength(9);
    expect(moved.positions.get("r* after")).toBe(far.positions.get("r* after") ?? "none");
  }, 60_000);

  test("F1 I10 a Redis that restarts is another server", async () => {
    await using server = await startRedis();
    await using one = await Listener.open(server.url);
    const before = one.recovery.here();
    await server.restart();
    await until(() => one.gaps > 0 && one.recovery.here() !== undefined, 10_000);
    expect(missed(await one.resume(before))).toBe("epoch");
  }, 30_000);

  test("where Redis does not say which server it is, positions are good on their own gateway alone", async () => {
    await using server = await startRedis({ users: ["worker on >pass ~* &* +@all -info"] });
    const url = server.urlFor("worker", "pass");
    await using first = await Listener.open(url);
    await using second = await Listener.open(url);
    const before = first.recovery.here();
    await server.command("PUBLISH", "room:a", "said");
    for (const one of [first, second]) await one.untilHeard("r* said");
    expect(missed(await first.resume(before))).toEqual(Array(3).fill("said"));
    expect(missed(await second.resume(before))).toBe("epoch");
  }, 30_000);

  test("a position that another gateway gave first is waited for", async () => {
    await using server = await startRedis();
    await using slow = await Listener.open(server.url);
    const before = slow.recovery.here();
    // Far beyond the markers that come meanwhile: 250 messages, each through three subscriptions.
    const [marker, count] = before?.split(".") ?? [];
    const verdict = slow.resume(`${marker}.${Number(count) + 750}`);
    await server.command("PUBLISH", "room:a", "0");
    await slow.untilHeard("r* 0");
    expect(Bun.peek.status(verdict)).toBe("pending");
    for (let message = 1; message < 250; message++) void slow.bus.publish("room:a", String(message));
    await slow.untilHeard("r* 249");
    expect(await verdict).toMatchObject({ recovered: true });
    expect(missed(await slow.resume(before))).toHaveLength(750);
  }, 30_000);

  test("a position that never comes is answered after 2 s", async () => {
    await using server = await startRedis();
    await using one = await Listener.open(server.url);
    const start = performance.now();
    expect(missed(await one.resume(`${"a".repeat(24)}${one.recovery.here()?.slice(24, 32)}1.7`))).toBe(
      "too_old",
    );
    expect(performance.now() - start).toBeWithin(1_900, 4_000);
  }, 30_000);
});

describe("the line in memory", () => {
  test("has markers from its start, and a position for each publication", async () => {
    await using one = await Listener.open(undefined, [exact("room:a"), exact("other")]);
    const start = one.recovery.here();
    for (let message = 0; message < 1_000; message++) {
      const text = message % 7 === 0 ? "junk" : String(message);
      await one.bus.publish(
        message % 2 === 0 ? "room:a" : "other",
        message % 11 === 0 ? "x".repeat(5_000) : text,
      );
    }
    await one.bus.publish("room:a", "last");
    await one.untilHeard("room:a last");
    expect(new Set(one.positions.values()).size).toBe(one.positions.size);
    expect([...one.positions.values()]).not.toContain(undefined);
    expect(missed(await one.resume(start))).toHaveLength(one.positions.size);
    expect(one.gaps).toBe(0);
    // Of a process that was here before.
    await using next = await Listener.open(undefined, [exact("room:a")]);
    expect(missed(await next.resume(start))).toBe("too_old");
  }, 30_000);
});
