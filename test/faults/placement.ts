// Part of the oracle: does each publication stand where its publisher and its receivers were told, in the log too, and is the
// queue empty at the end? Pure.

import type { Book } from "./book.ts";
import type { Logged, Queued, Taken } from "./history.ts";

export function misplacedOf(book: Book): readonly string[] {
  const misplaced: string[] = [];
  const byPlace = new Map<string, string>();
  const places = [
    ...[...book.taken.values()].flat().map(({ id, at }) => ({ id, at, room: book.said.get(id)?.room ?? "" })),
    ...[...book.stays.values()].flatMap(({ heard }) => heard),
  ];
  for (const { id, at, room } of places) {
    if (at === undefined) continue;
    const place = `${room} ${at}`;
    const other = byPlace.get(place) ?? id;
    if (other !== id) misplaced.push(`${place} is ${other} and ${id}`);
    byPlace.set(place, id);
  }
  const logs = new Map(book.logs.map((log) => [log.room, log]));
  for (const [id, all] of book.taken) {
    const log = logs.get(book.said.get(id)?.room ?? "");
    misplaced.push(...keysOf(book, id, all), ...unlogged(log, id, all), ...unqueued(book, log, all));
  }
  return [...misplaced, ...book.logs.flatMap(repeatedIn), ...book.queues.flatMap(leftIn)];
}

/** One key, one place, in one life of the store. */
function keysOf({ faults }: Book, id: string, all: readonly Taken[]): readonly string[] {
  const places = new Set(all.map(({ at }) => at));
  const isLost = faults.some(
    ({ t, until, breaks }) =>
      breaks.includes("store") && t < (all.at(-1)?.t ?? 0) && until > (all[0]?.t ?? 0),
  );
  return places.size > 1 && !isLost ? [`${id} stands at ${[...places].join(" and ")}`] : [];
}

function unlogged(log: Logged | undefined, id: string, all: readonly Taken[]): readonly string[] {
  if (!log) return [];
  const first = Math.min(...Object.keys(log.entries).map(Number));
  return all.flatMap(({ at = "" }) => {
    const offset = Number.parseInt(at.slice(at.indexOf(":") + 1), 10);
    if (at === "" || epochOf(at) !== log.epoch || offset < first) return [];
    return log.entries[offset] === id
      ? []
      : [`${id} is stored at ${at}, and the log has ${log.entries[offset]} there`];
  });
}

/** What a queue took for a room with a log is in the log at the end, unless the store was lost with either of them. */
function unqueued({ said, faults }: Book, log: Logged | undefined, all: readonly Taken[]): readonly string[] {
  const [taken] = all;
  if (!log || taken?.isQueued !== true) return [];
  const since = said.get(taken.id)?.t ?? 0;
  const isLost = faults.some(({ until, breaks }) => breaks.includes("store") && until > since);
  return isLost || Object.values(log.entries).includes(taken.id) ? [] : [`${taken.id} is not in the log`];
}

function repeatedIn({ room, entries }: Logged): readonly string[] {
  const seen = new Set<string>();
  return Object.values(entries).flatMap((id) => {
    if (seen.has(id)) return [`the log of ${room} has ${id} twice`];
    seen.add(id);
    return [];
  });
}

function leftIn({ waiting, refused }: Queued): readonly string[] {
  return waiting + refused === 0 ? [] : [`the queue has ${waiting} entries, and ${refused} refused ones`];
}

export function epochOf(at: string): string {
  return at.slice(0, Math.max(0, at.indexOf(":")));
}
