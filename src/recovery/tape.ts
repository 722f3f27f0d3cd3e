// The tape: what this gateway heard on the bus lately, by whichever way it was published. A position on it is a marker and
// a count: "so many messages of the line after this marker" names the same message on every gateway that heard the marker
// and was not cut off since (brokers/marker.ts says what the line is). Nothing is written anywhere for that. What is kept are the bytes
// of the bus (tape-ring.ts), which are read again for a client that comes back. Pure: no clock, no timers, no bus of its own.

import { ByRoom } from "./by-room.ts";
import type { BusMessage, ChannelFilter, Feed } from "../core/bus.ts";
import type { LineObserver } from "../brokers/marker.ts";
import { readMarker } from "../brokers/marker.ts";
import { mayHear, type Publication } from "../core/publication.ts";
import { ReadLately } from "./read-lately.ts";
import { Recent } from "./recent.ts";
import { Slots } from "./slots.ts";
import { messageOf, publicationIn } from "./tape-item.ts";
import type { Standing, TapeItem } from "./tape-item.ts";
import { TapeRing, nowhere } from "./tape-ring.ts";
import type { Chain, Place } from "./tape-ring.ts";
import type { Asked, Kept, LossReason } from "./recovery.ts";
import type { Position } from "../core/position.ts";

export interface TapeParts {
  /** How long a publication is kept, ms. 0: nothing is kept, and nothing has a position. */
  readonly maxAgeMs: number;
  /** How much is kept, bytes. */
  readonly maxBytes: number;
  /** What it grows by, bytes: a multiple of 64. @default 1 MiB */
  readonly blockBytes?: number;
  /** Monotonic clock, ms. */
  now(): number;
}

/** Where a position is on this tape: on it, perhaps in front of it, or lost for the reason. */
export type Whereabouts =
  | { readonly kind: "here"; readonly serial: number }
  | { readonly kind: "ahead" }
  | { readonly kind: "lost"; readonly reason: LossReason };

type RoomName = Pick<Asked, "namespace" | "room">;

/** A marker, and how many messages came before it. */
interface Start {
  readonly token: string;
  readonly serial: number;
}

/** A subscription, which understands its messages: the same each time. One object for all of them. */
export type TapeSource = Feed<ChannelFilter>;

/** How many records have it, and its number in them. */
interface Used {
  readonly index: number;
  count: number;
}

/** A room with records. */
interface Room extends Chain, Used {
  readonly name: RoomName;
  /** Its records up to this serial are gone. */
  lostUpTo: number | undefined;
}

interface Source extends Used {
  readonly source: TapeSource;
}

/** What a room costs beside its records, bytes, as measured. */
const roomBytes = 1_024;
const defaultBlockBytes = 1024 * 1024;
const noBytes = new Uint8Array(0);
/** So many markers are remembered: hours of one gateway's, minutes of dozens'. */
const maxMarkers = 16_384;
/** Subscriptions that sent markers, of all gateways, living or gone: so many are known. */
const maxSources = 4_096;
/** Of so many rooms it is known how far back each is whole; the others are whole for as long as the least of them. */
const maxShortened = 16_384;

const positionForm = /^([A-Za-z0-9]{1,64})\.(0|[1-9]\d{0,14})$/;

export class Tape implements LineObserver {
  readonly #parts: TapeParts;
  readonly #ring: TapeRing;
  /** By namespace and name, and by number. */
  readonly #named = new ByRoom<Room>();
  readonly #rooms = new Slots<Room>();
  readonly #known = new Map<TapeSource, Source>();
  readonly #sourceTable = new Slots<Source>();
  readonly #read = new ReadLately();
  /** Messages of the line so far: each has a number of its own on this gateway. */
  #serial = 0;
  /** Of the last call of `expire`: reading the clock for each message would cost as much as half of the rest. */
  #time: number;
  /** Everything up to here may be gone, in every room. */
  #lostUpTo = 0;
  /** The same for rooms without records, the latest last: a quiet room stays whole beside a busy one. */
  readonly #shortened = new Recent(maxShortened);
  /** The latest record that was dropped. */
  #dropped = Number.NEGATIVE_INFINITY;
  #hasBeenCut = false;
  /** Serial by token, oldest first. */
  readonly #markers = new Recent(maxMarkers);
  /** The latest number of each source of markers. */
  readonly #sources = new Recent(maxSources);
  #line: string | undefined;
  #marker: Start | undefined;
  /** The latest markers by serial: each record stands behind one of them. */
  #starts: Start[] = [];

  constructor(parts: TapeParts) {
    this.#parts = parts;
    this.#time = parts.now();
    this.#ring = new TapeRing(parts.blockBytes ?? defaultBlockBytes);
  }

  /** What is kept, bytes. */
  get bytes(): number {
    return this.#ring.bytes + this.#rooms.count * roomBytes;
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
    // It comes once through each subscription that it reaches, one after the other: the last time counts.
    if (this.#marker?.token === token) {
      this.#starts.pop();
      // Positions of what was read may count from where it stood.
      this.rest();
    }
    this.#marker = { token, serial: this.#serial };
    this.#starts.push(this.#marker);
    if (this.#starts.length > 2 * maxMarkers) this.#starts = this.#starts.slice(-maxMarkers);
    this.#markers.set(token, this.#serial);
    this.#sources.set(marker.source, marker.number);
  }

  /** Messages may have been missed: nothing that is kept can be trusted to be whole. */
  cut(): void {
    if (!this.#marker) return;
    this.#hasBeenCut = true;
    this.#marker = undefined;
    this.#markers.clear();
    this.#starts = [];
    this.#forget();
    this.#shortened.clear();
    this.#lostUpTo = this.#serial;
  }

  /** Where the line stands; undefined: no marker was heard since it was cut. */
  here(): Position | undefined {
    return this.#marker && positionOf(this.#marker, this.#serial);
  }

  /** Everything after this serial is there, in every room. */
  get wholeFrom(): number {
    return Math.max(this.#lostUpTo, this.#dropped);
  }

  /** Is it there since it was cut, or began? */
  get isComplete(): boolean {
    return this.#dropped <= this.#lostUpTo;
  }

  /** The markers that it knows, latest last: so many at most. */
  latestMarkers(count: number): readonly string[] {
    return this.#starts.slice(-count).map(({ token }) => token);
  }

  /** Where a marker stands. */
  placeOf(token: string): number | undefined {
    return this.#markers.get(token);
  }

  /** Markers and messages after one serial and up to another, in order. Ends early where they were dropped meanwhile. */
  *items(after: number, upTo: number): Generator<TapeItem, void> {
    const starts = this.#starts.filter(({ serial }) => serial > after && serial <= upTo);
    let next = 0;
    let body = nowhere;
    for (let record = this.#ring.oldest; this.#ring.has(record); record = this.#ring.next(record)) {
      const serial = this.#ring.serialOf(record);
      if (serial > upTo) break;
      for (; (starts[next]?.serial ?? upTo) < serial; next++) yield* starts.slice(next, next + 1);
      const own = this.#ring.bodyOf(record);
      const source = this.#sourceTable.get(this.#ring.sourceOf(record))?.source;
      if (serial <= after || own === body || !source) continue;
      body = own;
      yield { serial, source, time: this.#ring.timeOf(record), ...this.#ring.read(record) };
    }
    yield* starts.slice(next);
  }

  /** Stands there, as if it had heard the line so far: before anything comes. */
  stand({ serial, time, lostUpTo = this.#lostUpTo, hasBeenCut = this.#hasBeenCut }: Standing): void {
    this.#serial = serial;
    this.#time = time;
    this.#lostUpTo = lostUpTo;
    this.#hasBeenCut = hasBeenCut;
  }

  /** Where it stands. */
  get standing(): Required<Standing> {
    const { wholeFrom: lostUpTo } = this;
    return { serial: this.#serial, time: this.#time, lostUpTo, hasBeenCut: this.#hasBeenCut };
  }

  /** Keeps the last message of the line, which says this publication. @returns its position. */
  record(publication: Publication, source: TapeSource, message: BusMessage): Position | undefined {
    const marker = this.#marker;
    if (!marker) return undefined;
    const at = positionOf(marker, this.#serial);
    const { namespace, rooms, isTree, volatile } = publication;
    // What may be dropped where it does not fit is not missed, and what goes to a tree is in no room.
    if (volatile || isTree === true || rooms?.length === 0) return at;
    const used = this.#use(source);
    const channel = source.filter.kind === "pattern" ? Buffer.from(message.channel) : noBytes;
    const chains = rooms === undefined ? [this.#open(namespace, undefined)] : this.#openAll(namespace, rooms);
    for (const room of chains) room.count++;
    used.count += chains.length;
    const { payload } = message;
    this.#ring.append(
      { serial: this.#serial, time: this.#time, source: used.index, channel, payload },
      chains,
    );
    while (this.bytes > this.#parts.maxBytes && this.#ring.bytes > 0) this.#drop();
    return at;
  }

  /** Drops what is too old. Called several times a second: what comes until the next call is as old as this one. */
  expire(now: number): void {
    this.#time = now;
    const oldest = now - this.#parts.maxAgeMs;
    while (this.#ring.bytes > 0 && this.#ring.timeOf(this.#ring.oldest) < oldest) this.#drop();
  }

  /** What was read for clients that came back is not needed any more. */
  rest(): void {
    this.#read.clear();
  }

  /** Where a position of a room is. Never `here` where something after it may be missing there. */
  find(position: Position, { namespace, room }: RoomName): Whereabouts {
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
    const own = this.#named.get(namespace, room)?.lostUpTo ?? this.#shortened.get(keyOf({ namespace, room }));
    const lostUpTo = own ?? this.#lostUpTo;
    return serial < lostUpTo ? lost("too_old") : { kind: "here", serial };
  }

  /** What a room had after a place that is here, in order; undefined: it cannot be read any more. */
  since(serial: number, { namespace, room, dialect }: Asked): readonly Kept[] | undefined {
    const missed: Kept[] = [];
    let record = this.#named.get(namespace, room)?.last ?? nowhere;
    for (; record !== nowhere; record = this.#ring.before(record)) {
      const order = this.#ring.serialOf(record);
      if (order <= serial) break;
      const kept = this.#keptOf(record, order);
      if (!kept) return undefined;
      if (mayHear(dialect, kept.publication)) missed.push(kept);
    }
    return missed.toReversed();
  }

  /** Why a position that was waited for did not come. */
  get lateReason(): LossReason {
    return this.#hasBeenCut ? "gap" : "too_old";
  }

  /** Forgets the oldest record. */
  #drop(): void {
    const record = this.#ring.oldest;
    const room = this.#rooms.get(this.#ring.roomOf(record));
    const source = this.#sourceTable.get(this.#ring.sourceOf(record));
    this.#dropped = this.#ring.serialOf(record);
    if (room) this.#shorten(room, this.#dropped);
    if (source && --source.count === 0) {
      this.#known.delete(source.source);
      this.#sourceTable.free(source.index);
    }
    this.#ring.drop();
  }

  /** Forgets all records. */
  #forget(): void {
    this.#ring.clear();
    this.#named.clear();
    this.#rooms.clear();
    this.#known.clear();
    this.#sourceTable.clear();
    this.rest();
  }

  #shorten(room: Room, serial: number): void {
    room.lostUpTo = serial;
    if (--room.count > 0) return;
    this.#named.delete(room.name.namespace, room.name.room);
    this.#rooms.free(room.index);
    const forgotten = this.#shortened.set(keyOf(room.name), serial);
    if (forgotten !== undefined) this.#lostUpTo = forgotten;
  }

  #open(namespace: string, name: string | undefined): Room {
    const known = this.#named.get(namespace, name);
    if (known) return known;
    const key = keyOf({ namespace, room: name });
    const lostUpTo = this.#shortened.get(key);
    this.#shortened.delete(key);
    const room = this.#rooms.add((index) => ({
      index,
      count: 0,
      last: nowhere,
      name: { namespace, room: name },
      lostUpTo,
    }));
    this.#named.set(namespace, name, room);
    return room;
  }

  /** Each once. */
  #openAll(namespace: string, names: readonly string[]): readonly Room[] {
    const [first] = names;
    if (first !== undefined && names.length === 1) return [this.#open(namespace, first)];
    return [...new Set(names.map((name) => this.#open(namespace, name)))];
  }

  #use(source: TapeSource): Source {
    const known = this.#known.get(source);
    if (known) return known;
    const used = this.#sourceTable.add((index) => ({ index, count: 0, source }));
    this.#known.set(source, used);
    return used;
  }

  /** Read once for a storm of clients. */
  #keptOf(record: Place, order: number): Kept | undefined {
    const known = this.#read.get(record);
    if (known) return known;
    const source = this.#sourceTable.get(this.#ring.sourceOf(record))?.source;
    const publication = source && publicationIn(source, messageOf(source, this.#ring.read(record)));
    const start = this.#startOf(order);
    if (!publication || !start) return undefined;
    const kept = { publication, at: positionOf(start, order), order };
    this.#read.add(record, kept, this.#ring.lengthOf(record));
    return kept;
  }

  /** The marker before a message. */
  #startOf(serial: number): Start | undefined {
    let [low, high] = [0, this.#starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle]?.serial ?? 0) <= serial) low = middle + 1;
      else high = middle;
    }
    return this.#starts[low - 1];
  }
}

function positionOf({ token, serial }: Start, at: number): Position {
  return `${token}.${at - serial}`;
}

function keyOf({ namespace, room }: RoomName): string {
  return room === undefined ? namespace : `${namespace}\n${room}`;
}

function lost(reason: LossReason): Whereabouts {
  return { kind: "lost", reason };
}
