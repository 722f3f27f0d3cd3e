import { expect, test } from "bun:test";
import type { ChannelFilter } from "../../core/bus.ts";
import { defaultLimits } from "../../vocabulary/limits.ts";
import { silent } from "../../core/observe.ts";
import type { Meaning } from "../../core/publication.ts";
import { MemoryBus } from "./bus.ts";
import { publicationWith } from "../../../test/support/publication.ts";

const filter: ChannelFilter = {
  kind: "exact",
  name: "room",
  canary: { channel: "room", encode: (token) => token, decode: () => undefined },
};

test("SEC-06 what waits is bounded: a publish past 64 MiB is refused, and taken again once the rest is delivered", async () => {
  const bus = new MemoryBus({ observe: silent, limits: defaultLimits });
  const drained = Promise.withResolvers<void>();
  let heard = 0;
  await bus.subscribe(filter, () => {
    heard += 1;
    if (heard === 63) drained.resolve();
  });
  const mebibyte = Buffer.alloc(1024 * 1024);
  for (let index = 0; index < 63; index++) await bus.publish("room", mebibyte);
  const refusal: unknown = await bus.publish("room", mebibyte).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "bus_unavailable" });
  await bus.publish("nobody hears this", mebibyte);
  await drained.promise;
  await bus.publish("room", mebibyte);
  await new Promise(setImmediate);
  expect(heard).toBe(64);
  await bus.close();
});

test("WSE-26 what the publisher says of a message comes with it, to each listener, and counts", async () => {
  const bus = new MemoryBus({ observe: silent, limits: defaultLimits });
  const meaning: Meaning = { dialect: "d", bytes: 1, publication: publicationWith() };
  const heard: unknown[] = [];
  for (let listener = 0; listener < 2; listener++) {
    await bus.subscribe(filter, (message) => void heard.push(message.meaning));
  }
  await bus.publish("room", "x", meaning);
  await bus.publish("room", "x");
  await new Promise(setImmediate);
  expect(heard).toEqual([meaning, meaning, undefined, undefined]);
  const payload = Buffer.alloc(12 * 1024 * 1024);
  await bus.publish("room", payload);
  const large = { ...meaning, bytes: payload.length };
  expect(await bus.publish("room", payload, large).catch((error: unknown) => error)).toMatchObject({
    code: "bus_unavailable",
  });
  await bus.close();
});

test("SEC-06 a burst is delivered in several turns of the event loop", async () => {
  const bus = new MemoryBus({ observe: silent, limits: defaultLimits });
  let turn = 0;
  const turns: number[] = [];
  const count = (): void => {
    turn += 1;
    if (turns.length < 40) setImmediate(count);
  };
  await bus.subscribe(filter, () => {
    turns.push(turn);
  });
  for (let index = 0; index < 40; index++) await bus.publish("room", Buffer.alloc(64 * 1024));
  setImmediate(count);
  while (turns.length < 40) await new Promise(setImmediate);
  const perTurn = Map.groupBy(turns, (at) => at);
  expect(Math.max(...[...perTurn.values()].map((list) => list.length))).toBe(4);
  await bus.close();
});

test("RTE-11 publishes from inside a handler wait for a later turn, so the event loop is never starved", async () => {
  const bus = new MemoryBus({ observe: silent, limits: defaultLimits });
  let isOver = false;
  let count = 0;
  await bus.subscribe(filter, () => {
    count += 1;
    if (!isOver) void bus.publish("room", "again");
  });
  await bus.publish("room", "first");
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  isOver = true;
  expect(count).toBeGreaterThan(1);
  await bus.close();
});

test("bytes are written for a listener that reads them, once for each, and for no other", async () => {
  const bus = new MemoryBus({ observe: silent, limits: defaultLimits });
  const meaning: Meaning = { dialect: "d", publication: publicationWith(), bytes: 1 };
  let written = 0;
  const payload = (): string => {
    written++;
    return "x";
  };
  const heard: unknown[] = [];
  await bus.subscribe(filter, (message) => void heard.push(message.meaning));
  await bus.publish("room", payload, meaning);
  await new Promise(setImmediate);
  expect([heard, written]).toEqual([[meaning], 0]);
  await bus.subscribe(filter, ({ payload: first }) => void heard.push(first.toString()));
  await bus.subscribe(filter, (message) => void heard.push(message.payload === message.payload));
  await bus.publish("room", payload, meaning);
  await new Promise(setImmediate);
  expect([heard, written]).toEqual([[meaning, meaning, "x", true], 2]);
  await bus.publish("nobody hears this", payload);
  await bus.close();
});
