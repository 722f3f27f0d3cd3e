// Who is in a room, for Socket.IO pages (docs/presence.md): the event that asks is acknowledged with the state, and what changes from
// then on comes as events of their own, encoded once for all who asked.

import { onceForEach } from "../../base/once-for-each.ts";
import { toAscii } from "../../codec/ascii-json.ts";
import { usersText } from "../../codec/present-users.ts";
import type { Connection } from "../../core/membership.ts";
import type { PresenceNews, PresenceState } from "../../vocabulary/presence-news.ts";
import type { BrowserContext } from "../dialect.ts";

/** An event to a page, its one argument as JSON text. */
export interface PresenceEvent {
  readonly event: string;
  readonly json: string;
}

type Answer = (args: string) => void;

/** What a page is told, and the reason by which it is counted. `room`: it is not in the room. `rate`: too many questions wait for an answer. */
const refusals = {
  room: "not_in_room",
  rate: "rate_limited",
  unavailable: "unavailable",
} as const;

export class RoomPresence {
  readonly #context: Pick<BrowserContext, "presence" | "hub" | "observe">;
  /** Pages that ask at once get the same state. */
  readonly #textOf = onceForEach((state: PresenceState, room: string) =>
    toAscii(`[${withOk(stateText(room, state))}]`),
  );

  constructor(context: Pick<BrowserContext, "presence" | "hub" | "observe">) {
    this.#context = context;
  }

  /** Does a rule tell of this room? Where it does not, the event is the page's own affair, and is not answered. */
  isTold(namespace: string, room: string): boolean {
    return this.#context.presence.isTold({ namespace, room });
  }

  /** @param answer gets the arguments of the acknowledgement, as JSON text in ASCII */
  ask(connection: Connection, room: string, answer: Answer): void {
    const { presence, hub } = this.#context;
    if (!hub.has(connection, room)) {
      answer(this.#refuse("room"));
      return;
    }
    const isTaken = presence.watch(connection, room, (state) => {
      if (state) answer(this.#textOf(state, room));
      else answer(this.#refuse(hub.has(connection, room) ? "unavailable" : "room"));
    });
    if (!isTaken) answer(this.#refuse("rate"));
  }

  #refuse(reason: keyof typeof refusals): string {
    this.#context.observe.refused("socketio", refusals[reason]);
    return JSON.stringify([{ ok: false, reason }]);
  }
}

/** What is told to those who asked. @param name of the event that asks */
export function presenceEvents(name: string, room: string, news: PresenceNews): readonly PresenceEvent[] {
  if (news.kind === "state") return [{ event: name, json: stateText(room, news) }];
  const { epoch, from, version, total, joined, left } = news;
  const head = JSON.stringify({ room, epoch, from, version, total }).slice(0, -1);
  const events = [];
  if (joined.length > 0)
    events.push({ event: `${name}:joined`, json: `${head},"users":${usersText(joined)}}` });
  if (left.length > 0) {
    const users = usersText(left.map((user) => ({ user })));
    events.push({ event: `${name}:left`, json: `${head},"users":${users}}` });
  }
  // The room is too large for names.
  return events.length > 0 ? events : [{ event: name, json: `${head}}` }];
}

function stateText(room: string, { epoch, version, total, anonymous, users }: PresenceState): string {
  const head = JSON.stringify({ room, epoch, version, total, anonymous });
  return users ? `${head.slice(0, -1)},"users":${usersText(users)}}` : head;
}

function withOk(text: string): string {
  return `{"ok":true,${text.slice(1)}`;
}
