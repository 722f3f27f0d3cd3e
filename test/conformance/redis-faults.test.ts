// Faults of a Redis and of the way to it: readiness turns red within 10 s, is back within 5 s of the healing, and the
// old subscriptions hear a real message again. The cases run side by side: most of the time they wait.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { RunningProcess } from "../support/process.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { errorOf, timeUntil } from "./bus-support.ts";
import { Scene, healedWithinMs, redWithinMs } from "./redis-scene.ts";

const timeoutMs = 40_000;

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
      // In the log: the state says it only until the next connection stands, which may be at once.
      const [down] = scene.recorder.events;
      expect(down?.event).toBe("bus_down");
      expect(String(down?.fields["reason"])).toEndWith("nothing received through 2 of 2 subscriptions");
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
        reason: expect.stringContaining(
          "subscriptions did not receive their test message yet. Expected a Redis at",
        ),
      });
      expect(scene.bus.state()).toMatchObject({ reason: expect.stringContaining("(NOPERM)") });
      await scene.server.command("ACL", "SETUSER", "worker", "+publish");
      await scene.expectHealed();
    },
    timeoutMs,
  );

  test.concurrent(
    "PSQ-16 a Redis that hangs up is tried again after 1, 2 and 3 s",
    async () => {
      await using scene = await Scene.open();
      // Both connections go at once, and each new one is accepted and reset.
      scene.proxy.cut();
      const start = performance.now();
      const before = scene.proxy.accepted.length;
      await until(() => scene.proxy.accepted.length >= before + 6, 12_000);
      const attempts = scene.proxy.accepted.slice(before).map((at) => at - start);
      expect(attempts.length).toBe(6);
      for (const [index, at] of attempts.entries()) {
        const due = [1_000, 3_000, 6_000][Math.floor(index / 2)] ?? 0;
        expect(at).toBeGreaterThan(due * 0.8 - 50);
        expect(at).toBeLessThan(due * 1.2 + 300);
      }
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
