// What the native dialect says of who is in a room (README.md): the state to a client that asks for it, and what changed to all
// that did. Infos stay the JSON text that they are.

import { onceForEach } from "../../base/once-for-each.ts";
import { usersText } from "../../codec/present-users.ts";
import type { Connection } from "../../core/membership.ts";
import type { PresenceNews, PresenceState } from "../../vocabulary/presence-news.ts";
import type { BrowserContext } from "../dialect.ts";
import { presenceFault } from "./packet.ts";
import { refuse } from "./rooms.ts";

/** Sends a message about presence. @param type for streams, where it is the name of the event */
type Send = (json: string, type: PresenceType) => void;

type PresenceType = "presence" | "presence_change";

export class NativePresence {
  readonly #context: BrowserContext;
  /** Clients that ask at once get the same state. */
  readonly #textOf = onceForEach((state: PresenceState, room: string) => presenceMessage(room, state));

  constructor(context: BrowserContext) {
    this.#context = context;
  }

  isTold(room: string): boolean {
    return this.#context.presence.isTold({ namespace: "/", room });
  }

  /** A member of the room gets its state, and is told what changes from then on. */
  tell(connection: Connection, room: string, send: Send): void {
    if (!this.isTold(room)) {
      send(presenceFault(room, refuse(this.#context, "no_presence")), "presence");
      return;
    }
    const { presence, hub } = this.#context;
    presence.watch(connection, room, (state) => {
      if (state) send(this.#textOf(state, room), "presence");
      else if (hub.has(connection, room))
        send(presenceFault(room, refuse(this.#context, "unavailable")), "presence");
    });
  }
}

export function presenceType({ kind }: PresenceNews): PresenceType {
  return kind === "state" ? "presence" : "presence_change";
}

export function presenceMessage(room: string, news: PresenceNews): string {
  const { epoch, version, total } = news;
  const head = JSON.stringify({ type: presenceType(news), room, epoch, version, total }).slice(0, -1);
  if (news.kind === "state") {
    const users = news.users ? `,"users":${usersText(news.users)}` : "";
    return `${head},"anonymous":${news.anonymous}${users}}`;
  }
  return `${head},"from":${news.from},"joined":${usersText(news.joined)},"left":${JSON.stringify(news.left)}}`;
}
