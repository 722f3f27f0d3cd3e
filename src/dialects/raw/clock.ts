// The clock of a raw dialect's clients: it forwards the gateway's ticks, but not the first one after a pause of the whole
// process.

import { Pauses } from "../../core/pauses.ts";
import type { RawConnection } from "./raw-connection.ts";

/** @returns what to call with each tick. */
export function createRawClock(clients: Iterable<RawConnection>, startedAt: number): (now: number) => void {
  const pauses = new Pauses(startedAt);
  return (now) => {
    if (!pauses.ticked(now)) return;
    for (const client of clients) client.tick(now);
  };
}
