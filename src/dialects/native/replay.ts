// What a client that comes back is told of a room, and what it gets of what it missed: all of it, or none.

import type { Answer, Kept } from "../../core/recovery.ts";
import type { Limits } from "../../vocabulary/limits.ts";
import type { Joined } from "./packet.ts";

export interface Return {
  /** For the message `joined`. */
  readonly at: string | undefined;
  readonly recovered: boolean | undefined;
  readonly reason: string | undefined;
  readonly missed: readonly Kept[];
}

/** How the message `joined` tells it. */
export function told({ at, recovered, reason, missed }: Return): Omit<Joined, "room" | "id"> {
  return { at, recovered, reason, missed: recovered === true ? missed.length : undefined };
}

const nothing: readonly Kept[] = [];

/** What a client missed may fill half of its queue: live messages have the rest. */
export function maxReplayBytes({ sendQueueBytes }: Pick<Limits, "sendQueueBytes">): number {
  return sendQueueBytes / 2;
}

/**
 * @param isExcluded is the client in a room that a publication leaves out?
 * @param maxBytes more than this is not replayed: it would wait in memory for one client alone.
 */
export function returnOf(
  { verdict, at }: Answer,
  isExcluded: (room: string) => boolean,
  maxBytes: number,
): Return {
  if (!verdict) return { at, recovered: undefined, reason: undefined, missed: nothing };
  if (!verdict.recovered) return { at, recovered: false, reason: verdict.reason, missed: nothing };
  const missed = verdict.missed.filter(({ publication: { except } }) => !except.some(isExcluded));
  if (sizeOf(missed) > maxBytes) return { at, recovered: false, reason: "too_old", missed: nothing };
  return { at, recovered: true, reason: undefined, missed };
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
