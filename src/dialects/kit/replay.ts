// How much a client that comes back may be given of what it missed: more is not replayed at all, for it would wait in memory
// for one client alone.

import type { Kept } from "../../recovery/recovery.ts";
import type { Limits } from "../../vocabulary/limits.ts";

/** What a client missed may fill half of its queue: live messages have the rest. */
export function maxReplayBytes({ sendQueueBytes }: Pick<Limits, "sendQueueBytes">): number {
  return sendQueueBytes / 2;
}

/** What each frame takes beside what it says, bytes: names, and its place in a queue. */
const overheadBytes = 100;

/** About what its frames take, bytes. */
export function sizeOf(missed: readonly Kept[]): number {
  let bytes = overheadBytes * missed.length;
  for (const { publication } of missed) {
    const { raw, args, attachments } = publication;
    if (raw) bytes += raw.length;
    else for (const part of [...args, ...attachments]) bytes += part.length;
  }
  return bytes;
}
