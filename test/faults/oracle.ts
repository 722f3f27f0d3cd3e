// The oracle: what went wrong in a run, from what was written down (history.ts). It asks no gateway. Pure.

import { carriedOutAt, firstFrom, ms } from "./book.ts";
import type { Book, Deliveries, Publication, Span, Stay } from "./book.ts";
import type { Joined } from "./history.ts";
import { epochOf, misplacedOf } from "./placement.ts";
import { returnsOf } from "./returns.ts";
import { Wholeness, settleMs } from "./wholeness.ts";

/** A loss is told, and a publication is heard, within this time of health, ms: nothing broken and the client connected. */
const healthyMs = 5_000;

export interface Findings {
  /** Never heard, and never told. */
  readonly lost: readonly string[];
  /** Heard, or told as lost, too late. */
  readonly late: readonly string[];
  /** `recovered: true` where something was missing, and no fault of the gateway excused it. */
  readonly falselyRecovered: readonly string[];
  readonly repeated: readonly string[];
  readonly reordered: readonly string[];
  /** One position for two publications, two positions for one, a stored one that the log lacks. */
  readonly misplaced: readonly string[];
  readonly publications: number;
  readonly deliveries: number;
  readonly told: number;
  readonly faults: number;
  /** Connections of clients that ended. */
  readonly cuts: number;
  /** Rooms to which a client came back; those that had to be recovered, and those of them that were. */
  readonly returns: number;
  readonly recoverable: number;
  readonly recovered: number;
  readonly notRecovered: readonly string[];
  /** The same where the page had received no event yet: Socket.IO recovers nothing then, and these count apart. */
  readonly placeless: number;
  /** From the end of a fault to the word of a loss, ms. */
  readonly slowestTold: number;
}

export function judge(book: Book): Findings {
  const { stays } = book;
  const missing = stays.map((stay) => missingOf(book, stay));
  const wholeness = new Wholeness(book);
  const returns = stays.map((stay) => returnsOf({ book, wholeness }, stay));
  return {
    lost: missing.flatMap(({ lost }) => lost),
    late: missing.flatMap(({ late }) => late),
    falselyRecovered: missing.flatMap(({ falsely }) => falsely),
    repeated: stays.flatMap((stay) => repeatedOf(book, stay)),
    reordered: stays.flatMap((stay) => reorderedOf(book, stay)),
    misplaced: misplacedOf(book),
    publications: book.publications.filter(({ taken }) => taken.length > 0).length,
    deliveries: book.deliveries,
    told: sum(stays.map((stay) => toldOf(stay).length)),
    faults: book.faults.length,
    cuts: book.cuts,
    returns: sum(returns.map(({ all }) => all)),
    recoverable: sum(returns.map(({ due }) => due)),
    recovered: sum(returns.map(({ due, not }) => due - not.length)),
    notRecovered: returns.flatMap(({ not }) => not),
    placeless: sum(returns.map(({ placeless }) => placeless)),
    slowestTold: Math.max(0, ...stays.map((stay) => slowestToldOf(book, stay))),
  };
}

/** When a client learnt that it may lack something: a gap, or a way back without `recovered: true`. */
function toldOf({ joins, gaps }: Stay): readonly number[] {
  const back = joins.filter((join, index) => index > 0 && join.recovered !== true);
  return [...back, ...gaps].map(({ t }) => t).sort((a, b) => a - b);
}

interface Missing {
  readonly lost: string[];
  readonly late: string[];
  readonly falsely: string[];
}

/** Of the publications that a client had to have: said after it came, and carried out. */
function missingOf(book: Book, stay: Stay): Missing {
  const missing: Missing = { lost: [], late: [], falsely: [] };
  const { times, publications } = stay.heard;
  const heardAt = new Map(publications.map((number, index) => [number, times[index]]));
  const told = toldOf(stay);
  const broken = joined([...book.faults.map(({ t, until }) => ({ from: t, until })), ...book.absences(stay)]);
  const since = stay.joins[0]?.t ?? Number.POSITIVE_INFINITY;
  for (const number of book.saidIn.get(stay.room) ?? []) {
    const publication = book.publication(number);
    const { said, taken } = publication;
    if (!said || !taken[0] || said.t <= since) continue;
    const heard = heardAt.get(number);
    const deadline = healthyUntil(broken, taken[0].t);
    if (heard !== undefined && heard <= deadline) continue;
    const known = Math.min(
      heard ?? Number.POSITIVE_INFINITY,
      told[firstFrom(told, said.t)] ?? Number.POSITIVE_INFINITY,
    );
    const text = (): string =>
      `${stay.client} lacks ${said.id}, said at ${ms(said.t)} and due by ${ms(deadline)}`;
    if (heard === undefined && isFalse(book, stay, { publication, known })) missing.falsely.push(text());
    else if (known > deadline && known === Number.POSITIVE_INFINITY) {
      if (deadline <= book.end) missing.lost.push(text());
    } else if (known > deadline) missing.late.push(`${text()}, known at ${ms(known)}`);
  }
  return missing;
}

/**
 * Did it come back by `recovered: true` before it was told of the loss? A gateway that is cut off and cannot know yet says so
 * in good faith, if it takes it back in time: that is for the deadline to judge.
 */
function isFalse(
  book: Book,
  stay: Stay,
  { publication, known }: { readonly publication: Publication; readonly known: number },
): boolean {
  const [from, saidAt] = [carriedOutAt(publication), publication.said?.t ?? 0];
  const join = stay.joins.find(
    (one) =>
      one.recovered === true &&
      one.asked > from &&
      one.t < known &&
      isBorneOut(book, stay, { join: one, from }),
  );
  if (!join) return false;
  const isExcused = book.faults.some(
    ({ t, until, gateway, breaks }) =>
      breaks.includes("line") &&
      (gateway ?? join.gateway) === join.gateway &&
      t <= join.t &&
      until + settleMs >= saidAt,
  );
  return !isExcused || known === Number.POSITIVE_INFINITY;
}

/** Did its connection last until what it missed had to be there? What came later was heard, or time went by. */
function isBorneOut(
  book: Book,
  { client, heard }: Stay,
  { join, from }: { readonly join: Joined; readonly from: number },
): boolean {
  const end = book.lefts.get(client)?.find(({ t }) => t >= join.t)?.t ?? Number.POSITIVE_INFINITY;
  if (end > join.t + healthyMs) return true;
  const heardMeanwhile = heard.publications.slice(heard.from(join.t), heard.from(end));
  return heardMeanwhile.some((number) => (book.publication(number).said?.t ?? 0) > from);
}

/** Spans without a time of health between them are one; in order. */
function joined(spans: readonly Span[]): readonly Span[] {
  const all: Span[] = [];
  for (const { from, until } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last && from < last.until + healthyMs)
      all[all.length - 1] = { from: last.from, until: Math.max(last.until, until) };
    else all.push({ from, until });
  }
  return all;
}

/** The end of the first time of health behind a moment. @param broken as {@link joined} gives them */
function healthyUntil(broken: readonly Span[], moment: number): number {
  let [low, high] = [0, broken.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((broken[middle]?.until ?? 0) > moment) high = middle;
    else low = middle + 1;
  }
  const next = broken[low];
  return (next && next.from < moment + healthyMs ? next.until : moment) + healthyMs;
}

function repeatedOf(book: Book, { client, heard }: Stay): readonly string[] {
  const seen = new Map<number, number>();
  return heard.publications.flatMap((number, index) => {
    const before = seen.get(number);
    seen.set(number, index);
    if (before === undefined || isSaidAnew(book, heard, [before, index])) return [];
    const [first = 0, again = 0] = [heard.times[before], heard.times[index]];
    return [`${client} heard ${book.publication(number).id} twice, ${ms(first)} and ${ms(again)}`];
  });
}

/** A store that was lost with the publisher's key in it takes the same key again: its publications have another epoch. */
function isSaidAnew(
  book: Book,
  { publications, places }: Deliveries,
  [before, again]: readonly [number, number],
): boolean {
  const { said, taken } = book.publication(publications[again] ?? -1);
  const [first, last] = [said?.t ?? 0, taken.at(-1)?.t ?? Number.POSITIVE_INFINITY];
  const [old, anew] = [before, again].map((index) => book.places[places[index] ?? -1]);
  const isOtherLife = old !== undefined && anew !== undefined && epochOf(old.at) !== epochOf(anew.at);
  return (
    isOtherLife &&
    book.faults.some(({ t, until, breaks }) => breaks.includes("store") && t < last && until > first)
  );
}

/** By each publisher; what it was not told of may be carried out later. */
function reorderedOf(book: Book, { client, heard }: Stay): readonly string[] {
  const reordered: string[] = [];
  const last = new Map<string, number>();
  const seen = new Set<number>();
  for (const one of heard.publications) {
    const { id, said, taken } = book.publication(one);
    if (!said) reordered.push(`${client} heard ${id}, which was not said`);
    if (!said || taken.length === 0 || seen.has(one)) continue;
    seen.add(one);
    const before = last.get(said.publisher) ?? 0;
    last.set(said.publisher, said.number);
    if (said.number < before) reordered.push(`${client} heard ${id} behind ${before}`);
  }
  return reordered;
}

/** To a client that stayed, from the end of the fault before it: one that comes back is told by the verdict. */
function slowestToldOf(book: Book, stay: Stay): number {
  const ends = [...book.faults, ...book.absences(stay)].map(({ until }) => until).sort((a, b) => a - b);
  return Math.max(
    0,
    ...stay.gaps
      .filter(({ passed }) => passed === undefined)
      .map(({ t }) => t - (ends.findLast((end) => end <= t) ?? 0))
      .filter((late) => late < 60_000 && ends.length > 0),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
