// What was written down (history.ts), kept as the oracle looks things up in it. A run may have millions of deliveries: each is
// three numbers here, and publications and places are known by theirs. Pure.

import type {
  Fault,
  Gap,
  Heard,
  HistoryEvent,
  Joined,
  Left,
  Logged,
  Queued,
  Said,
  Taken,
} from "./history.ts";

/** What became of one publication. */
export interface Publication {
  readonly id: string;
  /** Undefined: it was received, and no publisher said it. */
  said?: Said;
  readonly taken: Taken[];
  /** By any client, for the first time; infinite: never. */
  firstHeardAt: number;
}

/** Where a publication stands in a room, as a publisher or a client was told. */
export interface Standing {
  readonly room: string;
  readonly at: string;
}

/** What a client received in a room, in its order. */
export class Deliveries {
  /** Ascending. */
  readonly times: number[] = [];
  /** Their numbers in the book. */
  readonly publications: number[] = [];
  /** Their numbers in the book; -1: the client was told none. */
  readonly places: number[] = [];

  /** The first one from a moment on. */
  from(moment: number): number {
    return firstFrom(this.times, moment);
  }
}

/** One client in one room. */
export interface Stay {
  readonly client: string;
  readonly room: string;
  readonly joins: Joined[];
  readonly heard: Deliveries;
  readonly gaps: Gap[];
}

export interface Span {
  readonly from: number;
  readonly until: number;
}

export class Book {
  readonly publications: Publication[] = [];
  /** Numbers of publications by room, as they were said. */
  readonly saidIn = new Map<string, number[]>();
  readonly places: Standing[] = [];
  readonly stays: Stay[] = [];
  readonly faults: Fault[] = [];
  readonly logs: Logged[] = [];
  readonly queues: Queued[] = [];
  /** By their names. */
  readonly gateways = new Set<string>();
  readonly lefts = new Map<string, Left[]>();
  deliveries = 0;
  /** Connections of clients that ended. */
  cuts = 0;
  end = 0;
  readonly #numbers = new Map<string, number>();
  readonly #placeNumbers = new Map<string, number>();
  readonly #stays = new Map<string, Stay>();

  static of(history: Iterable<HistoryEvent>): Book {
    const book = new Book();
    for (const event of history) book.enter(event);
    return book;
  }

  /** Events come in the order in which they happened; a fault comes when it is over. */
  enter(event: HistoryEvent): void {
    this.end = Math.max(this.end, event.t);
    if (event.kind === "heard") this.#hear(event);
    else if (event.kind === "said") this.#say(event);
    else if (event.kind === "taken") this.publication(this.#number(event.id)).taken.push(event);
    else if (event.kind === "left") this.#leave(event);
    else if (event.kind === "fault") this.faults.push(event);
    else if (event.kind === "logged") this.logs.push(event);
    else if (event.kind === "queued") this.queues.push(event);
    else if (event.kind === "joined") this.#join(event);
    else this.#stay(event).gaps.push(event);
  }

  /** Throws where there is none of this number. */
  publication(number: number): Publication {
    const publication = this.publications[number];
    if (!publication) throw new Error(`Expected publication ${number}, got none`);
    return publication;
  }

  /** The number of a place that a publisher or a client was told; -1: of none. */
  place(room: string, at: string | undefined): number {
    if (at === undefined) return -1;
    const text = `${room} ${at}`;
    const known = this.#placeNumbers.get(text);
    if (known !== undefined) return known;
    this.#placeNumbers.set(text, this.places.length);
    return this.places.push({ room, at }) - 1;
  }

  /** Times in which a client was not in a room. */
  absences({ client, joins }: Stay): readonly Span[] {
    return (this.lefts.get(client) ?? []).map(({ t }) => ({
      from: t,
      until: joins.find((join) => join.t > t)?.t ?? Number.POSITIVE_INFINITY,
    }));
  }

  #say(event: Said): void {
    const number = this.#number(event.id);
    this.publication(number).said = event;
    push(this.saidIn, event.room, number);
  }

  #leave(event: Left): void {
    this.cuts += 1;
    push(this.lefts, event.client, event);
  }

  #join(event: Joined): void {
    this.#stay(event).joins.push(event);
    this.gateways.add(event.gateway);
  }

  #hear(event: Heard): void {
    const { t, id, room, at } = event;
    const number = this.#number(id);
    const publication = this.publication(number);
    publication.firstHeardAt = Math.min(publication.firstHeardAt, t);
    const { times, publications, places } = this.#stay(event).heard;
    if (t < (times.at(-1) ?? 0)) throw new Error(`Expected deliveries in their order, got ${id} at ${ms(t)}`);
    times.push(t);
    publications.push(number);
    places.push(this.place(room, at));
    this.deliveries += 1;
  }

  #number(id: string): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    this.#numbers.set(id, this.publications.length);
    return this.publications.push({ id, taken: [], firstHeardAt: Number.POSITIVE_INFINITY }) - 1;
  }

  #stay({ client, room }: { readonly client: string; readonly room: string }): Stay {
    const key = `${client} ${room}`;
    const known = this.#stays.get(key);
    if (known) return known;
    const stay: Stay = { client, room, joins: [], heard: new Deliveries(), gaps: [] };
    this.#stays.set(key, stay);
    this.stays.push(stay);
    return stay;
  }
}

/** When it was carried out: what a queue took waits, and is said later. */
export function carriedOutAt({ firstHeardAt, taken: [first] }: Publication): number {
  if (!first) return Number.POSITIVE_INFINITY;
  return first.isQueued === true ? firstHeardAt : first.t;
}

/** The index of the first number that is not below a bound. @param sorted ascending */
export function firstFrom(sorted: readonly number[], bound: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

function push<Item>(lists: Map<string, Item[]>, key: string, item: Item): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

export function ms(time: number): string {
  return `${(time / 1_000).toFixed(2)} s`;
}
