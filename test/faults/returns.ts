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
  const earlier = { from: before.t - settleMs, until: before.t };
  // It has its position, or none, from a gateway that could not know better.
  const isMisled =
    before.recovered !== true &&
    book.faults.some((fault) => excuses(fault, earlier, { gateway: before.gateway, isLog: false }));
  if (isMisled) return false;
  // The end of the connection that was in the room: it may have lost others since, on its way back.
  const left = book.lefts.get(client)?.find((one) => one.t >= before.t)?.t ?? 0;
  const span = { from: heardUntil(book, before.gateway, left) - settleMs, until: t };
  const isLog = room.startsWith("log:") && source !== "tape";
  return t - left < blipMs && !book.faults.some((fault) => excuses(fault, span, { gateway, isLog }));
}

/** A gateway that was broken until a client left it gave it no newer place than the one from before. */
function heardUntil({ faults }: Book, gateway: string | undefined, left: number): number {
  let until = left;
  for (const fault of faults.toSorted((a, b) => b.t - a.t)) {
    const isHere = fault.gateway === undefined || fault.gateway === gateway;
    if (isHere && fault.breaks.length > 0 && fault.t < until && fault.until + settleMs > until)
      until = fault.t;
  }
  return until;
}

function excuses(
  { t, until, gateway, breaks }: Fault,
  span: Span,
  to: { readonly gateway: string; readonly isLog: boolean },
): boolean {
  if (breaks.length === 0 || (gateway !== undefined && gateway !== to.gateway)) return false;
  // A log is there again as soon as Redis is.
  return (
    (t < span.until && until + settleMs > (to.isLog ? span.until : span.from)) ||
    (breaks.includes("store") && t < span.until && until > span.from)
  );
}
