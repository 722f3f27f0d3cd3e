// The clock of a raw dialect's clients: it forwards the gateway's ticks, but not the first one after a pause of the whole
// process.

import { Pauses } from "./pauses.ts";
import type { PlainClient } from "./plain-client.ts";

/** @returns what to call with each tick. */
export function createPlainClock(clients: Iterable<PlainClient>, startedAt: number): (now: number) => void {
  const pauses = new Pauses(startedAt);
  return (now) => {
    if (!pauses.ticked(now)) return;
    for (const client of clients) client.tick(now);
  };
}
