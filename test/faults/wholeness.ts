// Part of the oracle: which gateway had everything that was published in a span of time, by what was broken when. Pure.

import type { Book, Span } from "./book.ts";
import type { Fault } from "./history.ts";

/** How old the marker in a position may be, and how long a gateway may take to hear again after a fault, ms. */
export const settleMs = 6_000;

/** Did it break this gateway at some time of the span, or had not long been over? */
export function isBroken(fault: Fault, gateway: string, { from, until }: Span): boolean {
  return breaksLine(fault) && strikes(fault, gateway) && fault.t < until && fault.until + settleMs > from;
}

export class Wholeness {
  readonly #gateways: ReadonlySet<string>;
  readonly #faults: readonly Fault[];
  readonly #latestFirst: readonly Fault[];
  /** By fault and gateway: since when it has all, from what another one kept. */
  readonly #taken = new Map<Fault, Map<string, number>>();

  constructor({ faults, gateways }: Book) {
    this.#faults = faults;
    this.#gateways = gateways;
    this.#latestFirst = faults.toSorted((a, b) => b.t - a.t);
  }

  /** A gateway that was broken until a client left it gave it no newer place than the one from before. */
  heardUntil(gateway: string | undefined, left: number): number {
    let until = left;
    for (const fault of this.#latestFirst) {
      const isHere = fault.gateway === undefined || fault.gateway === gateway;
      if (isHere && breaksLine(fault) && fault.t < until && fault.until + settleMs > until) until = fault.t;
    }
    return until;
  }

  /** What was missed in this time is not there, when it is asked for at its end. */
  isExcused(span: Span, { gateway, isLog }: { readonly gateway: string; readonly isLog: boolean }): boolean {
    const isStoreLost = this.#faults.some(
      ({ t, until, breaks }) => breaks.includes("store") && t < span.until && until > span.from,
    );
    if (isStoreLost) return true;
    // A log is there again as soon as Redis is.
    const now = { from: span.until, until: span.until };
    if (isLog) return this.#faults.some((fault) => isBroken(fault, gateway, now));
    return this.#wholeSince(gateway, span.until) > span.from;
  }

  /**
   * Since when a gateway has all, as it stands at a moment. One that started or was cut off took over what another one kept: as
   * far back as that one had all when the fault began. Faults come one after the other.
   */
  #wholeSince(gateway: string, at: number): number {
    let since = Number.NEGATIVE_INFINITY;
    for (const fault of this.#faults) {
      if (fault.t >= at || !strikes(fault, gateway)) continue;
      const { until, gateway: struck, isRestart = false } = fault;
      if (!breaksLine(fault) && !isRestart) continue;
      const isAlone = struck === undefined || (!isRestart && at < until + settleMs);
      since = Math.max(since, isAlone ? until + settleMs : this.#takenOver(fault, gateway));
    }
    return since;
  }

  #takenOver(fault: Fault, gateway: string): number {
    const known = this.#taken.get(fault)?.get(gateway);
    if (known !== undefined) return known;
    const { t, until, isRestart = false } = fault;
    const alone = until + settleMs;
    const taking = { from: t, until: isRestart ? until : alone };
    const others = [...this.#gateways].filter((name) => name !== gateway && !this.#isStruck(name, taking));
    const since = Math.min(alone, ...others.map((name) => this.#wholeSince(name, t)));
    const byGateway = this.#taken.get(fault) ?? new Map<string, number>();
    this.#taken.set(fault, byGateway.set(gateway, since));
    return since;
  }

  /** Did a fault of this gateway alone begin in that time? */
  #isStruck(gateway: string, { from, until }: Span): boolean {
    return this.#faults.some((fault) => fault.gateway === gateway && fault.t >= from && fault.t < until);
  }
}

function breaksLine({ breaks }: Fault): boolean {
  return breaks.includes("line");
}

function strikes(fault: Fault, gateway: string): boolean {
  return fault.gateway === undefined || fault.gateway === gateway;
}
