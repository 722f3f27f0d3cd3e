// How long to wait before the next attempt to reach Redis (PSQ-16), or what else does not answer. Pure.

const firstDelayMs = 1_000;
/** For connections that were taken and that ended: a server that hangs up again and again is not hurried. */
const longestDelayMs = 60_000;
/**
 * While no connection to Redis got as far as a first answer, whatever stands in the way: with the spread 3.6 s, so that
 * subscriptions are made and proved, too, within 5 s of the healing.
 */
export const longestUnansweredMs = 3_000;
/** Share of the delay by which attempts of many gateways spread. */
const jitter = 0.2;

/**
 * The delay before attempt `attempt` (0 is the first after a loss), in ms: 1 s doubling to 60 s, give or take 20 %
 * and never more than 60 s. `random` is from 0 to 1.
 * @param longestMs what the doubling ends at, before it is spread.
 */
export function retryDelayMs(attempt: number, random: number, longestMs = longestDelayMs): number {
  const delay = Math.min(firstDelayMs * 2 ** attempt, longestMs);
  return Math.min(Math.round(delay * (1 - jitter + 2 * jitter * random)), longestDelayMs);
}
