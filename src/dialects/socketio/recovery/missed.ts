// What a client that comes back has missed: asked of every room that it hears, from its offset or from where it joined the
// room, whichever is later; and the orders of backends about it since its rooms were written. Pure.

import { isOfLog } from "../../../core/position.ts";
import { ordersOf } from "../../../recovery/recovery.ts";
import type { Answer, Asked, Kept, LossReason, RecoveryVerdict } from "../../../recovery/recovery.ts";
import type { Position } from "../../../core/position.ts";
import { isChangedBy } from "./orders.ts";
import type { StoredSession } from "./stored-session.ts";

/** Stands for an offset where none is known: what comes before and after it may be missing. No position looks like it. */
export const noOffset = "-";

export interface Coming {
  readonly namespace: string;
  readonly offset: Position;
  readonly session: StoredSession;
}

/** Of each room: its publications and its orders, each since the offset and since what the session says. */
const questionsPerRoom = 4;

/** What is to be asked; a reason where no answer could be sure. */
export function questionsOf(coming: Coming): readonly Asked[] | LossReason {
  const { namespace, offset, session } = coming;
  if (offset === noOffset) return "gap";
  if (isOfLog(offset)) return "epoch";
  const rooms = heardBy(coming);
  if (rooms.some(({ since }) => since === "")) return "gap";
  return rooms.flatMap(({ room, since }) => {
    const ask = (position: Position, name = namespace): Asked => ({
      namespace: name,
      room,
      position,
      dialect: "socketio",
    });
    const orders = ordersOf(namespace);
    const writtenAt = session.at === "" ? offset : session.at;
    return [ask(offset), ask(since), ask(offset, orders), ask(writtenAt, orders)];
  });
}

/** What it missed, in order, each once; or why that is not known. */
export function missedBy(
  coming: Coming,
  answers: readonly Answer[],
): readonly Kept[] | LossReason | "changed" {
  const { session } = coming;
  const missed = new Map<number, Kept>();
  const absent = { sid: session.sid, rooms: new Set(session.rooms.keys()) };
  for (let at = 0; at < answers.length; at += questionsPerRoom) {
    const [publications, joined, orders, written] = answers.slice(at, at + questionsPerRoom);
    const heard = laterOf(publications?.verdict, joined?.verdict);
    const ordered = laterOf(orders?.verdict, written?.verdict);
    if (typeof heard === "string") return heard;
    if (typeof ordered === "string") return ordered;
    if (ordered.some(({ publication }) => isChangedBy(publication, absent))) return "changed";
    for (const kept of heard) missed.set(kept.order, kept);
  }
  const isNamed = (name: string): boolean => name === absent.sid || absent.rooms.has(name);
  return [...missed.values()]
    .filter(({ publication: { except, skip, onAck } }) => {
      // A question is not asked again: its backend waits for the answers of those who were there.
      return !onAck && !except.some(isNamed) && !skip.includes(absent.sid);
    })
    .sort((a, b) => a.order - b.order);
}

/** All that is said to it: to everyone, to itself, to its rooms. */
function heardBy({ session }: Coming): readonly {
  readonly room: string | undefined;
  readonly since: Position;
}[] {
  const { sid, since, rooms } = session;
  return [
    { room: undefined, since },
    { room: sid, since },
    ...Array.from(rooms, ([room, { at }]) => ({ room, since: at })),
  ];
}

/**
 * Both are ends of one list, so the shorter one begins later. A position that the tape lost is older than one that it has: the
 * first one must be there, the second need not.
 */
function laterOf(
  first: RecoveryVerdict | undefined,
  second: RecoveryVerdict | undefined,
): readonly Kept[] | LossReason {
  if (!first?.recovered) return first?.reason ?? "unavailable";
  return second?.recovered && second.missed.length < first.missed.length ? second.missed : first.missed;
}
