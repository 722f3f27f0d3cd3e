// What is published of a queue, and what stays: over a broker that refuses as the test says.

import { expect, test } from "bun:test";
import type { QueueEntry } from "../brokers/queue.ts";
import { RawPublication } from "../codec/raw-publication.ts";
import type { Broker } from "../core/broker.ts";
import { silent } from "../core/observe.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import type { ErrorCode } from "../vocabulary/errors.ts";
import { QueuePublisher } from "./queue-publisher.ts";

/** A publisher over a broker that takes nothing of a room for which `refuses` has an error. */
function publisher(refuses: (room: string) => Error | undefined) {
  const tried: string[] = [];
  const reported: string[] = [];
  const publish: Broker["publish"] = async ({ rooms = [] }, options) => {
    tried.push(String(options?.entry?.id));
    const error = refuses(String(rooms[0]));
    if (error) throw error;
    return { delivered: 0 };
  };
  const { publish: work } = new QueuePublisher({
    dialect: "native",
    feed: {
      name: "queue",
      maxEntryBytes: 1_000,
      decode: ([[room] = [""]]) => ({
        kind: "queued",
        publication: new RawPublication(
          { namespace: "/", rooms: [room], isTree: false, except: [], skip: [] },
          Buffer.from("1"),
        ),
        options: {},
      }),
    },
    broker: { open: async () => undefined, history: async () => "no_history", publish },
    observe: { ...silent, report: (stage) => void reported.push(stage) },
  });
  const ids = async (entries: readonly QueueEntry[]) => {
    tried.length = 0;
    const { settled, ...rest } = await work(entries);
    return { tried: [...tried], settled: settled.map(({ id }) => id), ...rest };
  };
  return { work, ids, reported };
}

const entry = (id: string, room: string): QueueEntry => ({
  id,
  bytes: 1,
  ageMs: 0,
  fields: [[room, Buffer.from("")]],
});

const refusal = (code: ErrorCode): GatewayError => new GatewayError(code, `Expected it, got ${code}`);

test("what the store does not take now stays: the first of its room is tried, later ones wait behind it, other rooms do not", async () => {
  let isFull = true;
  const { ids } = publisher((room) => (room === "a" && isFull ? refusal("bus_unavailable") : undefined));
  const entries = [entry("1", "a"), entry("2", "a"), entry("3", "b"), entry("4", "a")];
  const first = await ids(entries);
  expect(first).toMatchObject({ settled: ["3"], held: "queue waits: Expected it, got bus_unavailable" });
  const rest = entries.filter(({ id }) => id !== "3");
  expect(await ids([...rest, entry("5", "b")])).toMatchObject({ tried: ["1", "5"], settled: ["5"] });
  // With nothing else to do, the pauses grow, to a bound.
  const pauses: number[] = [];
  for (let look = 0; look < 6; look++) pauses.push((await ids(rest)).pauseMs);
  expect(pauses[0]).toBeGreaterThanOrEqual(800);
  expect(pauses[0]).toBeLessThanOrEqual(1_200);
  expect(Math.min(...pauses.slice(2))).toBeGreaterThanOrEqual(2_400);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(3_600);
  isFull = false;
  expect(await ids(rest)).toMatchObject({ tried: ["1"], settled: ["1"], held: undefined });
  expect(await ids(rest.slice(1))).toMatchObject({ settled: ["2", "4"], pauseMs: 0, held: undefined });
});

test.each([
  ["history_off", "history_off"],
  ["version_outdated", "version_outdated"],
  ["body_too_large", "too_large"],
  ["log_unusable", "log_unusable"],
] as const)("what can never be published is given up at once: %s", async (code, reason) => {
  const { work } = publisher(() => refusal(code));
  expect(await work([entry("1", "a"), entry("2", "a")])).toEqual({
    settled: ["1", "2"].map((id) => ({
      id,
      refusal: { kind: "refused", reason, text: `Expected it, got ${code}` },
    })),
    pauseMs: 0,
    held: undefined,
  });
});

test("an error of the gateway itself is reported, and the entry is set aside without its words", async () => {
  const { work, reported } = publisher((room) => (room === "a" ? new TypeError("payload") : undefined));
  const { settled } = await work([entry("1", "a"), entry("2", "b")]);
  expect(settled.map(({ refusal: why }) => why?.reason)).toEqual(["publish_failed", undefined]);
  expect(JSON.stringify(settled)).not.toContain("payload");
  expect(reported).toEqual(["queue_publish"]);
});
