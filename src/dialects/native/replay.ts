// What a client that comes back is told of a room, and what it gets of what it missed: all of it, or none.

import type { Answer, Kept } from "../../recovery/recovery.ts";
import { sizeOf } from "../kit/replay.ts";
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
