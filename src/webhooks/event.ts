// An event of a room as it waits in the queue, and as a receiver gets it (docs/webhooks.md).

import type { QueueEntry } from "../brokers/queue.ts";
import { roomEventTypes } from "../brokers/room-event.ts";
import type { RoomEvent } from "../brokers/room-event.ts";

/** Reads an entry of the queue; undefined when it is no event. */
export function readEvent({ fields }: Pick<QueueEntry, "fields">): RoomEvent | undefined {
  const values = new Map(fields?.map(([name, value]) => [name, value.toString()]));
  const type = roomEventTypes.find((name) => name === values.get("event"));
  const room = values.get("room");
  const [seq, at] = [wholeNumber(values.get("seq")), wholeNumber(values.get("at"))];
  if (!type || room === undefined || seq === undefined || at === undefined) return undefined;
  return {
    type,
    namespace: values.get("namespace") || "/",
    room,
    user: values.get("user") || undefined,
    epoch: values.get("epoch") ?? "",
    seq,
    at,
  };
}

/** Members of an event in the body of a request. A room of the namespace `/` does not say so. */
export function eventBody(id: string, { type, namespace, room, user, epoch, seq, at }: RoomEvent): object {
  return {
    id,
    type,
    room,
    ...(namespace !== "/" && { namespace }),
    ...(user !== undefined && { user }),
    ...(epoch !== "" && { epoch }),
    seq,
    at,
  };
}

function wholeNumber(text: string | undefined): number | undefined {
  const number = Number(text);
  return text !== undefined && /^\d{1,16}$/.test(text) && Number.isSafeInteger(number) ? number : undefined;
}
