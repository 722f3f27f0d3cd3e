// The tape: what this gateway heard on the bus lately, by whichever way it was published. A position on it is a marker and
// a count: "so many messages of the line after this marker" names the same message on every gateway that heard the marker
// and was not cut off since (bus.ts says what the line is). Nothing is written anywhere for that. Pure: no clock, no
// timers, no bus of its own.

import type { LineObserver } from "../core/bus.ts";
import { Fifo } from "./fifo.ts";
import { readMarker } from "../brokers/marker.ts";
import { mayHear } from "../core/publication.ts";
import type { Publication } from "../core/publication.ts";
import type { Asked, Kept, LossReason, Position } from "../core/recovery.ts";

export interface TapeParts {
  /** How long a publication is kept, ms. 0: nothing is kept, and nothing has a position. */
  readonly maxAgeMs: number;
  /** How much is kept, bytes. */
  readonly maxBytes: number;
  /** Monotonic clock, ms. */
  now(): number;
}

/** Where a position is on this tape: on it, perhaps in front of it, or lost for the reason. */
export type Place =
  | { readonly kind: "here"; readonly serial: number }
  | { readonly kind: "ahead" }
  | { readonly kind: "lost"; readonly reason: LossReason };

type Room = Pick<Asked, "namespace" | "room">;

/** A marker, and how many messages came before it. */
interface Start {
  readonly token: string;
  readonly serial: number;
}

/** Without its position as text, which is longer than most of the rest. */
interface Entry {
  readonly publication: Publication;
  readonly marker: Start;
  readonly order: number;
  readonly bytes: number;
  readonly time: number;
}

/** What is kept of one namespace, by room. */
interface Lists {
  readonly everyone: Fifo<Entry>;
  readonly rooms: Map<string, Fifo<Entry>>;
}

/** What an entry costs beside its payload, bytes, as measured; and each room that it went to. */
const entryBytes = 640;
const roomBytes = 64;
/** So many markers are remembered: hours of one gateway's, minutes of dozens'. */
const maxMarkers = 16_384;
/** Subscriptions that sent markers, of all gateways, living or gone: so many are known. */
const maxSources = 4_096;
/** Of so many rooms it is known how far back each is whole; the others are whole for as long as the least of them. */
const maxShortened = 16_384;

const positionForm = /^([A-Za-z0-9]{1,64})\.(0|[1-9]\d{0,14})$/;

export class Tape implements LineObserver {
  readonly #parts: TapeParts;
  readonly #entries = new Fifo<Entry>();
  readonly #lists = new Map<string, Lists>();
  /** Messages of the line so far: each has a number of its own on this gateway. */
  #serial = 0;
  #bytes = 0;
  /** Everything up to here may be gone, in every room. */
  #lostUpTo = 0;
  /** The serial up to which a room's own entries are gone, the latest last: a quiet room stays whole beside a busy one. */
  readonly #shortened = new Map<string, number>();
  #hasBeenCut = false;
  /** Serial by token, oldest first. */
  readonly #markers = new Map<string, number>();
  /** The latest number of each source of markers. */
  readonly #sources = new Map<string, number>();
  #line: string | undefined;
  #marker: Start | undefined;

  constructor(parts: TapeParts) {
    this.#parts = parts;
  }

  /** What is kept, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A message of the line came: every one counts, junk too. */
  step(): void {
    this.#serial++;
  }

  /** The message that came is a marker. */
  mark(token: string): void {
    const marker = readMarker(token);
    if (!marker || this.#parts.maxAgeMs === 0) return;
    this.#line = marker.line;
    this.#marker = { token, serial: this.#serial };
    remember(this.#markers, { key: token, value: this.#serial, max: maxMarkers });
    remember(this.#sources, { key: marker.source, value: marker.number, max: maxSources });
  }

  /** Messages may have been missed: nothing that is kept can be trusted to be whole. */
  cut(): void {
    if (!this.#marker) return;
    this.#hasBeenCut = true;
    this.#marker = undefined;
    this.#markers.clear();
    while (this.#entries.length > 0) this.#drop();
    this.#shortened.clear();
    this.#lostUpTo = this.#serial;
  }

  /** Where the line stands; undefined: no marker was heard since it was cut. */
  here(): Position | undefined {
    return this.#marker && positionOf(this.#marker, this.#serial);
  }

  /** Keeps the publication that the last message of the line holds. @returns its position. */
  record(publication: Publication): Position | undefined {
    const marker = this.#marker;
    if (!marker) return undefined;
    const at = positionOf(marker, this.#serial);
    // What may be dropped where it does not fit is not missed.
    if (publication.volatile) return at;
    const { namespace, rooms, isTree } = publication;
    const time = this.#parts.now();
    const bytes = entryBytes + (rooms?.length ?? 0) * roomBytes + payloadBytes(publication);
    const entry: Entry = { publication, marker, order: this.#serial, bytes, time };
    this.#entries.push(entry);
    this.#bytes += bytes;
    if (isTree !== true)
      for (const list of this.#open(namespace, rooms)) if (list.last !== entry) list.push(entry);
    this.expire(time);
    return at;
  }

  /** Drops what is too old, or too much. */
  expire(now: number): void {
    const { maxAgeMs, maxBytes } = this.#parts;
    for (;;) {
      const { first } = this.#entries;
      if (!first || (first.time >= now - maxAgeMs && this.#bytes <= maxBytes)) return;
      this.#drop();
    }
  }

  /** Where a position of a room is. Never `here` where something after it may be missing there. */
  find(position: Position, { namespace, room }: Room): Place {
    const [, token = "", count = ""] = positionForm.exec(position) ?? [];
    const marker = readMarker(token);
    if (!marker || (this.#line !== undefined && marker.line !== this.#line)) return lost("epoch");
    const start = this.#markers.get(token);
    if (start === undefined) {
      const latest = this.#sources.get(marker.source);
      const mayCome = latest === undefined || latest < marker.number;
      return mayCome ? { kind: "ahead" } : lost(this.#hasBeenCut ? "gap" : "too_old");
    }
    const serial = start + Number(count);
    if (serial > this.#serial) return { kind: "ahead" };
    const lostUpTo = this.#shortened.get(keyOf(namespace, room)) ?? this.#lostUpTo;
    return serial < lostUpTo ? lost("too_old") : { kind: "here", serial };
  }

  /** What a room had after a place that is here, in order. */
  since(serial: number, { namespace, room, dialect }: Asked): readonly Kept[] {
    const lists = this.#lists.get(namespace);
    const list = room === undefined ? lists?.everyone : lists?.rooms.get(room);
    const entries = list?.tail(({ order }) => order > serial) ?? [];
    return entries
      .filter(({ publication }) => mayHear(dialect, publication))
      .map(({ publication, marker, order }) => ({ publication, at: positionOf(marker, order), order }));
  }

  /** Why a position that was waited for did not come. */
  get lateReason(): LossReason {
    return this.#hasBeenCut ? "gap" : "too_old";
  }

  /** Forgets the oldest entry. */
  #drop(): void {
    const entry = this.#entries.shift();
    if (!entry) return;
    this.#bytes -= entry.bytes;
    const { namespace, rooms, isTree } = entry.publication;
    if (isTree === true) return;
    for (const room of rooms ?? [undefined]) this.#shorten(keyOf(namespace, room), entry.order);
    const lists = this.#lists.get(namespace);
    if (!lists) return;
    // Lists are in the order of the whole: the oldest of all is the oldest of each that it is in.
    if (rooms === undefined && lists.everyone.first === entry) lists.everyone.shift();
    for (const room of rooms ?? []) {
      const list = lists.rooms.get(room);
      if (list?.first === entry) list.shift();
      if (list?.length === 0) lists.rooms.delete(room);
    }
    if (lists.rooms.size === 0 && lists.everyone.length === 0) this.#lists.delete(namespace);
  }

  #shorten(key: string, value: number): void {
    const forgotten = remember(this.#shortened, { key, value, max: maxShortened });
    if (forgotten !== undefined) this.#lostUpTo = forgotten;
  }

  #open(namespace: string, rooms: Publication["rooms"]): readonly Fifo<Entry>[] {
    let lists = this.#lists.get(namespace);
    if (!lists) {
      lists = { everyone: new Fifo(), rooms: new Map() };
      this.#lists.set(namespace, lists);
    }
    const { everyone, rooms: known } = lists;
    if (rooms === undefined) return [everyone];
    return rooms.map((room) => {
      const list = known.get(room) ?? new Fifo<Entry>();
      known.set(room, list);
      return list;
    });
  }
}

function positionOf({ token, serial }: Start, at: number): Position {
  return `${token}.${at - serial}`;
}

function keyOf(namespace: string, room: string | undefined): string {
  return room === undefined ? namespace : `${namespace}\n${room}`;
}

function lost(reason: LossReason): Place {
  return { kind: "lost", reason };
}

/** Keeps the latest `max`, the newest last. @returns the value of the one that it forgot for that. */
function remember(
  map: Map<string, number>,
  { key, value, max }: { readonly key: string; readonly value: number; readonly max: number },
): number | undefined {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return undefined;
  for (const [oldest, its] of map) {
    map.delete(oldest);
    return its;
  }
  return undefined;
}

function payloadBytes({ raw, event, args, attachments }: Publication): number {
  // Once it is read as text, for clients, there are two of it.
  if (raw) return 2 * raw.length;
  let bytes = event.length;
  for (const text of args) bytes += text.length;
  for (const attachment of attachments) bytes += attachment.length;
  return bytes;
}
