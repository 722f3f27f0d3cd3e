// Part of the oracle: on which ways back to a room everything was kept that the client missed, and which of these were
// recovered. Pure.

import { ms } from "./book.ts";
import type { Book, Span, Stay } from "./book.ts";
import type { Fault, Joined } from "./history.ts";

/** How old the marker in a position may be, and how long a gateway may take to hear again after a fault, ms. */
export const settleMs = 6_000;
/** Breaks of clients up to here count for the share of recoveries. */
const blipMs = 60_000;

/** It came to a gateway: into the room, or it was cut off before. */
type Arrival = Pick<Joined, "t" | "gateway" | "recovered" | "reason" | "source" | "isPlaceless"> & {
  readonly isIn: boolean;
};

interface Returns {
  readonly all: number;
  /** Everything was kept, and the client could say where it stands. */
  readonly due: number;
  readonly not: readonly string[];
  /** Everything was kept, and the client had no place to show yet. */
  readonly placeless: number;
}

/** Ways back, and those on which the store held everything: nothing broke it from a while before the client left. */
export function returnsOf(book: Book, stay: Stay): Returns {
  const arrivals = arrivalsOf(stay);
  const kept = arrivals.filter((arrival, index) => {
    const before = arrivals[index - 1];
    return before !== undefined && isKept(book, stay, { before, arrival });
  });
  const due = kept.filter(({ isPlaceless }) => isPlaceless !== true);
  const not = due
    .filter(({ recovered }) => recovered !== true)
    .map(
      ({ t, reason, gateway }) =>
        `${stay.client} came back to ${stay.room} of ${gateway} at ${ms(t)}: ${reason ?? "no reason"}`,
    );
  return {
    all: Math.max(0, stay.joins.length - 1),
    due: due.length,
    not,
    placeless: kept.length - due.length,
  };
}

function arrivalsOf({ joins, gaps }: Stay): readonly Arrival[] {
  const passed = gaps.flatMap((gap) => (gap.passed ? [{ ...gap.passed, isIn: false }] : []));
  return [...joins.map((join) => ({ ...join, isIn: true })), ...passed].sort((a, b) => a.t - b.t);
}

function isKept(
  book: Book,
  { client, room }: Stay,
  { before, arrival }: { readonly before: Arrival; readonly arrival: Arrival },
): boolean {
  const { t, gateway, source } = arrival;
  // A client that was not in the room on its last connection does not come back to it.
  if (source === "nothing" || !before.isIn) return false;
  // Written while it was in the room or when it left: a store that takes nothing has not its newest one.
  const isSessionLost = book.faults.some(
    (fault) => fault.breaks.includes("sessions") && fault.t < t && fault.until + settleMs > before.t,
  );
  if (source === "tape" && isSessionLost) return false;
  const earlier = { from: before.t - settleMs, until: before.t };
  // It has its position, or none, from a gateway that could not know better.
  const isMisled =
    before.recovered !== true && book.faults.some((fault) => isBroken(fault, before.gateway, earlier));
  if (isMisled) return false;
  // The end of the connection that was in the room: it may have lost others since, on its way back.
  const ends = book.lefts.get(client)?.filter((one) => one.t >= before.t && one.t <= t);
  // A system may let it join anew on the connection that it has.
  const left = ends?.[0]?.t ?? t;
  const span = { from: heardUntil(book, before.gateway, left) - settleMs, until: t };
  const isLog = room.startsWith("log:") && source !== "tape";
  return t - left < blipMs && !isExcused(book, span, { gateway, isLog });
}

/** A gateway that was broken until a client left it gave it no newer place than the one from before. */
function heardUntil({ faults }: Book, gateway: string | undefined, left: number): number {
  let until = left;
  for (const fault of faults.toSorted((a, b) => b.t - a.t)) {
    const isHere = fault.gateway === undefined || fault.gateway === gateway;
    if (isHere && breaksLine(fault) && fault.t < until && fault.until + settleMs > until) until = fault.t;
  }
  return until;
}

/** What was missed in this time is not there, when it is asked for at its end. */
function isExcused(
  book: Book,
  span: Span,
  { gateway, isLog }: { readonly gateway: string; readonly isLog: boolean },
): boolean {
  const isStoreLost = book.faults.some(
    ({ t, until, breaks }) => breaks.includes("store") && t < span.until && until > span.from,
  );
  if (isStoreLost) return true;
  // A log is there again as soon as Redis is.
  const now = { from: span.until, until: span.until };
  if (isLog) return book.faults.some((fault) => isBroken(fault, gateway, now));
  return wholeSince(book, gateway, span.until) > span.from;
}

/** Did it break this gateway at some time of the span, or had not long been over? */
function isBroken(fault: Fault, gateway: string, { from, until }: Span): boolean {
  return breaksLine(fault) && strikes(fault, gateway) && fault.t < until && fault.until + settleMs > from;
}

function breaksLine({ breaks }: Fault): boolean {
  return breaks.includes("line");
}

function strikes(fault: Fault, gateway: string): boolean {
  return fault.gateway === undefined || fault.gateway === gateway;
}

/**
 * Since when a gateway has all, as it stands at a moment. One that started or was cut off took over what another one kept: as
 * far back as that one had all when the fault began. Faults come one after the other.
 */
function wholeSince(book: Book, gateway: string, at: number): number {
  const since = book.faults
    .filter((fault) => fault.t < at && strikes(fault, gateway))
    .map((fault) => {
      const { t, until, gateway: struck, isRestart = false } = fault;
      if (!breaksLine(fault) && !isRestart) return Number.NEGATIVE_INFINITY;
      const alone = until + settleMs;
      if (struck === undefined || (!isRestart && at < alone)) return alone;
      const taking = { from: t, until: isRestart ? until : alone };
      const others = [...book.gateways].filter((name) => name !== gateway && !isStruck(book, name, taking));
      return Math.min(alone, ...others.map((name) => wholeSince(book, name, t)));
    });
  return Math.max(Number.NEGATIVE_INFINITY, ...since);
}

/** Did a fault of this gateway alone begin in that time? */
function isStruck({ faults }: Book, gateway: string, { from, until }: Span): boolean {
  return faults.some((fault) => fault.gateway === gateway && fault.t >= from && fault.t < until);
}
