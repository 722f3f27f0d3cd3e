// What every driver's broker must do, run over the registry: publications arrive whole, in one order, on every gateway.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Backplane } from "../../src/brokers/driver.ts";
import { openBackplane } from "../../src/brokers/registry.ts";
import type { drivers } from "../../src/brokers/registry.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import type { Publication } from "../../src/core/publication.ts";
import { RawPublication } from "../../src/codec/raw-publication.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";
import { createRecorder, errorOf } from "./bus-support.ts";
import { until } from "../support/until.ts";

const plain = {
  kind: "publication",
  namespace: "/",
  rooms: ["time"],
  isTree: false,
  except: [],
  skip: [],
  event: "update",
  args: ['{"n":12345678901234567890}'],
  attachments: [],
  volatile: false,
} as const satisfies Publication;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server.stop();
});

const urls: Record<keyof typeof drivers, () => string | undefined> = {
  memory: () => undefined,
  redis: () => server.url,
};

for (const [name, urlOf] of Object.entries(urls)) {
  describe(`broker: ${name}`, () => {
    const open: Backplane[] = [];
    let recorder = createRecorder();

    const start = async (): Promise<Backplane> => {
      recorder = createRecorder();
      const backplane = await openBackplane({ url: urlOf(), observe: recorder, limits: defaultLimits });
      open.push(backplane);
      return backplane;
    };
    /** A backplane whose broker is open, and what it delivered. */
    const hear = async (receivers = 0) => {
      const backplane = await start();
      const heard: Publication[] = [];
      await backplane.broker.open((publication) => {
        heard.push(publication);
        return receivers;
      });
      return { ...backplane, heard };
    };

    afterEach(async () => {
      for (const backplane of open.splice(0)) await backplane.close();
    });

    test("a publication arrives as it was: event, arguments digit for digit, bytes, and whom it addresses", async () => {
      const { broker, heard } = await hear();
      const sent: Publication = {
        ...plain,
        namespace: "/chat",
        rooms: ["a", "ü::\u0000b"],
        except: ["x"],
        skip: ["id"],
        args: ['{"_placeholder":true,"num":0}', '"é😀"'],
        attachments: [new Uint8Array([0, 255, 10])],
        only: "ws4redis",
        volatile: true,
      };
      await broker.publish(sent);
      await broker.publish({ ...plain, rooms: undefined, not: "ws-hub" });
      expect(heard).toEqual([
        { ...sent, attachments: [Buffer.from([0, 255, 10])] },
        { ...plain, rooms: undefined, not: "ws-hub" },
      ]);
    });

    test("a raw publication arrives as its bytes, and goes on looking like the event `message`", async () => {
      const { broker, heard } = await hear();
      const target = { namespace: "/", rooms: ["users"], isTree: true, except: [], skip: [] };
      for (const bytes of ["", "text é", new Uint8Array([0xff, 0])]) {
        await broker.publish(new RawPublication(target, Buffer.from(bytes)));
      }
      expect(heard.map(({ raw }) => raw && Buffer.from(raw).toString("latin1"))).toEqual([
        "",
        "text Ã©",
        "\u00ff\u0000",
      ]);
      expect(heard.map(({ event, args, isTree }) => [event, args, isTree])).toEqual([
        ["message", ['""'], true],
        ["message", ['"text é"'], true],
        ["message", ['{"_placeholder":true,"num":0}'], true],
      ]);
    });

    test("the receipt says how many clients of this gateway it was sent to", async () => {
      const { broker } = await hear(3);
      expect(await broker.publish(plain)).toEqual({ delivered: 3 });
    });

    test("a broker that nobody opened publishes, and cannot tell who heard it", async () => {
      const { broker } = await start();
      expect(await broker.publish(plain)).toEqual({ delivered: undefined });
    });

    test("publications arrive in the order in which they were published, never inside the call", async () => {
      const { broker, heard } = await hear();
      const events = Array.from({ length: 500 }, (_, index) => `e${index}`);
      const receipts = events.map(async (event) => broker.publish({ ...plain, event }));
      expect(heard).toEqual([]);
      await Promise.all(receipts);
      expect(heard.map(({ event }) => event)).toEqual(events);
    });

    test("what is no envelope is counted as junk, and the next publication arrives", async () => {
      const { broker, bus, heard } = await hear();
      const junk = ["", "{", "[]", '"x"', '{"version":2}', '{"version":1,"id":1}', '{"version":1,"id":"x"}'];
      for (const text of junk) await bus.publish("belfry-broker", text);
      await broker.publish(plain);
      expect(heard).toEqual([plain]);
      expect(recorder.skippedReasons).toHaveLength(junk.length);
      expect(new Set(recorder.skippedReasons)).toEqual(
        new Set(["broker not_json", "broker version_unknown", "broker envelope_invalid"]),
      );
    });

    test("a closed broker refuses", async () => {
      const backplane = await hear();
      await backplane.close();
      expect(await errorOf(backplane.broker.publish(plain))).toMatchObject({ code: "bus_unavailable" });
    });
  });
}

test("every gateway on one Redis hears all publications, in one order", async () => {
  const options = { url: server.url, observe: createRecorder(), limits: defaultLimits };
  const gateways = await Promise.all([openBackplane(options), openBackplane(options)]);
  const heard: string[][] = [[], []];
  for (const [index, { broker }] of gateways.entries()) {
    await broker.open(({ event }) => heard[index]?.push(event) ?? 0);
  }
  const events = Array.from({ length: 200 }, (_, index) => `e${index}`);
  await Promise.all(
    events.map(async (event, index) => gateways[index % 2]?.broker.publish({ ...plain, event })),
  );
  await until(() => heard.every((list) => list.length === events.length));
  expect(heard[0]).toEqual(heard[1] ?? []);
  expect(heard[0]?.toSorted()).toEqual(events.toSorted());
  for (const gateway of gateways) await gateway.close();
});
