// What happens in rooms, as webhooks are told of it. The store of presence writes each event into a queue in the step that
// makes it true (on Redis: one script), and webhooks/ takes it from there.

/** The queue; on Redis a stream of this name. */
export const eventsQueue = "belfry:events";

/** The first client came; the last one went; a user came who had no client in the room; the last of a user's went. */
export const roomEventTypes = ["room_occupied", "room_vacated", "user_joined", "user_left"] as const;

export type RoomEventType = (typeof roomEventTypes)[number];

export interface RoomEvent {
  readonly type: RoomEventType;
  readonly namespace: string;
  readonly room: string;
  /** Of `user_joined` and `user_left`. */
  readonly user: string | undefined;
  /** Of the numbers: another one where they begin anew. Empty: an older gateway wrote the event. */
  readonly epoch: string;
  /** Of the room's events, each one more than the one before of its epoch. */
  readonly seq: number;
  /** Unix time, ms. */
  readonly at: number;
}

/** How an event is written into the queue; a script on Redis writes the same fields. */
export function eventFields(event: RoomEvent): readonly (readonly [name: string, value: string])[] {
  const { type, namespace, room, user, epoch, seq, at } = event;
  return [
    ["event", type],
    ["room", room],
    ["namespace", namespace],
    ...(user === undefined ? [] : [["user", user] as const]),
    ["epoch", epoch],
    ["seq", String(seq)],
    ["at", String(at)],
  ];
}
