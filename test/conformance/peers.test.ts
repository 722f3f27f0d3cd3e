// What gateways ask each other, over every driver: with one, two and three of them, all answer, or those that do not are named.
// The clock is the test's own, so beats come when it says.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import type { Backplane } from "../../src/brokers/driver.ts";
import { openBackplane } from "../../src/brokers/registry.ts";
import type { drivers } from "../../src/brokers/registry.ts";
import { answerTo } from "../../src/peers/asking.ts";
import type { Json } from "../../src/peers/peers.ts";
import { BusPeers, beatMs, peersChannel } from "../../src/peers/bus-peers.ts";
import { forgetMs } from "../../src/peers/known-gateways.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { RunningProcess } from "../support/process.ts";
import { Random } from "../support/random.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { Ear, createRecorder, exact } from "./bus-support.ts";
import type { Recorder } from "./bus-support.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis({
    users: [
      "alone on >alone ~* &flask* +@all",
      "mute on >mute ~* &* +@all -publish",
      "tightened on >p ~* &* +@all",
      "starved on >p ~* &* +@all",
    ],
  });
});
afterAll(async () => {
  await server.stop();
});

const urls: Record<keyof typeof drivers, () => string | undefined> = {
  memory: () => undefined,
  redis: () => server.url,
};

/** Short: tests wait for it where a gateway does not answer. */
const shortMs = 100;
const junkCount = 100_000;

interface Scene extends Backplane {
  readonly recorder: Recorder;
}

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function connect(url: string | undefined): Promise<Scene> {
  const recorder = createRecorder();
  const backplane = await openBackplane({ url, observe: recorder, limits: defaultLimits });
  open.push(backplane.close);
  return { ...backplane, recorder };
}

/** The clock of all gateways of a test, ms. */
let now = 0;

/** One gateway among its peers, which answers `echo`. */
async function among({ bus, recorder }: Scene, self: string, limits = defaultLimits): Promise<BusPeers> {
  const peers = new BusPeers({ bus, limits, observe: recorder, now: () => now, self });
  peers.answer("echo", (question, from) => ({ self, from, question: question as Json }));
  peers.answer("broken", () => {
    throw new Error("broken");
  });
  peers.answer("huge", () => "x".repeat(2_000_000));
  await peers.open();
  open.push(async () => peers.close());
  return peers;
}

/** All know each other. */
async function know(gateways: readonly BusPeers[]): Promise<void> {
  await until(() => gateways.every(({ others }) => others.length === gateways.length - 1));
}

for (const [name, urlOf] of Object.entries(urls)) {
  describe(`peers: ${name}`, () => {
    /** So many gateways that know each other; in memory all share the one bus. */
    const start = async (count: number): Promise<{ gateways: readonly BusPeers[]; scene: Scene }> => {
      const scene = await connect(urlOf());
      const gateways: BusPeers[] = [];
      for (let index = 0; index < count; index++) {
        const own = name === "memory" || index === 0 ? scene : await connect(urlOf());
        gateways.push(await among(own, `g${index}`));
      }
      await know(gateways);
      return { gateways, scene };
    };

    test.each([1, 2, 3])("all of %i gateways answer, the asking one included", async (count) => {
      const { gateways } = await start(count);
      for (const asking of gateways) {
        const { answers, silent } = await asking.ask("echo", { n: 1 });
        expect(silent).toEqual([]);
        const expected = gateways.map(({ self }): [string, unknown] => [
          self,
          { self, from: asking.self, question: { n: 1 } },
        ]);
        expect(answers).toEqual(new Map<string, unknown>(expected));
      }
    });

    test("one gateway is asked, also the asking one itself; one that is not there gives nothing", async () => {
      const { gateways } = await start(2);
      const [asking] = gateways;
      const asked = { topic: "echo", question: "x", deadlineMs: shortMs };
      expect(await asking?.askOne("g1", asked)).toEqual({ self: "g1", from: "g0", question: "x" });
      expect(await asking?.askOne("g0", asked)).toEqual({ self: "g0", from: "g0", question: "x" });
      for (const nobody of ["g9", "", "*", "a b", "x".repeat(1_000)])
        expect(await asking?.askOne(nobody, asked)).toBeUndefined();
    });

    test("a question without a reply, a reply that throws, an answer that is too large: silent at once, and reported", async () => {
      const { gateways, scene } = await start(2);
      for (const topic of ["unheard-of", "broken", "huge"]) {
        const began = performance.now();
        const { answers, silent } = (await gateways[1]?.ask(topic, null, 20_000)) ?? {};
        expect(performance.now() - began).toBeLessThan(10_000);
        expect([...(answers?.keys() ?? [])]).toEqual(topic === "huge" ? ["g1"] : []);
        expect(silent?.toSorted()).toEqual(topic === "huge" ? ["g0"] : ["g0", "g1"]);
      }
      expect(scene.recorder.reports.map(({ stage }) => stage)).toContain("peer_reply");
      expect(scene.recorder.reports.map(({ stage }) => stage)).toContain("peers");
    });

    test("beats keep a gateway known; one without them is forgotten after 15 s, and one that says goodbye at once", async () => {
      const { gateways, scene } = await start(3);
      const [first, second, third] = gateways;
      const ear = await Ear.open(scene.bus, { kind: "exact", name: peersChannel });
      for (let beats = 1; beats <= 4; beats++) {
        now += beatMs;
        for (const lively of [first, second]) lively?.tick(now);
        await ear.waitFor(2 * beats);
        // Behind the beats.
        expect(await first?.askOne("g1", { topic: "echo", question: beats })).toBeDefined();
        expect(await second?.askOne("g0", { topic: "echo", question: beats })).toBeDefined();
      }
      for (const lively of [first, second]) lively?.tick(now);
      expect([first?.others, second?.others]).toEqual([["g1"], ["g0"]]);
      expect(scene.recorder.events).toContainEqual({ event: "peer_silent", fields: { gateway: "g2" } });
      await second?.close();
      await until(() => first?.others.length === 0);
      await until(() => third?.others.length === 1);
      expect(now).toBeGreaterThan(forgetMs);
    });

    test("junk of any kind is ignored and counted, and the next question is answered", async () => {
      const { gateways, scene } = await start(2);
      const random = new Random(7);
      const valid = JSON.stringify({ version: 1, from: "g7", kind: "answer", id: "0".repeat(32), answer: 1 });
      const junk = [
        "",
        "{",
        "null",
        "[]",
        "\u00ff",
        '{"version":2,"from":"g7","kind":"beat","isNew":true}',
        '{"version":1,"from":"../g7","kind":"beat","isNew":true}',
        '{"version":1,"from":"g7","kind":"question","id":"x","topic":"echo"}',
        '{"version":1,"from":"g7","kind":"order"}',
        '{"__proto__":{"version":1}}',
        "[".repeat(10_000),
        "x".repeat(1_100_000),
        valid,
      ];
      for (const text of junk) await scene.bus.publish(peersChannel, text);
      for (let count = 0; count < junkCount / 500; count++) {
        const texts = Array.from({ length: 500 }, () => mutate(valid, random));
        await Promise.all(texts.map(async (text) => scene.bus.publish(peersChannel, text)));
      }
      const { silent } = (await gateways[1]?.ask("echo", 1, 5_000)) ?? {};
      expect(silent?.filter((one) => one === "g0" || one === "g1")).toEqual([]);
      const reasons = new Set(scene.recorder.skippedReasons);
      for (const reason of ["not_json", "version_unknown", "message_invalid", "too_large", "answer_unasked"])
        expect(reasons).toContain(`peers ${reason}`);
      expect(gateways[0]?.others.length).toBeLessThanOrEqual(1_000);
      expect(scene.recorder.reports).toEqual([]);
    }, 60_000);

    test("a question that cannot be read is counted each time, and reported never: it floods no log", async () => {
      const { gateways, scene } = await start(2);
      const [asked, asking] = gateways;
      if (!asked || !asking) throw new Error("Expected two gateways");
      const known = { topic: "known", asked: z.strictObject({ room: z.string() }), answered: z.string() };
      answerTo(asked, known, ({ room }) => room);
      const ask = async (about: Json) => asking.askOne("g0", { topic: "known", question: about });
      expect(await ask({ room: "a" })).toBe("a");
      for (let count = 0; count < 50; count++) expect(await ask({ room: count })).toBeUndefined();
      expect(
        scene.recorder.skippedReasons.filter((reason) => reason === "peers question_invalid"),
      ).toHaveLength(50);
      expect(scene.recorder.reports).toEqual([]);
    });

    test("what waits is bounded: the question too many is answered by none, at once", async () => {
      const { gateways } = await start(1);
      const [gateway] = gateways;
      const waiting = Array.from({ length: 1_000 }, async () =>
        gateway?.askOne("g9", { topic: "echo", question: 1, deadlineMs: 2_000 }),
      );
      expect(await gateway?.ask("echo", 1)).toEqual({ answers: new Map(), silent: ["g0"] });
      await gateway?.close();
      expect(new Set(await Promise.all(waiting))).toEqual(new Set([undefined]));
    });
  });
}

/** Some bytes of a text are others. */
function mutate(text: string, random: Random): string {
  const bytes = Buffer.from(text);
  for (let count = random.below(4) + 1; count > 0; count--)
    bytes[random.below(bytes.length)] = random.below(128);
  return random.below(3) === 0 ? bytes.subarray(0, random.below(bytes.length)).toString() : bytes.toString();
}

describe("peers on Redis", () => {
  const program = join(import.meta.dir, "../support/peer.ts");
  const runPeer = async (name: string): Promise<RunningProcess> => {
    const child = new RunningProcess([process.execPath, program, server.url, name]);
    open.push(async () => void (await child.stop()));
    await child.waitFor(/open/);
    return child;
  };

  test("a stopped process is named silent until it is forgotten, and answers when it goes on", async () => {
    const [stopped] = [await runPeer("stopped"), await runPeer("lively")];
    const scene = await connect(server.url);
    const began = performance.now();
    const asking = await among(scene, "asking");
    // Both showed themselves while it opened.
    expect(asking.others.toSorted()).toEqual(["lively", "stopped"]);
    expect(performance.now() - began).toBeLessThan(5_000);
    stopped?.kill("SIGSTOP");
    const askedAt = performance.now();
    const { answers, silent } = await asking.ask("echo", "x", 300);
    expect([[...answers.keys()].toSorted(), silent]).toEqual([["asking", "lively"], ["stopped"]]);
    expect(performance.now() - askedAt).toBeGreaterThan(290);
    expect(
      await asking.askOne("stopped", { topic: "echo", question: 1, deadlineMs: shortMs }),
    ).toBeUndefined();
    stopped?.kill("SIGCONT");
    await until(async () => (await asking.ask("echo", "y", 1_000)).silent.length === 0);
    // Its answers to the old questions came, too, and were taken for nothing.
    await until(() => scene.recorder.skippedReasons.includes("peers answer_unasked"));
  }, 30_000);

  test("an ACL that is tightened while gateways run costs the questions alone: reported once, and mended with the ACL", async () => {
    const other = await among(await connect(server.url), "other");
    const scene = await connect(server.urlFor("tightened", "p"));
    const ear = await Ear.open(scene.bus, exact("flask-socketio"));
    await among(scene, "tightened");
    await until(() => other.others.includes("tightened"));
    await until(() => scene.bus.state().isReady);

    const cut = async (...channels: readonly string[]): Promise<void> => {
      await server.command("ACL", "SETUSER", "tightened", "resetchannels", ...channels);
      await server.command("CLIENT", "KILL", "USER", "tightened");
    };
    await cut("&flask*");
    for (let outage = 1; outage <= 2; outage++) {
      await until(
        () => scene.recorder.events.filter(({ event }) => event === "bus_up").length === outage,
        20_000,
      );
      await server.command("PUBLISH", "flask-socketio", `heard ${outage}`);
      await ear.waitForText(`heard ${outage}`);
      if (outage === 1) await server.command("CLIENT", "KILL", "USER", "tightened");
    }
    // One for each channel, over two connections.
    expect(scene.recorder.reports.map(({ stage }) => stage)).toEqual(["redis_subscribe", "redis_subscribe"]);
    expect((await other.ask("echo", 1, shortMs)).silent).toContain("tightened");

    // On the connection that it has: nothing is missed by others.
    await server.command("ACL", "SETUSER", "tightened", "resetchannels", "&*");
    await until(async () => (await other.ask("echo", 1, shortMs)).silent.length === 0, 20_000);
    expect(scene.recorder.events.filter(({ event }) => event === "bus_up")).toHaveLength(2);
    expect(scene.recorder.reports).toHaveLength(2);
    await ear.close();
  }, 60_000);

  test("F8 an ACL that takes a channel of the dialects: the bus is away, said once, and tried less and less often", async () => {
    const scene = await connect(server.urlFor("starved", "p"));
    const ear = await Ear.open(scene.bus, exact("flask-socketio"));
    await until(() => scene.bus.state().isReady);
    await server.command("ACL", "SETUSER", "starved", "resetchannels", "&other");
    await server.command("CLIENT", "KILL", "USER", "starved");
    await until(() => !scene.bus.state().isReady);
    const connections = async (): Promise<number> => {
      const stats = String(await server.command("INFO", "stats"));
      return Number(/total_connections_received:(\d+)/.exec(stats)?.[1]);
    };
    const before = await connections();
    await Bun.sleep(8_000);
    // Attempts after 1, 2 and 4 s, the command link, and the question itself.
    expect((await connections()) - before).toBeLessThanOrEqual(6);
    expect(scene.recorder.events.filter(({ event }) => event === "bus_down")).toHaveLength(1);
    expect(scene.recorder.reports).toEqual([]);
    await server.command("ACL", "SETUSER", "starved", "resetchannels", "&*");
    await until(() => scene.bus.state().isReady, 20_000);
    await ear.close();
  }, 60_000);

  test.each(["alone", "mute"])(
    "the ACL of the user %p: one sentence, and the gateway answers alone",
    async (user) => {
      const other = await among(await connect(server.url), "other");
      const scene = await connect(server.urlFor(user, user));
      // As a gateway does: its feeds are subscribed by then.
      const ear = await Ear.open(scene.bus, { kind: "exact", name: "flask-socketio" });
      const gateway = await among(scene, "refused");
      expect(await gateway.ask("echo", 1)).toEqual({
        answers: new Map([["refused", { self: "refused", from: "refused", question: 1 }]]),
        silent: [],
      });
      expect(await gateway.askOne("other", { topic: "echo", question: 1 })).toBeUndefined();
      now += 3 * beatMs;
      gateway.tick(now);
      const said = scene.recorder.events.filter(({ event }) => event === "peers_refused");
      expect(said).toHaveLength(1);
      expect(String(said[0]?.fields["text"])).toContain("no permission for that user (NOPERM)");
      expect(scene.recorder.reports).toEqual([]);
      expect(other.others).not.toContain("refused");
      await ear.close();
    },
  );

  test("after an outage of Redis gateways find each other again within a beat, and none was forgotten", async () => {
    await using own = await startRedis();
    const scenes = [await connect(own.url), await connect(own.url)];
    const gateways: BusPeers[] = [];
    for (const [index, scene] of scenes.entries()) gateways.push(await among(scene, `g${index}`));
    await know(gateways);
    await own.restart();
    await until(() => {
      now += 1_000;
      for (const gateway of gateways) gateway.tick(now);
      return scenes.every(({ bus }) => bus.outages > 0 && bus.state().isReady);
    }, 30_000);
    for (const gateway of gateways) gateway.tick(now);
    await until(async () => (await gateways[0]?.ask("echo", 1, 500))?.answers.size === 2, 10_000);
    expect(gateways.map(({ others }) => others.length)).toEqual([1, 1]);
  }, 60_000);
});
