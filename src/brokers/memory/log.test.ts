import { expect, test } from "bun:test";
import type { HistoryRule } from "../../vocabulary/room-rules.ts";
import { readPosition } from "../log-store.ts";
import { MemoryLog } from "./log.ts";

const history: HistoryRule = { size: 100_000, seconds: 60 };
const anyPlace = { from: { before: undefined }, limit: 1_000, bytes: 10_000_000 } as const;

function logOf(maxBytes: number, publish = async (): Promise<undefined> => undefined) {
  const log = new MemoryLog({ bus: { publish }, now: () => 0, maxBytes });
  const append = async (room: string, bytes: number, key?: string) =>
    log.append({ name: named(room), history, channel: "c", body: "x".repeat(bytes), key });
  const offsets = async (room: string) =>
    (await log.read(named(room), anyPlace))?.entries.map(({ offset }) => offset);
  return { log, append, offsets };
}

const named = (room: string) => ({ namespace: "/", room });

test("I6 one room alone is bounded, too: its oldest entries go, its epoch stays", async () => {
  const { append, offsets } = logOf(10_000);
  const places = [];
  for (let count = 0; count < 30; count++) places.push((await append("a", 744)).at);
  expect(await offsets("a")).toEqual([30, 29, 28, 27, 26, 25, 24, 23, 22]);
  expect(new Set(places.map((place) => readPosition(place)?.epoch)).size).toBe(1);
  await append("a", 50_000);
  expect(await offsets("a")).toEqual([31]);
});

test("I6 the room that was written to longest ago goes first", async () => {
  const { append, offsets } = logOf(10_000);
  for (const room of ["a", "b", "a", "c"]) await append(room, 2_500);
  expect(await offsets("b")).toBeUndefined();
  expect([await offsets("a"), await offsets("c")]).toEqual([[2, 1], [1]]);
});

test("I8 the latest 50,000 keys of a room are remembered", async () => {
  const { append } = logOf(1_000);
  for (let count = 0; count <= 50_000; count++) await append("a", 1, `key ${count}`);
  const { kind, at } = await append("a", 1, "key 1");
  expect([kind, readPosition(at)?.offset]).toEqual(["repeated", 2]);
  expect(await append("a", 1, "key 0")).toMatchObject({ kind: "stored" });
});

test("I6 what it holds is counted right where a room goes while its entry is on its way", async () => {
  const isTaken = Promise.withResolvers<undefined>();
  const ways = [Promise.resolve(undefined), isTaken.promise];
  const { log, append, offsets } = logOf(10_000, async () => ways.shift());
  await append("a", 2_900);
  const appended = append("a", 2_900);
  await Promise.resolve();
  for (let count = 0; count < 50; count++) await log.top(named(`b${count}`), history);
  expect(await log.read(named("a"), anyPlace)).toBeUndefined();
  isTaken.resolve(undefined);
  await appended;
  await append("a", 2_900);
  await append("a", 2_900);
  expect(await offsets("a")).toEqual([4, 3, 2]);
});
