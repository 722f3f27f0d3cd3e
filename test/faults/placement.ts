// Part of the oracle: does each publication stand where its publisher and its receivers were told, in the log too, and is the
// queue empty at the end? Pure.

import type { Book, Publication } from "./book.ts";
import type { Fault, Logged, Queued } from "./history.ts";

export function misplacedOf(book: Book): readonly string[] {
  const logs = new Map(book.logs.map((log) => [log.room, new ReadLog(log)]));
  const misplaced = doublePlacesOf(book);
  for (const publication of book.publications) {
    const log = logs.get(publication.said?.room ?? "");
    misplaced.push(
      ...keysOf(book.faults, publication),
      ...(log?.lacks(publication) ?? []),
      ...(log?.lacksQueued(publication, book.faults) ?? []),
    );
  }
  return [...misplaced, ...book.logs.flatMap(repeatedIn), ...book.queues.flatMap(leftIn)];
}

/** Places where two publications stand, as publishers and clients were told. */
function doublePlacesOf(book: Book): string[] {
  const misplaced: string[] = [];
  const standing = new Map<number, number>();
  const enter = (place: number, publication: number): void => {
    if (place < 0) return;
    const other = standing.get(place) ?? publication;
    if (other !== publication) {
      const { room = "", at = "" } = book.places[place] ?? {};
      const [one, two] = [other, publication].map((number) => book.publication(number).id);
      misplaced.push(`${room} ${at} is ${one} and ${two}`);
    }
    standing.set(place, publication);
  };
  for (const [number, { said, taken }] of book.publications.entries())
    for (const { at } of taken) enter(book.place(said?.room ?? "", at), number);
  for (const { heard } of book.stays)
    for (const [index, number] of heard.publications.entries()) enter(heard.places[index] ?? -1, number);
  return misplaced;
}

/** One key, one place, in one life of the store. */
function keysOf(faults: readonly Fault[], { id, taken }: Publication): readonly string[] {
  const places = new Set(taken.map(({ at }) => at));
  const isLost = (): boolean =>
    faults.some(
      ({ t, until, breaks }) =>
        breaks.includes("store") && t < (taken.at(-1)?.t ?? 0) && until > (taken[0]?.t ?? 0),
    );
  return places.size > 1 && !isLost() ? [`${id} stands at ${[...places].join(" and ")}`] : [];
}

/** What the log of a room held at the end. */
class ReadLog {
  readonly #log: Logged;
  readonly #ids: ReadonlySet<string>;
  /** Offset of the oldest entry. */
  readonly #first: number;

  constructor(log: Logged) {
    this.#log = log;
    this.#ids = new Set(Object.values(log.entries));
    this.#first = Object.keys(log.entries).reduce(
      (first, offset) => Math.min(first, Number(offset)),
      Number.POSITIVE_INFINITY,
    );
  }

  /** What its publisher was told is stored, and is not. */
  lacks({ id, taken }: Publication): readonly string[] {
    const { epoch, entries } = this.#log;
    return taken.flatMap(({ at = "" }) => {
      const offset = Number.parseInt(at.slice(at.indexOf(":") + 1), 10);
      if (at === "" || epochOf(at) !== epoch || offset < this.#first) return [];
      return entries[offset] === id
        ? []
        : [`${id} is stored at ${at}, and the log has ${entries[offset]} there`];
    });
  }

  /** What a queue took is in the log at the end, unless the store was lost with either of them. */
  lacksQueued({ id, said, taken: [first] }: Publication, faults: readonly Fault[]): readonly string[] {
    if (first?.isQueued !== true || this.#ids.has(id)) return [];
    const since = said?.t ?? 0;
    const isLost = faults.some(({ until, breaks }) => breaks.includes("store") && until > since);
    return isLost ? [] : [`${id} is not in the log`];
  }
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
