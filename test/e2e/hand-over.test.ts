// A rolling restart: each gateway of two is ended and started anew while a backend goes on, and clients move between them. They
// miss nothing, because a gateway that starts takes over the tape of the other one. And what is not taken over: nonsense, and a tape of
// a gateway that is killed in the middle.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { peersChannel } from "../../src/peers/bus-peers.ts";
import { portOf } from "../support/ports.ts";
import { flaskEmit } from "../support/flask.ts";
import { startGateway } from "../support/gateway.ts";
import { Native, Streamed, speak } from "../support/native-returns.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";
import { ReturningClient } from "../support/returning-client.ts";
import { ServedGateway } from "../support/serve.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(90_000);

let redis: RedisServer;
let bus: RedisClient;

beforeAll(async () => {
  redis = await startRedis();
  bus = await connectRedis(redis.url);
});
afterAll(async () => {
  bus.destroy();
  await redis.stop();
});

const serve = async (): Promise<ServedGateway> =>
  ServedGateway.start({ args: ["--redis", redis.url, "--socketio-recovery"] });

const taken = async (gateway: ServedGateway): Promise<number> =>
  (await gateway.metrics()).sum("belfry_tape_taken_bytes");

test("F12 I3 two gateways restarted in turn, with SIGTERM and with SIGKILL: pages, native sockets and event streams miss nothing", async () => {
  const first = await serve();
  const second = await serve();
  const gateways = [first, second];
  const pages: ReturningClient[] = [];
  const natives = [new Native(), new Streamed()];
  const stop = speak(bus);
  try {
    for (const transport of ["websocket", "polling"] as const) {
      const page = await ReturningClient.open({ version: "4.8", transport, port: portOf(first) });
      pages.push(page);
      await page.ask("join", { room: "time" });
    }
    for (const native of natives) await native.come(first.url);
    await until(
      () =>
        natives.every(({ heard }) => heard.length > 10) && pages.every(({ offsets }) => offsets.length > 10),
    );
    // Each in its turn is ended and started anew; clients are always where the next one will be ended.
    for (const [index, signal] of (["SIGTERM", "SIGKILL", "SIGTERM"] as const).entries()) {
      const leaving = gateways.shift();
      const staying = gateways[0];
      if (!leaving || !staying) throw new Error("Expected two gateways");
      for (const page of pages) await page.cutOff();
      for (const native of natives) native.leave();
      leaving.process.kill(signal);
      await leaving.process.exited;
      // Away while the next one starts and takes over.
      const fresh = await serve();
      gateways.push(fresh);
      expect(await taken(fresh)).toBeGreaterThan(0);
      // To the one that has just started: what it missed happened before its time.
      const home = index === 0 ? staying : fresh;
      for (const page of pages) {
        page.proxy.moveTo(portOf(home));
        await page.comeBack();
      }
      for (const native of natives) await native.come(home.url);
      if (index > 0) gateways.reverse();
    }
    const count = await stop();
    const all = (from: unknown): readonly number[] =>
      Array.from({ length: count - Number(from) }, (_, index) => Number(from) + index);
    for (const native of natives) {
      await until(
        () => native.heard.at(-1) === count - 1,
        20_000,
        () => `${count - 1}, got ${String(native.heard.at(-1))}`,
      );
      expect(native.verdicts).toEqual([undefined, true, true, true]);
      expect(native.heard).toEqual([...all(native.heard[0])]);
    }
    for (const page of pages) {
      const updates = (): unknown[] =>
        page.lines.filter(([event]) => event === "update").map(([, data]) => data);
      await until(() => updates().at(-1) === count - 1, 20_000);
      expect(page.lines.filter(([event]) => event === "connect").slice(1)).toEqual([
        ["connect", true],
        ["connect", true],
        ["connect", true],
      ]);
      expect(updates()).toEqual([...all(updates()[0])]);
    }
  } finally {
    await stop();
    for (const page of pages) await page[Symbol.asyncDispose]();
    for (const native of natives) native.leave();
    for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  }
});

test("a gateway that is alone takes nothing over, and clients of before are told", async () => {
  const native = new Native();
  {
    await using gateway = await serve();
    await native.come(gateway.url);
    await until(async () => {
      await flaskEmit(bus, ["update", 1], { room: "time" });
      return native.at !== undefined;
    });
    native.leave();
  }
  await using fresh = await serve();
  expect(await taken(fresh)).toBe(0);
  await native.come(fresh.url);
  expect(native.verdicts).toEqual([undefined, false]);
  native.leave();
});

test("a gateway that is killed while its tape is fetched: the one that starts listens in time, and says that it took nothing", async () => {
  await using killed = await serve();
  const line = "x".repeat(64 * 1024);
  for (let count = 0; count < 256; count++) await flaskEmit(bus, ["update", line], { room: "time" });
  await until(async () => (await killed.metrics()).sum("belfry_tape_bytes") > 12 * 1024 * 1024, 15_000);
  const ear = bus.duplicate();
  await ear.connect();
  let asked = -1;
  await ear.pSubscribe(`${peersChannel}:*`, (text) => {
    const { question } = JSON.parse(text) as { readonly question?: { kind?: string; number?: number } };
    if (question?.kind !== "part") return;
    asked = Math.max(asked, question.number ?? -1);
    if (asked === 2) killed.process.kill("SIGKILL");
  });
  try {
    const began = performance.now();
    await using fresh = await serve();
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(asked).toBeGreaterThanOrEqual(2);
    await killed.process.exited;
    expect(fresh.process.output).toContain("tape_not_taken");
    expect(fresh.process.output).not.toContain("tape_taken");
    expect(await taken(fresh)).toBe(0);
  } finally {
    ear.destroy();
  }
});

test("a peer that answers nonsense is counted and left aside; one that stops in the middle costs seconds at most", async () => {
  const liar = "liar-00000000";
  const ear = bus.duplicate();
  await ear.connect();
  const answers: readonly ((question: Readonly<Record<string, unknown>>) => unknown)[] = [
    () => ({ token: "x", serial: 1, from: -5 }),
    () => "nonsense",
    ({ kind, markers }) =>
      kind === "offer"
        ? { token: (markers as string[]).at(-1), serial: 1_000_000, from: 0 }
        : {
            data: Buffer.from("nonsense").toString("base64"),
            isLast: true,
            offer: { token: "x", serial: 1_000_000, from: 0 },
          },
    // The parts never come: it was killed.
    ({ kind, markers }) =>
      kind === "offer" ? { token: (markers as string[]).at(-1), serial: 1_000_000, from: 0 } : undefined,
  ];
  let answer = answers[0];
  const say = async (channel: string, said: object): Promise<void> =>
    void (await bus.publish(channel, JSON.stringify({ version: 1, from: liar, ...said })));
  const hear = (text: string): void => {
    const { kind, from, id, topic, question, isNew } = JSON.parse(text) as Record<string, string> & {
      readonly isNew?: boolean;
      readonly question?: object;
    };
    if (kind === "beat" && isNew === true)
      void say(`${peersChannel}:${from}`, { kind: "beat", isNew: false });
    if (kind !== "question" || topic !== "tape") return;
    const said = answer?.({ ...question });
    if (said !== undefined) void say(`${peersChannel}:${from}`, { kind: "answer", id, answer: said });
  };
  await ear.subscribe(peersChannel, hear);
  await ear.subscribe(`${peersChannel}:${liar}`, hear);
  try {
    for (const one of answers) {
      answer = one;
      const began = performance.now();
      await using gateway = await startGateway({ redis: redis.url, tape: { handover: 4 } });
      expect(performance.now() - began).toBeLessThan(10_000);
      expect(await gateway.metric("belfry_tape_taken_bytes")).toBe(0);
      const counted = await gateway.metric("belfry_skipped_total", 'reason="tape_invalid"');
      const isSilent = one === answers[3];
      expect(gateway.log.includes("tape_not_taken") || counted > 0).toBe(true);
      expect(counted > 0).toBe(!isSilent);
    }
  } finally {
    ear.destroy();
  }
});
