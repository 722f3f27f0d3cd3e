// Closes clients over a time with jitter, so that they do not all come back at once (SEC-14).

import { setTimeout } from "node:timers/promises";
import type { Closable } from "./socket.ts";

/** Fewer clients than this are closed within a second. */
const fewClients = 1_000;
const fewMs = 900;
const stepMs = 25;
/** A step comes this late at most: what is due until the next one goes out now. */
const longestStepMs = stepMs * 1.5;

/** Polling clients that were closed may fetch what was said to them before: who polls does so at once. */
const lastWordsMs = 1_000;
const lastWordsStepMs = 10;

/** Time, for tests to replace. */
export interface Clock {
  /** Monotonic, ms. */
  now(): number;
  sleep(ms: number): Promise<unknown>;
}

const realClock: Clock = { now: () => performance.now(), sleep: (ms) => setTimeout(ms) };

/**
 * Closes everyone, in random order, evenly over the time; resolves when all closes went out.
 * @param drainMs bound for many clients; few take at most a second of it.
 */
export async function closeAll(
  clients: Iterable<Closable>,
  drainMs: number,
  clock: Clock = realClock,
): Promise<void> {
  const waiting = shuffled([...clients]);
  const total = waiting.length;
  const durationMs = total < fewClients ? Math.min(drainMs, fewMs) : drainMs;
  const started = clock.now();
  while (waiting.length > 0) {
    const elapsed = clock.now() - started + longestStepMs;
    const due = durationMs <= longestStepMs ? total : Math.ceil((total * elapsed) / durationMs);
    while (waiting.length > 0 && total - waiting.length < due) waiting.pop()?.close("shutdown");
    if (waiting.length > 0) await clock.sleep(stepMs * (0.5 + Math.random()));
  }
}

/**
 * Waits until everyone who was closed heard what was said to it before, or a second is over.
 * @returns true when a client had not received all of it.
 */
export async function lastWords(
  sides: readonly { hasUnsaid?(): boolean }[],
  clock: Clock = realClock,
): Promise<boolean> {
  const hasUnsaid = (): boolean => sides.some((side) => side.hasUnsaid?.() === true);
  if (!hasUnsaid()) return false;
  const deadline = clock.now() + lastWordsMs;
  while (hasUnsaid() && clock.now() < deadline) await clock.sleep(lastWordsStepMs);
  return true;
}

/** Fisher and Yates. */
function shuffled<Item>(items: Item[]): Item[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    const [a, b] = [items[last], items[other]];
    if (a === undefined || b === undefined) continue;
    items[last] = b;
    items[other] = a;
  }
  return items;
}
