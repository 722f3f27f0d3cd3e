// Faults of a Redis and of the way to it: readiness turns red within 10 s, is back within 5 s of the healing, and the
// old subscriptions hear a real message again. The cases run side by side: most of the time they wait.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createBus } from "../support/bus.ts";
import type { Bus } from "../../src/core/bus.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { RunningProcess } from "../support/process.ts";
import { type RedisOptions, type RedisServer, startRedis } from "../support/redis.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { Ear, type Recorder, createRecorder, errorOf, exact, pattern, timeUntil } from "./bus-support.ts";
import { until } from "../support/until.ts";

const redWithinMs = 7_000;
const healedWithinMs = 5_000;
const timeoutMs = 40_000;

interface SceneOptions extends RedisOptions {
  /** The ACL user of the bus, whose password is its name. */
  readonly user?: string;
  /** Without the proxy between them. */
  readonly isDirect?: boolean;
}

/** A server, a gateway's bus on it, and two old subscriptions. */
class Scene implements AsyncDisposable {
  readonly server: RedisServer;
  readonly proxy: TcpProxy;
  readonly bus: Bus;
  readonly recorder: Recorder;
  readonly ears: readonly Ear[];

  private constructor(parts: Pick<Scene, "server" | "proxy" | "bus" | "recorder" | "ears">) {
    this.server = parts.server;
    this.proxy = parts.proxy;
    this.bus = parts.bus;
    this.recorder = parts.recorder;
    this.ears = parts.ears;
  }

  static async open(options: SceneOptions = {}): Promise<Scene> {
    const server = await startRedis(options);
    const proxy = await TcpProxy.start(server.port);
    const recorder = createRecorder();
    const url = options.user === undefined ? server.url : server.urlFor(options.user, options.user);
    const bus = await createBus({
      url: options.isDirect === true ? url : url.replace(`:${server.port}`, `:${proxy.port}`),
      observe: recorder,
      limits: defaultLimits,
      tls: { ca: server.caFile },
    });
    const ears = [
      await Ear.open(bus, exact("flask-socketio")),
      await Ear.open(bus, pattern("flask-*", "flask-x")),
    ];
    await timeUntil(bus, true, 5_000);
    return new Scene({ server, proxy, bus, recorder, ears });
  }

  /** Waits for red, and then for the whole length of the outage; publishes fail at once meanwhile. */
  async outage(lengthMs = 0): Promise<void> {
    const start = performance.now();
    expect(await timeUntil(this.bus, false, redWithinMs)).toBeLessThan(redWithinMs);
    await this.expectNoPublish();
    await Bun.sleep(Math.max(0, lengthMs - (performance.now() - start)));
    await this.expectNoPublish();
    expect(this.bus.state()).toMatchObject({
      isReady: false,
      reason: expect.stringContaining("Expected a Redis at"),
    });
  }

  async expectNoPublish(): Promise<void> {
    const start = performance.now();
    const error = await errorOf(this.bus.publish("flask-socketio", "never to be heard"));
    expect(error).toMatchObject({ code: "bus_unavailable", status: 503 });
    expect(performance.now() - start).toBeLessThan(2_500);
  }

  /** Waits for green, and for real messages from outside through the old subscriptions. */
  async expectHealed(): Promise<void> {
    expect(await timeUntil(this.bus, true, healedWithinMs)).toBeLessThan(healedWithinMs);
    await this.server.command("PUBLISH", "flask-socketio", "from outside");
    await this.bus.publish("flask-socketio", "from us");
    await Promise.all(this.ears.map(async (ear) => ear.waitForText("from us", 1_000)));
    for (const { texts } of this.ears) expect(texts).toEqual(["from outside", "from us"]);
    await until(() => this.recorder.events.length % 2 === 0);
    const { events } = this.recorder;
    expect(events.map(({ event }) => event)).toEqual(["bus_down", "bus_up"]);
    expect(events[0]?.fields).toEqual({ reason: expect.stringContaining("Expected a Redis at") });
    expect(events[1]?.fields).toEqual({ downMs: expect.any(Number) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bus.close();
    await this.proxy.stop();
    await this.server.stop();
  }
}

describe("faults of Redis", () => {
  for (const transport of ["tcp", "tls", "socket"] as const) {
    test.concurrent(
      `F1 PSQ-16 a Redis that is gone for 9 s and comes back empty (${transport})`,
      async () => {
        await using scene = await Scene.open({ transport, isDirect: true });
        await scene.server.kill();
        await scene.outage(9_000);
        await scene.server.restart();
        await scene.expectHealed();
      },
      timeoutMs,
    );
  }

  test.concurrent(
    "F2 PSQ-16 a Redis that hangs: what is on its way is bounded and fails in time",
    async () => {
      await using scene = await Scene.open();
      scene.server.pause();
      const start = performance.now();
      const mebibyte = Buffer.alloc(1024 * 1024);
      const many = Array.from({ length: 70 }, async () => errorOf(scene.bus.publish("elsewhere", mebibyte)));
      const refused = await Promise.race(many.slice(-6));
      expect(refused.message).toMatch(/got \d{8} bytes that wait for it already$/);
      expect(performance.now() - start).toBeLessThan(1_000);
      const errors = await Promise.all(many);
      expect(performance.now() - start).toBeLessThan(3_000);
      expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["bus_unavailable"]));
      await scene.outage(12_000);
      scene.server.resume();
      await scene.expectHealed();
    },
    timeoutMs,
  );

  test.concurrent(
    "F2 a hang of one second is no outage",
    async () => {
      await using scene = await Scene.open();
      scene.server.pause();
      const published = scene.bus.publish("flask-socketio", "patient");
      await Bun.sleep(1_000);
      scene.server.resume();
      await published;
      await Promise.all(scene.ears.map(async (ear) => ear.waitForText("patient")));
      const end = performance.now() + 5_000;
      await until(() => !scene.bus.state().isReady || performance.now() > end, 6_000);
      expect(scene.bus.state()).toEqual({ isReady: true });
      expect(scene.recorder.events).toEqual([]);
    },
    timeoutMs,
  );

  test.concurrent(
    "F2 a Redis that answers PING but holds every publish back",
    async () => {
      await using scene = await Scene.open();
      await scene.server.command("CLIENT", "PAUSE", "9000", "WRITE");
      await scene.outage(7_000);
      await scene.server.command("CLIENT", "UNPAUSE");
      expect(await timeUntil(scene.bus, true, healedWithinMs)).toBeLessThan(healedWithinMs);
    },
    timeoutMs,
  );

  test.concurrent(
    "F3 PSQ-16 a link that is cut",
    async () => {
      await using scene = await Scene.open();
      scene.proxy.cut();
      await scene.outage(2_000);
      scene.proxy.heal();
      await scene.expectHealed();
    },
    timeoutMs,
  );

  test.concurrent(
    "F3 PSQ-16 a link that swallows everything",
    async () => {
      await using scene = await Scene.open();
      scene.proxy.blackhole();
      // Bytes for the subscriber get lost: its connection stays silent after the healing, too.
      await scene.server.command("PUBLISH", "flask-socketio", "lost");
      await scene.outage(13_000);
      scene.proxy.heal();
      await scene.expectHealed();
    },
    timeoutMs,
  );

  test.concurrent(
    "F4 PSQ-16 a subscriber that is connected but hears nothing",
    async () => {
      await using scene = await Scene.open();
      const connections = scene.proxy.accepted.length;
      scene.proxy.blackhole({ direction: "toClient", only: /subscribe/i });
      expect(await timeUntil(scene.bus, false, redWithinMs)).toBeLessThan(redWithinMs);
      expect(scene.bus.state()).toMatchObject({
        reason: expect.stringContaining("nothing heard through 2 of 2"),
      });
      // Redis is known to be there, so the first new connection does not wait.
      await until(() => scene.proxy.accepted.length > connections, 500);
      // The commands work all the while.
      await scene.bus.publish("elsewhere", "x");
      await Bun.sleep(6_000);
      expect(scene.bus.state()).toMatchObject({ isReady: false });
      scene.proxy.heal();
      await scene.expectHealed();
    },
    timeoutMs,
  );

  test.concurrent(
    "F4 PSQ-16 subscribers killed by the server",
    async () => {
      await using scene = await Scene.open();
      await scene.server.command("CLIENT", "KILL", "TYPE", "pubsub");
      expect(await timeUntil(scene.bus, false, 1_000)).toBeLessThan(1_000);
      await scene.bus.publish("elsewhere", "x");
      await scene.expectHealed();
      // Every outage starts its back-off anew.
      for (let index = 0; index < 3; index++) {
        await scene.server.command("CLIENT", "KILL", "TYPE", "pubsub");
        await timeUntil(scene.bus, false, 1_000);
        expect(await timeUntil(scene.bus, true, 1_900)).toBeLessThan(1_900);
      }
    },
    timeoutMs,
  );

  test.concurrent(
    "F5 PSQ-16 a message that overflows the server's output buffer",
    async () => {
      await using scene = await Scene.open({ args: ["--client-output-buffer-limit", "pubsub 1mb 512kb 5"] });
      await scene.bus.publish("flask-socketio", Buffer.alloc(2_000_000));
      expect(await timeUntil(scene.bus, false, 1_000)).toBeLessThan(1_000);
      await scene.expectHealed();
    },
    timeoutMs,
  );

  test.concurrent(
    "F4 a canary that Redis refuses is a reason to be red",
    async () => {
      await using scene = await Scene.open({ users: ["worker on >worker ~* &* +@all"], user: "worker" });
      await scene.server.command("ACL", "SETUSER", "worker", "-publish");
      expect(await timeUntil(scene.bus, false, redWithinMs)).toBeLessThan(redWithinMs);
      expect(scene.bus.state()).toMatchObject({
        reason: expect.stringContaining("subscriptions did not hear their canary yet. Expected a Redis at"),
      });
      expect(scene.bus.state()).toMatchObject({ reason: expect.stringContaining("(NOPERM)") });
      await scene.server.command("ACL", "SETUSER", "worker", "+publish");
      await scene.expectHealed();
    },
    timeoutMs,
  );

  test.concurrent(
    "PSQ-16 a Redis that hangs up is tried again after 1, 2 and 4 s",
    async () => {
      await using scene = await Scene.open();
      // Both connections go at once, and each new one is accepted and reset.
      scene.proxy.cut();
      const start = performance.now();
      const before = scene.proxy.accepted.length;
      await Bun.sleep(8_600);
      const attempts = scene.proxy.accepted.slice(before).map((at) => at - start);
      expect(attempts.length).toBe(6);
      for (const [index, at] of attempts.entries()) {
        const due = [1_000, 3_000, 7_000][Math.floor(index / 2)] ?? 0;
        expect(at).toBeGreaterThan(due * 0.8 - 50);
        expect(at).toBeLessThan(due * 1.2 + 300);
      }
    },
    timeoutMs,
  );

  test.concurrent(
    "F3 PSQ-16 a Redis behind something that accepts and resets is back within 5 s of its healing",
    async () => {
      await using scene = await Scene.open();
      scene.proxy.cut();
      // By then the doubling alone would have come to 16 s.
      await scene.outage(20_000);
      scene.proxy.heal();
      await scene.expectHealed();
    },
    timeoutMs,
  );

  test.concurrent(
    "F1 F10 a bus that is closed while Redis is away keeps no process alive",
    async () => {
      await using server = await startRedis();
      const script = `
        const { createBus } = await import(${JSON.stringify(join(import.meta.dir, "../support/bus.ts"))});
        const { silent } = await import(${JSON.stringify(join(import.meta.dir, "../../src/core/observe.ts"))});
        const bus = await createBus({ url: process.env.URL, observe: silent, limits: { busMessageBytes: 1000 } });
        console.log("open");
        while (bus.state().isReady) await Bun.sleep(5);
        await Bun.sleep(2000);
        await bus.close();
        console.log("closed");
      `;
      const child = new RunningProcess([process.execPath, "-e", script], { env: { URL: server.url } });
      await child.waitFor(/open/);
      await server.kill();
      await child.waitFor(/closed/);
      const start = performance.now();
      expect(await child.exited).toBe(0);
      expect(performance.now() - start).toBeLessThan(1_000);
    },
    timeoutMs,
  );
});
