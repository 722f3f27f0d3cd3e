// A gateway that was cut off from Redis takes over from another one what was said meanwhile, so that clients of before come back to it;
// and a gateway that drains goes on handing over until it ends.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createClient } from "@redis/client";
import { peersChannel } from "../../src/peers/bus-peers.ts";
import { flaskEmit } from "../support/flask.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { Native, Streamed, speak } from "../support/native-returns.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";
import { ReturningClient } from "../support/returning-client.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const connectTo = (url: string) => createClient({ url });

let redis: RedisServer;
let bus: ReturnType<typeof connectTo>;

beforeAll(async () => {
  redis = await startRedis();
  bus = connectTo(redis.url);
  await bus.connect();
});
afterAll(async () => {
  bus.destroy();
  await redis.stop();
});

const start = async (url = redis.url): Promise<TestGateway> =>
  startGateway({ redis: url, socketio: { recovery: true } });

const invalid = async (gateway: TestGateway): Promise<number> =>
  gateway.metric("belfry_skipped_total", 'reason="tape_invalid"');

test("F3 I3 clients that left before a gateway was cut off come back to it and miss nothing: another one was not", async () => {
  await using link = await TcpProxy.start(redis.port);
  await using whole = await start();
  await using hurt = await start(`redis://127.0.0.1:${link.port}`);
  const stop = speak(bus);
  const natives = [new Native(), new Streamed()];
  const stayed = new Native();
  const port = Number(new URL(hurt.url).port);
  const page = { version: "4.8", port } as const;
  await using away = await ReturningClient.open({ ...page, transport: "websocket" });
  // This one stays, is closed behind the gap, and comes back by itself, as fast as pages do by default.
  await using closed = await ReturningClient.open({ ...page, transport: "polling", reconnectMs: 1_000 });
  const pages = [away, closed];
  try {
    for (const one of pages) await one.ask("join", { room: "time" });
    const [first, second] = natives;
    await first?.come(whole.url);
    await second?.come(hurt.url);
    await stayed.come(hurt.url);
    await until(() => natives.every(({ heard }) => heard.length > 10));
    await until(() => pages.every(({ offsets }) => offsets.length > 10));
    for (const native of natives) native.leave();
    await away.cutOff();
    // Each was at one of them, and both have said more since.
    const had = stayed.heard.length;
    await until(() => stayed.heard.length > had + 10);
    link.cut();
    await until(() => !hurt.gateway.readiness().isReady);
    await Bun.sleep(300);
    link.heal();
    // The first one was at its start.
    await until(() => hurt.log.split('"tape_taken"').length === 3, 15_000);
    for (const native of natives) await native.come(hurt.url);
    await away.comeBack();
    await until(() => closed.ids.length === 2, 15_000);
    const count = await stop();
    const from = (began: unknown): readonly number[] =>
      Array.from({ length: count - Number(began) }, (_, index) => Number(began) + index);
    for (const { heard, verdicts } of natives) {
      await until(
        () => heard.at(-1) === count - 1,
        20_000,
        () => `${count - 1}, got ${String(heard.at(-1))} after ${verdicts.join()}`,
      );
      expect(verdicts).toEqual([undefined, true]);
      expect(heard).toEqual([...from(heard[0])]);
    }
    for (const { lines } of pages) {
      const updates = (): unknown[] => lines.filter(([event]) => event === "update").map(([, data]) => data);
      await until(() => updates().at(-1) === count - 1, 20_000);
      const connects = lines.filter(([event]) => event === "connect");
      expect(connects).toEqual([
        ["connect", false],
        ["connect", true],
      ]);
      expect(updates()).toEqual([...from(updates()[0])]);
    }
    // A client that stayed was told instead, and what came since is not repeated to it.
    expect(stayed.gaps).toBeGreaterThan(0);
    expect(new Set(stayed.heard).size).toBe(stayed.heard.length);
    expect(stayed.heard.length).toBeLessThan(count);
    expect([await invalid(hurt), await invalid(whole)]).toEqual([0, 0]);
  } finally {
    await stop();
    for (const native of [...natives, stayed]) native.leave();
  }
});

test("gateways that were cut off together have nothing for each other, and make no words about it", async () => {
  await using one = await start();
  await using other = await start();
  const native = new Native();
  await native.come(one.url);
  await until(async () => {
    await flaskEmit(bus, ["update", 1], { room: "time" });
    return native.at !== undefined;
  });
  const { at } = native;
  native.leave();
  const gateways = [one, other];
  const lost = async (gateway: TestGateway): Promise<number> => gateway.metric("belfry_tape_bytes");
  await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
  for (const gateway of gateways) await until(async () => (await lost(gateway)) === 0);
  for (const gateway of gateways) await until(() => gateway.gateway.readiness().isReady, 15_000);
  native.at = at;
  await native.come(other.url);
  expect(native.verdicts).toEqual([undefined, false]);
  native.leave();
  for (const { log } of gateways) expect(log).not.toContain("tape_not_taken");
  for (const gateway of gateways) expect(await invalid(gateway)).toBe(0);
});

/** Takes a tape over part by part, when the test says so. */
class SlowTaker implements AsyncDisposable {
  readonly #name = "slow-00000000";
  readonly #ear = connectTo(redis.url);
  readonly #answers = new Map<string, unknown>();
  /** Gateways that run. */
  readonly #others = new Set<string>();
  #asked = 0;

  async start(): Promise<void> {
    await this.#ear.connect();
    await this.#ear.subscribe([peersChannel, `${peersChannel}:${this.#name}`], (text) => {
      const said = JSON.parse(text) as { readonly kind: string; readonly from: string; readonly id?: string };
      if (said.kind === "goodbye") this.#others.delete(said.from);
      else if (said.from !== this.#name) this.#others.add(said.from);
      if (said.kind === "answer") this.#answers.set(said.id ?? "", (said as { answer?: unknown }).answer);
    });
    await this.#say(peersChannel, { kind: "beat", isNew: true });
    await until(() => this.#others.size > 0);
  }

  async ask(question: object): Promise<{ readonly isLast?: boolean } | null> {
    const [giver = ""] = this.#others;
    const id = String(this.#asked++).padStart(32, "0");
    await this.#say(`${peersChannel}:${giver}`, { kind: "question", id, topic: "tape", question });
    await until(() => this.#answers.has(id));
    return this.#answers.get(id) as { readonly isLast?: boolean } | null;
  }

  async #say(channel: string, said: object): Promise<void> {
    await bus.publish(channel, JSON.stringify({ version: 1, from: this.#name, ...said }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ear.destroy();
  }
}

const text = "x".repeat(64 * 1024);

/** Fills the tape of a gateway that is alone. @returns a marker behind that, and a client that was there and left. */
async function fill(gateway: TestGateway): Promise<{ readonly marker: string; readonly native: Native }> {
  const native = new Native();
  await native.come(gateway.url);
  const marker = async (): Promise<string> => {
    await flaskEmit(bus, ["update", 1], { room: "time" });
    return native.at?.split(".")[0] ?? "";
  };
  await until(async () => (await marker()) !== "");
  const before = await marker();
  for (let count = 0; count < 32; count++) await flaskEmit(bus, ["update", text], { room: "time" });
  await until(async () => (await marker()) !== before);
  native.leave();
  return { marker: await marker(), native };
}

test("F10 a gateway that drains hands over until it is done, within its drain time: one that starts meanwhile takes all, one that is gone does not hold it up", async () => {
  const leaving = await start();
  const { marker, native } = await fill(leaving);
  await using taker = new SlowTaker();
  await taker.start();
  expect(await taker.ask({ kind: "offer", markers: [marker] })).toMatchObject({ token: marker });
  expect(await taker.ask({ kind: "part", number: 0 })).toMatchObject({ isLast: false });
  let hasEnded = false;
  const ending = leaving.gateway.stop(10_000).then(() => (hasEnded = true));
  await using fresh = await start();
  expect(hasEnded).toBe(false);
  expect(await fresh.metric("belfry_tape_taken_bytes")).toBeGreaterThan(32 * text.length);
  // The other one goes on, too; behind its last part the gateway ends.
  for (let number = 1; (await taker.ask({ kind: "part", number }))?.isLast === false; number++);
  await ending;
  await native.come(fresh.url);
  expect(native.verdicts).toEqual([undefined, true]);
  native.leave();
  // One that asks for nothing more is waited for no longer than the drain may take.
  await taker.ask({ kind: "offer", markers: [marker] });
  expect(await taker.ask({ kind: "part", number: 0 })).toMatchObject({ isLast: false });
  const began = performance.now();
  await fresh.gateway.stop(700);
  expect(performance.now() - began).toBeLessThan(1_500);
});
