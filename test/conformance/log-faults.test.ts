// Faults of Redis under rooms with a log: real servers, links that break, publishers with a ledger. No client lacks what a
// publisher was told is stored, none has anything twice, and every loss is told.

import { describe, expect, test } from "bun:test";
import { LogClient, LogGateway, Ledger, faultsOf, said } from "../support/log-crowd.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisOptions, RedisServer } from "../support/redis.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";
import { errorOf, timeUntil } from "./bus-support.ts";

const timeoutMs = 60_000;

/** One gateway at its Redis, one behind a link that may break; four clients with each. */
class Scene implements AsyncDisposable {
  readonly near: LogGateway;
  readonly far: LogGateway;
  readonly server: RedisServer;
  readonly proxy: TcpProxy;
  readonly clients: readonly LogClient[];
  readonly ledger = new Ledger("room");

  private constructor(parts: Pick<Scene, "server" | "proxy" | "near" | "far" | "clients">) {
    this.server = parts.server;
    this.proxy = parts.proxy;
    this.near = parts.near;
    this.far = parts.far;
    this.clients = parts.clients;
  }

  static async open(options: RedisOptions = {}): Promise<Scene> {
    const server = await startRedis(options);
    const proxy = await TcpProxy.start(server.port);
    const gateways = await Promise.all([
      LogGateway.start(server.url),
      LogGateway.start(server.url.replace(`:${server.port}`, `:${proxy.port}`)),
    ]);
    const clients = Array.from({ length: 8 }, () => new LogClient("room"));
    for (const [index, client] of clients.entries()) await gateways[index % 2 === 0 ? 0 : 1].join(client);
    return new Scene({ server, proxy, near: gateways[0], far: gateways[1], clients });
  }

  /** Says things while something happens, 20 a second; each is tried again for a while. */
  async sayWhile(happens: Promise<unknown>, gateway = this.near): Promise<void> {
    const said: Promise<unknown>[] = [];
    const timer = setInterval(() => {
      said.push(this.ledger.say(gateway, 100));
    }, 50);
    try {
      await happens;
    } finally {
      clearInterval(timer);
    }
    await Promise.all(said);
  }

  async healed(): Promise<void> {
    for (const { backplane } of [this.near, this.far]) await timeUntil(backplane.bus, true, 10_000);
  }

  /** Something said after the fault reaches every client, within 5 s (I5). */
  async expectAlive(): Promise<void> {
    const last = await this.ledger.say(this.near, 100);
    await until(
      () => this.clients.every(({ has }) => has.has(last ?? "")),
      5_000,
      () => `${last} at each client, got ${this.clients.map(({ at }) => at).join()}`,
    );
  }

  expectNothingWrong(): void {
    expect(faultsOf(this.clients, this.ledger)).toEqual([]);
    expect(this.ledger.stored.size).toBeGreaterThan(0);
  }

  expectNoLoss(): void {
    this.expectNothingWrong();
    expect(this.clients.map(({ losses }) => losses)).toEqual(this.clients.map(() => 0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.near[Symbol.asyncDispose]();
    await this.far[Symbol.asyncDispose]();
    await this.proxy.stop();
    await this.server.stop();
  }
}

describe("faults under a log", () => {
  test.concurrent(
    "F1 I1 I2 a Redis that crashes and comes back with its data: nothing is lost",
    async () => {
      await using scene = await Scene.open({ args: ["--appendonly", "yes", "--appendfsync", "always"] });
      for (let cycle = 0; cycle < 3; cycle++) {
        const crash = async (): Promise<void> => {
          await Bun.sleep(200);
          await scene.server.restart();
          await scene.healed();
        };
        await scene.sayWhile(crash());
        await scene.expectAlive();
      }
      scene.expectNoLoss();
      expect(scene.ledger.refused).toBeGreaterThan(0);
    },
    timeoutMs,
  );

  test.concurrent(
    "F1 I4 I10 a Redis that comes back empty: every client is told of the loss, and goes on in the new epoch",
    async () => {
      await using scene = await Scene.open();
      await scene.sayWhile(Bun.sleep(300));
      await scene.server.restart();
      await scene.healed();
      await until(() => scene.clients.every(({ losses }) => losses > 0), 5_000);
      await scene.expectAlive();
      scene.expectNothingWrong();
      const epochs = [...scene.ledger.stored.keys()].map((position) => position.split(":")[0]);
      expect(new Set(epochs).size).toBe(2);
      // A client that comes back with a position of before is told so, by either gateway.
      const late = new LogClient("room");
      late.at = [...scene.ledger.stored.keys()][0];
      await scene.far.join(late);
      expect(late.verdicts).toEqual(["epoch"]);
    },
    timeoutMs,
  );

  test.concurrent(
    "F1 F6 I4 I10 a Redis that comes back with an older log: the places that it gives again are other places, and every loss is told",
    async () => {
      await using scene = await Scene.open();
      await scene.sayWhile(Bun.sleep(300));
      await scene.server.command("SAVE");
      await scene.sayWhile(Bun.sleep(300));
      const lost = [...scene.ledger.stored.keys()].at(-1);
      await until(() => scene.clients.every(({ has }) => has.has(lost ?? "")));
      await scene.server.restart();
      // As many at once as were lost, and more, before anyone can look.
      await Promise.all(Array.from({ length: 20 }, async () => scene.ledger.say(scene.near, 200)));
      await scene.healed();
      await scene.expectAlive();
      await until(() => scene.clients.every(({ losses }) => losses > 0), 5_000);
      scene.expectNothingWrong();
      const late = new LogClient("room");
      late.at = lost;
      await scene.far.join(late);
      expect(late.verdicts).toEqual(["epoch"]);
      const epochs = [...scene.ledger.stored.keys()].map((position) => position.split(":")[0]);
      expect(new Set(epochs).size).toBe(1);
    },
    timeoutMs,
  );

  test.concurrent(
    "F2 a Redis that hangs for 5 s: publishers are refused in time, clients miss nothing",
    async () => {
      await using scene = await Scene.open();
      const hang = async (): Promise<void> => {
        scene.server.pause();
        await Bun.sleep(5_000);
        scene.server.resume();
        await scene.healed();
      };
      await scene.sayWhile(hang());
      await scene.expectAlive();
      scene.expectNoLoss();
    },
    timeoutMs,
  );

  for (const [name, break_, forMs] of [
    [
      "is cut for 2 s",
      (proxy: TcpProxy) => {
        proxy.cut();
      },
      2_000,
    ],
    [
      "swallows everything for 10 s",
      (proxy: TcpProxy) => {
        proxy.blackhole();
      },
      10_000,
    ],
  ] as const) {
    test.concurrent(
      `F3 I1 I5 a link that ${name}: what the gateway missed comes from the log`,
      async () => {
        await using scene = await Scene.open();
        const fault = async (): Promise<void> => {
          await Bun.sleep(300);
          break_(scene.proxy);
          await Bun.sleep(forMs);
          scene.proxy.heal();
          await scene.healed();
        };
        await scene.sayWhile(fault());
        await scene.expectAlive();
        scene.expectNoLoss();
      },
      timeoutMs,
    );
  }

  test.concurrent(
    "F3 R9 a quiet room: what was said last while the link was cut comes too, without anything said behind it",
    async () => {
      await using scene = await Scene.open();
      await scene.sayWhile(Bun.sleep(200));
      scene.proxy.cut();
      const last = await scene.ledger.say(scene.near);
      await timeUntil(scene.far.backplane.bus, false, 5_000);
      scene.proxy.heal();
      await scene.healed();
      await until(() => scene.clients.every(({ has }) => has.has(last ?? "")), 5_000);
      scene.expectNoLoss();
    },
    timeoutMs,
  );

  test.concurrent(
    "F4 a link on which nothing is heard while commands pass: clients that come meanwhile are told nothing false",
    async () => {
      await using scene = await Scene.open();
      await scene.sayWhile(Bun.sleep(200));
      scene.proxy.blackhole({ direction: "toClient", only: /subscribe/i });
      const late = new LogClient("room");
      late.at = [...scene.ledger.stored.keys()][0];
      const missing = async (): Promise<void> => {
        await scene.far.join(late);
        await Bun.sleep(8_000);
        scene.proxy.heal();
        await scene.healed();
      };
      await scene.sayWhile(missing());
      await scene.expectAlive();
      scene.expectNoLoss();
      expect(late.faults).toEqual([]);
    },
    timeoutMs,
  );

  test.concurrent(
    "F8 a Redis out of memory: publishers are refused, clients have all that was stored, and come back meanwhile",
    async () => {
      await using scene = await Scene.open();
      await scene.sayWhile(Bun.sleep(300));
      await scene.server.command("CONFIG", "SET", "maxmemory", "1mb");
      expect(await scene.ledger.say(scene.far)).toBeUndefined();
      const [first] = scene.clients;
      if (first) {
        scene.near.leave(first);
        await scene.far.join(first);
        expect(first.verdicts).toEqual(["recovered"]);
      }
      await scene.server.command("CONFIG", "SET", "maxmemory", "0");
      await scene.expectAlive();
      scene.expectNoLoss();
    },
    timeoutMs,
  );

  test.concurrent(
    "F8 I10 a Redis that evicts: a log that went is another epoch, and told",
    async () => {
      await using scene = await Scene.open();
      await scene.sayWhile(Bun.sleep(300));
      await scene.server.command("FLUSHALL");
      await scene.expectAlive();
      await until(() => scene.clients.every(({ losses }) => losses > 0), 5_000);
      scene.expectNothingWrong();
    },
    timeoutMs,
  );

  test.concurrent(
    "F14 I8 an answer that is lost on its way: the publisher says it again by another gateway, and it is there once",
    async () => {
      await using scene = await Scene.open();
      await scene.sayWhile(Bun.sleep(100), scene.far);
      scene.proxy.blackhole({ direction: "toClient", only: /EVALSHA/ });
      const { broker } = scene.far.backplane;
      const publication = { ...said("room", "once") };
      expect(await errorOf(broker.publish(publication, { key: "once" }))).toMatchObject({ status: 503 });
      const again = await scene.near.backplane.broker.publish(publication, { key: "once" });
      expect(again.isRepeated).toBe(true);
      scene.proxy.heal();
      await scene.healed();
      const third = await scene.far.backplane.broker.publish(publication, { key: "once" });
      expect([third.isRepeated, third.stored]).toEqual([true, again.stored]);
      await scene.expectAlive();
      scene.expectNoLoss();
      for (const { has } of scene.clients)
        expect([...has.values()].filter((event) => event === "once")).toHaveLength(1);
    },
    timeoutMs,
  );

  test.concurrent(
    "F9 F12 F15 clients that move between gateways all the time, one of which ends, miss nothing",
    async () => {
      await using scene = await Scene.open();
      const third = await LogGateway.start(scene.server.url);
      let at: LogGateway[] = scene.clients.map((_, index) => (index % 2 === 0 ? scene.near : scene.far));
      const places = [scene.near, scene.far, third];
      const move = async (): Promise<void> => {
        for (let count = 0; count < 120; count++) {
          if (count === 60) {
            await third[Symbol.asyncDispose]();
            places.pop();
          }
          const index = (7 * count) % scene.clients.length;
          const client = scene.clients[index];
          const from = at[index];
          const to = places[(count + index) % places.length];
          if (!client || !from || !to) continue;
          from.leave(client);
          await Bun.sleep(count % 20);
          await to.join(client);
          at = at.with(index, to);
        }
        for (const [index, client] of scene.clients.entries()) {
          if (at[index] === third) await scene.near.join(client);
        }
      };
      await scene.sayWhile(move());
      await scene.expectAlive();
      scene.expectNoLoss();
      const verdicts = scene.clients.flatMap((client) => client.verdicts);
      expect(verdicts.length).toBeGreaterThanOrEqual(120);
      expect(new Set(verdicts)).toEqual(new Set(["recovered"]));
    },
    timeoutMs,
  );
});
