// A Redis, a fault on the way to it, and what a bus owes then: red soon, no publish, green soon after the healing, and
// the old subscriptions hear again. The suites of the faults are made of it.

import { expect } from "bun:test";
import type { Bus } from "../../src/core/bus.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { createBus } from "../support/bus.ts";
import { type RedisOptions, type RedisServer, startRedis } from "../support/redis.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";
import { Ear, type Recorder, createRecorder, errorOf, exact, pattern, timeUntil } from "./bus-support.ts";

export const redWithinMs = 7_000;
export const healedWithinMs = 5_000;

interface SceneOptions extends RedisOptions {
  /** The ACL user of the bus, whose password is its name. */
  readonly user?: string;
  /** Without the proxy between them. */
  readonly isDirect?: boolean;
}

/** A server, a gateway's bus on it, and two old subscriptions. */
export class Scene implements AsyncDisposable {
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
