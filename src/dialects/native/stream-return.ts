// What an event stream says first: the verdict of each room, then what was missed, then where its client stands. A
// connection may break between any two events, so none of them has an id that promises more than came before it.

import { isOfLog } from "../../core/position.ts";
import type { Answer } from "../../recovery/recovery.ts";
import { keyed, markOf } from "./cursor.ts";
import type { Cursor } from "./cursor.ts";
import { eventOf, idLine } from "./format.ts";
import { joinedMessage } from "./packet.ts";
import type { MissedTexts } from "./missed-texts.ts";
import { sizeOf } from "../kit/replay.ts";
import { returnOf, told } from "./replay.ts";
import type { Return } from "./replay.ts";

interface RoomReturn extends Return {
  readonly room: string;
}

export interface Arrival {
  readonly rooms: readonly string[];
  /** One of each room, in their order. */
  readonly answers: readonly Answer[];
  /** More than this is not replayed, in all rooms together. */
  readonly maxBytes: number;
  readonly texts: MissedTexts;
}

export function arrivalFrames({ rooms, answers, maxBytes, texts }: Arrival): readonly string[] {
  const returns = returnsOf(rooms, answers, maxBytes);
  const here = placeOf(rooms, answers);
  const isMissed = returns.some(({ missed }) => missed.length > 0);
  const place = here ? idLine(here) : "";
  // A place tells of all rooms: it comes with the last verdict, once the client has them all.
  const last = returns.length - 1;
  const verdicts = returns.map(
    (back, index) =>
      (isMissed || index < last ? "" : place) +
      eventOf(joinedMessage({ room: back.room, ...told(back) }), "joined"),
  );
  if (!isMissed) return verdicts;
  return [
    ...verdicts,
    ...ownEvents(returns, texts),
    ...sharedEvents(returns, texts),
    ...(here ? [`${place}\n`] : []),
  ];
}

function returnsOf(
  rooms: readonly string[],
  answers: readonly Answer[],
  maxBytes: number,
): readonly RoomReturn[] {
  const all = new Set(rooms);
  const returns = rooms.map((room, index) => ({
    room,
    ...returnOf(answers[index] ?? unknown, (other) => all.has(other), maxBytes),
  }));
  if (returns.reduce((sum, { missed }) => sum + sizeOf(missed), 0) <= maxBytes) return returns;
  return returns.map((one) => (one.missed.length === 0 ? one : tooOld(one)));
}

function tooOld({ room, at }: RoomReturn): RoomReturn {
  return { room, at, recovered: false, reason: "too_old", missed: [] };
}

/** Never given: there is an answer for each room. */
const unknown: Answer = { verdict: { recovered: false, reason: "unavailable" }, at: undefined };

/** Where its client stands behind all of it. */
function placeOf(rooms: readonly string[], answers: readonly Answer[]): Cursor | undefined {
  const own = new Map<string, string>();
  let shared: string | undefined;
  for (const [index, room] of rooms.entries()) {
    const at = answers[index]?.at;
    if (at === undefined) continue;
    if (isOfLog(at)) own.set(room, at);
    else shared = at;
  }
  return shared === undefined && own.size === 0 ? undefined : { shared, rooms: keyed(own), isPartial: false };
}

/** Of rooms with positions of their own, one after the other. */
function ownEvents(returns: readonly RoomReturn[], texts: MissedTexts): readonly string[] {
  return returns.flatMap(({ room, missed }) =>
    missed
      .filter(({ at }) => isOfLog(at))
      .map((kept) => idLine(markOf(room, kept.at, false)) + eventOf(texts.of(kept, room))),
  );
}

/** Of all other rooms, in the order in which it was published: behind each, the client has all that came before. */
function sharedEvents(returns: readonly RoomReturn[], texts: MissedTexts): readonly string[] {
  const all = returns
    .flatMap(({ room, missed }) => missed.filter((kept) => !isOfLog(kept.at)).map((kept) => ({ room, kept })))
    .sort((a, b) => a.kept.order - b.kept.order);
  return all.map(({ room, kept }, index) => {
    const isPartial = all[index + 1]?.kept.order === kept.order;
    return idLine(markOf(room, kept.at, isPartial)) + eventOf(texts.of(kept, room));
  });
}
