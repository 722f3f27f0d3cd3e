// Part of the oracle: on which ways back to a room everything was kept that the client missed, and which of these were
// recovered. Pure.

import { ms } from "./book.ts";
import type { Book, Stay } from "./book.ts";
import type { Joined } from "./history.ts";
import { isBroken, settleMs } from "./wholeness.ts";
import type { Wholeness } from "./wholeness.ts";

/** Breaks of clients up to here count for the share of recoveries. */
const blipMs = 60_000;

/** It came to a gateway: into the room, or it was cut off before. */
type Arrival = Pick<Joined, "t" | "gateway" | "recovered" | "reason" | "source" | "isPlaceless"> & {
  readonly isIn: boolean;
};

/** What ways back are judged by. */
interface Sources {
  readonly book: Book;
  readonly wholeness: Wholeness;
}

interface Returns {
  readonly all: number;
  /** Everything was kept, and the client could say where it stands. */
  readonly due: number;
  readonly not: readonly string[];
  /** Everything was kept, and the client had no place to show yet. */
  readonly placeless: number;
}

/** Ways back, and those on which the store held everything: nothing broke it from a while before the client left. */
export function returnsOf(sources: Sources, stay: Stay): Returns {
  const arrivals = arrivalsOf(stay);
  const kept = arrivals.filter((arrival, index) => {
    const before = arrivals[index - 1];
    return before !== undefined && isKept(sources, stay, { before, arrival });
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
  { book, wholeness }: Sources,
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
  const span = { from: wholeness.heardUntil(before.gateway, left) - settleMs, until: t };
  const isLog = room.startsWith("log:") && source !== "tape";
  return t - left < blipMs && !wholeness.isExcused(span, { gateway, isLog });
}
