// What every driver's broker must do, run over the registry: publications arrive whole, in one order, on every gateway.

import { describe, expect, test } from "bun:test";
import { useBackplanes } from "../support/backplanes.ts";
import type { Backplane } from "../../src/brokers/driver.ts";
import { readPosition } from "../../src/brokers/log-store.ts";
import type { Publication } from "../../src/core/publication.ts";
import { createRoomRules } from "../../src/config/room-rules.ts";
import { encodeEnvelope } from "../../src/brokers/envelope.ts";
import type { HistoryQuery } from "../../src/core/broker.ts";
import { RawPublication } from "../../src/codec/raw-publication.ts";
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

/** Rooms `log:*` are kept. */
const rules = createRoomRules([{ match: "log:*", history: { size: 100, seconds: 60 } }]);

const backplanes = useBackplanes();

let logs = 0;
/** A room with a history that no other test has. */
function newLog(): string {
  logs += 1;
  return `log:${logs}`;
}

for (const [name, urlOf] of Object.entries(backplanes.urls)) {
  describe(`broker: ${name}`, () => {
    let recorder = createRecorder();

    const start = async (): Promise<Backplane> => {
      recorder = createRecorder();
      return backplanes.open(urlOf(), { observe: recorder, rules });
    };
    /** A backplane whose broker is open, and what it delivered. */
    const hear = async (receivers = 0) => {
      const backplane = await start();
      const heard: Publication[] = [];
      const positions: (string | undefined)[] = [];
      await backplane.broker.open((publication, { at }) => {
        heard.push(publication);
        positions.push(at);
        return receivers;
      });
      return { ...backplane, heard, positions };
    };

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

    test("a room without a history has no position, and takes no key and no version", async () => {
      const { broker, heard, positions } = await hear();
      expect(await broker.publish(plain)).toEqual({ delivered: 0 });
      for (const options of [{ key: "k" }, { version: 1 }]) {
        for (const rooms of [["time"], [], undefined, ["log:mixed", "time"]]) {
          const refused = await errorOf(broker.publish({ ...plain, rooms }, options));
          expect([refused.code, refused.status]).toEqual(["history_off", 400]);
        }
      }
      await broker.publish({ ...plain, event: "last" });
      expect(heard.map(({ event }) => event)).toEqual(["update", "last"]);
      expect(positions).toEqual([undefined, undefined]);
      expect(await broker.history({ namespace: "/", room: "time" }, { limit: 10 })).toBe("no_history");
    });

    test("a room with a history: the receipt and every gateway have the position, the page has the publication", async () => {
      const { broker, heard, positions } = await hear(3);
      const rooms = [newLog()];
      const name = { namespace: "/", room: rooms[0] ?? "" };
      const sent: Publication[] = [
        { ...plain, rooms, attachments: [Buffer.from([0, 255])], except: ["x"], skip: ["id"] },
        { ...plain, rooms, event: "b", only: "ws-hub" },
      ];
      const receipts = [];
      for (const publication of sent) receipts.push(await broker.publish(publication));
      const raw = new RawPublication({ ...name, rooms, except: [], skip: [] }, Buffer.from([0xff, 0]));
      receipts.push(await broker.publish(raw));
      expect(receipts.map(({ delivered }) => delivered)).toEqual([3, 3, 3]);
      const at = receipts.map(({ stored }) => stored ?? "");
      expect(at.map((position) => readPosition(position)?.offset)).toEqual([1, 2, 3]);
      expect(positions).toEqual(at);
      expect(heard.slice(0, 2)).toEqual(sent);
      const page = await broker.history(name, { limit: 10 });
      if (typeof page === "string") throw new Error(page);
      expect([page.at, page.hasMore]).toEqual([at[2] ?? "", false]);
      expect(page.publications.map((kept) => kept.at)).toEqual(at.toReversed());
      expect(page.publications.map(({ publication }) => publication)).toEqual(heard.toReversed());
    });

    test("F14 I8 the same key is answered with the same position, and said once", async () => {
      const { broker, positions } = await hear(2);
      const publication = { ...plain, rooms: [newLog()] };
      const receipts = await Promise.all(
        [1, 2, 3].map(async () => broker.publish(publication, { key: "k" })),
      );
      const stored = receipts.map((receipt) => receipt.stored);
      expect(new Set(stored).size).toBe(1);
      expect(receipts.filter(({ isRepeated }) => isRepeated === true)).toHaveLength(2);
      expect(receipts.find(({ isRepeated }) => isRepeated !== true)?.delivered).toBe(2);
      await broker.publish(publication);
      expect(positions).toHaveLength(2);
    });

    test("a version that is not above what stands there is refused, with what stands there", async () => {
      const { broker, positions } = await hear();
      const publication = { ...plain, rooms: [newLog()] };
      await broker.publish(publication, { version: 7 });
      const refused = await errorOf(broker.publish(publication, { version: 7 }));
      expect([refused.code, refused.status, refused.message]).toEqual([
        "version_outdated",
        409,
        "Expected a version above 7, which stands there, got 7",
      ]);
      await broker.publish(publication, { version: 8 });
      expect(positions.map((at) => readPosition(at ?? "")?.offset)).toEqual([1, 2]);
    });

    test("several rooms: each log has it under its own position, the other rooms have it once", async () => {
      const { broker, heard, positions } = await hear(1);
      const [one, two] = [newLog(), newLog()];
      const receipt = await broker.publish({ ...plain, rooms: [one, "a", two, "b"] });
      const positionIn = (room: string) =>
        positions[heard.findIndex(({ rooms }) => rooms?.[0] === room)] ?? "";
      const [inOne, inTwo] = [one, two].map((room) => receipt.rooms?.get(room));
      expect([receipt.delivered, receipt.rooms?.size, receipt.stored]).toEqual([3, 2, undefined]);
      expect([inOne, inTwo]).toEqual([
        { delivered: 1, stored: positionIn(one) },
        { delivered: 1, stored: positionIn(two) },
      ]);
      const said = heard.map(({ rooms }, index) => [rooms, readPosition(positions[index] ?? "")?.offset]);
      expect(said).toContainEqual([[one], 1]);
      expect(said).toContainEqual([[two], 1]);
      expect(said).toContainEqual([["a", "b"], undefined]);
    });

    test("what may be dropped is not kept, nor what goes to a tree or to everyone", async () => {
      const { broker, positions } = await hear();
      const rooms = [newLog()];
      await broker.publish({ ...plain, rooms, volatile: true });
      await broker.publish({ ...plain, rooms, isTree: true });
      await broker.publish({ ...plain, rooms: undefined });
      expect(positions).toEqual([undefined, undefined, undefined]);
    });

    test("pages: newest first, on from the last one, forwards, and a position of another log", async () => {
      const { broker } = await hear();
      const room = newLog();
      const name = { namespace: "/", room };
      expect(await broker.history(name, { limit: 2 })).toMatchObject({ publications: [], hasMore: false });
      for (const event of ["1", "2", "3", "4", "5"]) await broker.publish({ ...plain, rooms: [room], event });
      const page = async (query: Omit<HistoryQuery, "limit">, limit = 2) => {
        const answer = await broker.history(name, { ...query, limit });
        if (typeof answer === "string") throw new Error(answer);
        const events = answer.publications.map(({ publication }) => publication.event);
        return { events, last: answer.publications.at(-1)?.at, hasMore: answer.hasMore };
      };
      const newest = await page({});
      expect([newest.events, newest.hasMore]).toEqual([["5", "4"], true]);
      const next = await page({ before: newest.last });
      expect([next.events, next.hasMore]).toEqual([["3", "2"], true]);
      const last = await page({ before: next.last });
      expect([last.events, last.hasMore]).toEqual([["1"], false]);
      const forwards = await page({ after: last.last }, 3);
      expect([forwards.events, forwards.hasMore]).toEqual([["2", "3", "4"], true]);
      expect((await page({ after: forwards.last }, 3)).events).toEqual(["5"]);
      for (const after of ["other:1", "junk", ""]) {
        expect(await broker.history(name, { after, limit: 2 })).toBe("epoch");
      }
    });

    test("a page from a position that the log does not have is refused, never empty or wrong", async () => {
      const { broker } = await hear();
      const room = newLog();
      const name = { namespace: "/", room };
      const ask = async (query: Omit<HistoryQuery, "limit">) => {
        const page = await broker.history(name, { ...query, limit: 5 });
        return typeof page === "string"
          ? page
          : page.publications.map(({ publication }) => publication.event);
      };
      const empty = await broker.history(name, { limit: 1 });
      const start = typeof empty === "string" ? "" : empty.at;
      expect([await ask({ after: start }), await ask({ before: start })]).toEqual([[], []]);
      const positions: string[] = [];
      const say = async (event: string): Promise<void> => {
        positions.push((await broker.publish({ ...plain, rooms: [room], event })).stored ?? "");
      };
      for (const event of ["1", "2", "3"]) await say(event);
      expect(await ask({ after: start })).toEqual(["1", "2", "3"]);
      const { epoch } = readPosition(start) ?? { epoch: "" };
      const wrong = [0, 1, 2, 3, 4, 1_000, Number.MAX_SAFE_INTEGER].map((offset) => `${epoch}:${offset}.f00`);
      for (const at of [...wrong, `${epoch}:4.0`, "0000:1.0"]) {
        expect([await ask({ after: at }), await ask({ before: at })]).toEqual(["epoch", "epoch"]);
      }
      expect(await ask({ after: positions[2] })).toEqual([]);
      // The rule keeps 100: what followed on the first ones is gone.
      for (let count = 4; count <= 102; count++) await say(String(count));
      expect([await ask({ after: start }), await ask({ after: positions[0] })]).toEqual(["epoch", "epoch"]);
      expect(await ask({ after: positions[2] })).toEqual(["4", "5", "6", "7", "8"]);
      expect([await ask({ before: positions[0] }), await ask({ before: positions[2] })]).toEqual([[], []]);
      expect(await ask({ before: positions[4] })).toEqual(["4", "3"]);
    });

    test("a position that is none is junk", async () => {
      const { bus, broker, heard } = await hear();
      const envelope = encodeEnvelope({ id: "x", publication: plain });
      for (const at of ['"junk"', "1", "null"])
        await bus.publish("belfry-broker", `{"at":${at},${envelope.slice(1)}`);
      await broker.publish(plain);
      expect([heard, recorder.skippedReasons]).toEqual([[plain], Array(3).fill("broker envelope_invalid")]);
    });

    test("a closed broker refuses", async () => {
      const backplane = await hear();
      await backplane.close();
      expect(await errorOf(backplane.broker.publish(plain))).toMatchObject({ code: "bus_unavailable" });
    });
  });
}

test("every gateway on one Redis hears all publications, in one order", async () => {
  const { url } = backplanes.server;
  const gateways = await Promise.all([backplanes.open(url), backplanes.open(url)]);
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
});
