// When a client reads too slowly to be kept: the one rule, for websockets (websocket.ts) and streams (stream.ts). Both
// keep what waits in bounded queues; this judges how much may wait, and for how long.

import type { Limits } from "../vocabulary/limits.ts";

/**
 * A client that read this much while it was behind does read: several times what the kernels take in its place after they
 * said that they were full (600 KiB seen).
 */
const provenReadBytes = 2 * 1024 * 1024;
/** So does one that kept up with this much traffic: the kernels on both sides hold half of it. */
const provenCarriedBytes = 9 * 1024 * 1024;
/** How long a client that does read may read nothing while more than `sendQueueBytes` wait. */
const stallMs = 10_000;

type QueueLimits = Pick<Limits, "sendQueueBytes" | "sendQueueMaxBytes">;

/** What waits for a client that is behind. */
interface Waiting {
  /** Memory that all of it keeps alive. */
  readonly bytes: number;
  /** The part of it that was not handed over at once, from elsewhere. */
  readonly ownBytes: number;
  /** When the client last read, or fell behind: monotonic clock, ms. */
  readonly readAt: number;
}

interface Reader {
  /** It showed that it reads: {@link provesReading}. */
  readonly isProven: boolean;
  /** Monotonic clock, ms. */
  readonly now: number;
}

/**
 * Does this show that a client reads?
 * @param readBytes what it read while it was behind. @param carriedBytes the traffic that it kept up with before.
 */
export function provesReading(readBytes: number, carriedBytes: number): boolean {
  return readBytes >= provenReadBytes || carriedBytes > provenCarriedBytes;
}

/**
 * A client that has not read 2 MiB yet may queue `sendQueueBytes`. One that has, or that kept up with 9 MiB of traffic,
 * may queue `sendQueueMaxBytes`; it is closed when it reads nothing for 10 s while more than `sendQueueBytes` wait.
 * What waits already decides, not the frame that comes: a message of any size finds room behind little.
 */
export function isTooSlow(waiting: Waiting, reader: Reader, limits: QueueLimits): boolean {
  return isDoubtful(waiting, reader, limits) || waiting.ownBytes > limits.sendQueueMaxBytes;
}

/** May it be too slow? Then a look at what it reads comes before the judgement. */
export function isDoubtful(
  { bytes, ownBytes, readAt }: Waiting,
  { isProven, now }: Reader,
  { sendQueueBytes }: Pick<QueueLimits, "sendQueueBytes">,
): boolean {
  if (bytes <= sendQueueBytes) return false;
  // What was handed over came at once, by no fault of the client: that gives it time to show that it reads.
  return (ownBytes > sendQueueBytes && !isProven) || now - readAt > stallMs;
}

/** A stream may queue `sendQueueBytes`: nothing shows how much of an answer its client has read. */
export function isStreamTooSlow(
  waitingBytes: number,
  { sendQueueBytes }: Pick<QueueLimits, "sendQueueBytes">,
): boolean {
  return waitingBytes > sendQueueBytes;
}
