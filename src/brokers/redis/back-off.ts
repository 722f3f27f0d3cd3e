// How long to wait before the next attempt to reach Redis (PSQ-16). Pure.

const firstDelayMs = 1_000;
const longestDelayMs = 60_000;
/** Share of the delay by which attempts of many gateways spread. */
const jitter = 0.2;

/**
 * The delay before attempt `attempt` (0 is the first after a loss), in ms: 1 s doubling to 60 s, give or take 20 %
 * and never more than 60 s. `random` is from 0 to 1.
 */
export function retryDelayMs(attempt: number, random: number): number {
  const delay = Math.min(firstDelayMs * 2 ** attempt, longestDelayMs);
  return Math.min(Math.round(delay * (1 - jitter + 2 * jitter * random)), longestDelayMs);
}
