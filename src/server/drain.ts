// Closes clients over a time with jitter, so that they do not all come back at once (SEC-14).

import type { Closable } from "../core/dialect.ts";

/** Fewer clients than this are closed within a second. */
const fewClients = 1_000;
const fewMs = 900;
const stepMs = 25;

/**
 * Closes everyone, in random order, evenly over the time; resolves when all closes went out.
 * @param drainMs bound for many clients; few take at most a second of it.
 */
export async function closeAll(clients: Iterable<Closable>, drainMs: number): Promise<void> {
  const waiting = shuffled([...clients]);
  const durationMs = waiting.length < fewClients ? Math.min(drainMs, fewMs) : drainMs;
  const started = performance.now();
  const total = waiting.length;
  while (waiting.length > 0) {
    const elapsed = performance.now() - started;
    const due = durationMs <= 0 ? total : Math.ceil((total * (elapsed + stepMs)) / durationMs);
    while (waiting.length > 0 && total - waiting.length < due) waiting.pop()?.close("shutdown");
    if (waiting.length > 0) await Bun.sleep(stepMs * (0.5 + Math.random()));
  }
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
