// The Log port in memory: the logs of one process. What is said goes over the memory bus. Bounded in bytes: the room that
// was written to longest ago goes first, with its epoch; of the last one, its oldest entries.

import { roomId } from "../room-id.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import type { Bus } from "../../core/bus.ts";
import {
  createTag,
  emptyTag,
  epochLength,
  epochSeconds,
  formatPosition,
  keySeconds,
  withPosition,
} from "../log-store.ts";
import type { Appended, Log, LogEntry, LogPage, LogPosition, LogRange, NewEntry } from "../log.ts";
import type { RoomName } from "../../core/publication.ts";
import type { HistoryRule } from "../../vocabulary/room-rules.ts";
import { randomId } from "../../base/random-id.ts";

/** What all logs together may hold, bytes. */
const maxBytes = 64 * 1024 * 1024;
/** Keys of publishers that are remembered of one room, the latest. */
const maxKeys = 50_000;
/** What an entry, a key of a publisher and a room count beside their text, bytes. */
const overhead = 256;

interface RoomLog {
  readonly epoch: string;
  offset: number;
  tag: string;
  version: number | undefined;
  entries: LogEntry[];
  bytes: number;
  /** By the publisher's key. */
  readonly keys: Map<string, { readonly at: LogPosition; readonly until: number }>;
  /** Ends of its entries' life and of its own, ms of the monotonic clock. */
  entriesUntil: number;
  until: number;
}

export interface MemoryLogParts {
  readonly bus: Pick<Bus, "publish">;
  /** Monotonic clock, ms. */
  readonly now: () => number;
  /** @default 64 MiB */
  readonly maxBytes?: number;
}

export class MemoryLog implements Log {
  readonly #parts: MemoryLogParts;
  /** Those written to last stand last. */
  readonly #rooms = new Map<string, RoomLog>();
  #bytes = 0;
  /** One append after the other: an offset is given once the bus took the one before. */
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(parts: MemoryLogParts) {
    this.#parts = parts;
  }

  async append(entry: NewEntry): Promise<Appended> {
    const appended = this.#last.then(async () => this.#append(entry));
    this.#last = appended.catch(() => undefined);
    return appended;
  }

  async read(name: RoomName, range: LogRange): Promise<LogPage | undefined> {
    this.#checkOpen();
    const log = this.#find(name);
    return log && { top: topOf(log), ...select(log.entries, range) };
  }

  async top(name: RoomName, history: HistoryRule): Promise<LogPosition> {
    this.#checkOpen();
    return topOf(this.#find(name) ?? this.#make(name, history));
  }

  close(): void {
    this.#isClosed = true;
    this.#rooms.clear();
  }

  async #append({ name, history, body, channel, key, version }: NewEntry): Promise<Appended> {
    this.#checkOpen();
    const log = this.#find(name) ?? this.#make(name, history);
    const before = key === undefined ? undefined : log.keys.get(key);
    const now = this.#parts.now();
    if (before && before.until > now) return { kind: "repeated", at: formatPosition(before.at) };
    if (version !== undefined && log.version !== undefined && version <= log.version) {
      return { kind: "outdated", at: formatPosition(topOf(log)), version: log.version };
    }
    const at = { epoch: log.epoch, offset: log.offset + 1, tag: createTag() };
    await this.#parts.bus.publish(channel, withPosition(body, at));
    // In the same turn as the bus took it, and before it is heard.
    log.offset = at.offset;
    log.tag = at.tag;
    if (version !== undefined) log.version = version;
    this.#keep(name, log, { offset: at.offset, tag: at.tag, body });
    this.#trim(log, history);
    if (key !== undefined) this.#remember(log, key, at);
    log.entriesUntil = now + history.seconds * 1_000;
    log.until = now + epochSeconds(history, false) * 1_000;
    this.#evict();
    return { kind: "stored", at: formatPosition(at) };
  }

  #find(name: RoomName): RoomLog | undefined {
    const id = roomId(name);
    const log = this.#rooms.get(id);
    if (!log) return undefined;
    const now = this.#parts.now();
    if (log.until <= now) {
      this.#forget(id, log);
      return undefined;
    }
    if (log.entriesUntil <= now) this.#drop(log, log.entries.length);
    return log;
  }

  #make(name: RoomName, history: HistoryRule): RoomLog {
    const id = roomId(name);
    const log: RoomLog = {
      epoch: randomId(epochLength),
      offset: 0,
      tag: emptyTag,
      version: undefined,
      entries: [],
      bytes: id.length + overhead,
      keys: new Map(),
      entriesUntil: Infinity,
      until: this.#parts.now() + epochSeconds(history, true) * 1_000,
    };
    this.#rooms.set(id, log);
    this.#bytes += log.bytes;
    this.#evict();
    return log;
  }

  #keep(name: RoomName, log: RoomLog, entry: LogEntry): void {
    const id = roomId(name);
    // It may have been forgotten while the bus took the entry.
    if (!this.#rooms.delete(id)) this.#bytes += log.bytes;
    this.#rooms.set(id, log);
    log.entries.push(entry);
    this.#count(log, entry.body.length + overhead);
  }

  #trim(log: RoomLog, { size }: HistoryRule): void {
    this.#drop(log, log.entries.length - size);
  }

  /** The oldest so many. */
  #drop(log: RoomLog, count: number): void {
    if (count <= 0) return;
    for (const { body } of log.entries.splice(0, count)) this.#count(log, -(body.length + overhead));
  }

  #remember(log: RoomLog, key: string, at: LogPosition): void {
    const now = this.#parts.now();
    for (const [old, { until }] of log.keys) {
      if (until > now && log.keys.size < maxKeys) break;
      log.keys.delete(old);
      this.#count(log, -(old.length + overhead));
    }
    log.keys.set(key, { at, until: now + keySeconds * 1_000 });
    this.#count(log, key.length + overhead);
  }

  #count(log: RoomLog, bytes: number): void {
    log.bytes += bytes;
    this.#bytes += bytes;
  }

  #evict(): void {
    const { maxBytes: bound = maxBytes } = this.#parts;
    for (const [id, log] of this.#rooms) {
      if (this.#bytes <= bound) return;
      if (this.#rooms.size > 1) this.#forget(id, log);
      else this.#shorten(log, this.#bytes - bound);
    }
  }

  /** The oldest of these bytes, but the last one. */
  #shorten(log: RoomLog, bytes: number): void {
    let [count, left] = [0, bytes];
    for (const { body } of log.entries.slice(0, -1)) {
      if (left <= 0) break;
      left -= body.length + overhead;
      count += 1;
    }
    this.#drop(log, count);
  }

  #forget(id: string, log: RoomLog): void {
    this.#rooms.delete(id);
    this.#bytes -= log.bytes;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new GatewayError("bus_unavailable", "Expected an open log, got a closed one");
  }
}

function topOf({ epoch, offset, tag }: RoomLog): LogPosition {
  return { epoch, offset, tag };
}

/** Offsets follow each other, so places in the list follow from them. */
function select(
  entries: readonly LogEntry[],
  { from, limit, bytes }: LogRange,
): Pick<LogPage, "entries" | "hasMore"> {
  const first = entries[0]?.offset ?? 1;
  const found =
    "after" in from
      ? entries.slice(Math.max(0, from.after + 1 - first))
      : entries
          .slice(0, from.before === undefined ? undefined : Math.max(0, from.before - first))
          .toReversed();
  const page: LogEntry[] = [];
  let sum = 0;
  for (const entry of found.slice(0, limit)) {
    sum += Buffer.byteLength(entry.body);
    if (page.length > 0 && sum > bytes) break;
    page.push(entry);
  }
  return { entries: page, hasMore: limit > 0 && page.length < found.length };
}
