// What makes a plain client one of WS-HUB: its key decides its id, it is registered and announced when it opens, and
// what it says goes to Redis. Methods, not closures: an idle client must stay small.

import type { BrowserContext } from "../../core/dialect.ts";
import type { DisconnectReason } from "../../core/disconnect.ts";
import type { RawConnection, RawConnectionParts } from "../raw/raw-connection.ts";
import type { Frame } from "../../core/carrier.ts";
import type { Announcer } from "./announcer.ts";
import { connectionId } from "./names.ts";
import type { WsHubOptions } from "./options.ts";
import type { Roster } from "./roster.ts";
import type { WriteWatch } from "./write-watch.ts";

/** What the clients of one gateway share. */
export interface Clients {
  readonly context: BrowserContext;
  readonly options: WsHubOptions;
  readonly roster: Roster;
  readonly announcer: Announcer;
  readonly writeWatch: WriteWatch;
}

/** Before groups are assigned a client hears nothing (HUB-08). */
const noRooms: readonly string[] = [];

export class KeyParts implements RawConnectionParts {
  readonly id: string;
  readonly release: () => void;
  readonly #clients: Clients;
  readonly #key: string;

  constructor(clients: Clients, key: string, release: () => void) {
    this.id = connectionId(key);
    this.release = release;
    this.#clients = clients;
    this.#key = key;
  }

  get rooms(): readonly string[] {
    return noRooms;
  }

  /** Registered first, announced then: the answer may come at once (HUB-04). */
  opened(client: RawConnection): void {
    this.#clients.roster.add(this.#key, client);
    this.#clients.announcer.came(this.#key);
  }

  heard(_client: RawConnection, frame: Frame): void {
    this.#clients.announcer.said(this.#key, frame);
  }

  drained(client: RawConnection): void {
    this.#clients.writeWatch.read(client);
  }

  gone(client: RawConnection, reason: DisconnectReason): void {
    const { roster, announcer, options, writeWatch } = this.#clients;
    writeWatch.gone(client);
    if (reason === "too_large") this.#logTooLarge();
    if (roster.remove(this.#key, client) && options.announceGone) announcer.gone(this.#key);
  }

  /** The default is small (HUB-10): whoever is surprised by it finds it in the log. */
  #logTooLarge(): void {
    const { context, options } = this.#clients;
    const fields = { dialect: "ws-hub", maxMessageSize: options.maxMessageSize };
    context.observe.log("info", "message_too_large", fields);
  }
}
