// One client of the ws-hub dialect: its key decides its id, it is registered and announced when it opens, what it says goes
// to Redis, and it is dropped when it does not read (HUB-16). Methods, not closures: an idle client must stay small.

import type { Frame } from "../../core/carrier.ts";
import type { BrowserContext } from "../dialect.ts";
import type { Identity } from "../../core/identity.ts";
import type { DisconnectReason } from "../../vocabulary/reasons.ts";
import type { RawConnection, RawConnectionParts } from "../raw/raw-connection.ts";
import type { Announcer } from "./announcer.ts";
import { connectionId, dialectName } from "./names.ts";
import type { WsHubOptions } from "./options.ts";
import type { Roster } from "./roster.ts";

/** What the clients of one gateway share. */
export interface HubContext {
  readonly context: BrowserContext;
  readonly options: WsHubOptions;
  readonly roster: Roster;
  readonly announcer: Announcer;
}

/** Before groups are assigned a client gets no messages (HUB-08). */
const noRooms: readonly string[] = [];

export interface HubClientParts {
  readonly key: string;
  /** Who it is; undefined: it showed nothing but its key. */
  readonly identity: Identity | undefined;
  /** The subprotocol to select, if any. */
  readonly protocol: string | undefined;
  readonly address: string;
  readonly release: () => void;
}

export class HubClient implements RawConnectionParts {
  readonly id: string;
  readonly address: string;
  readonly release: () => void;
  readonly identity?: Identity;
  readonly protocol?: string;
  readonly #hub: HubContext;
  readonly #key: string;
  /** Since when something waits of which the client read nothing, ms. */
  #blockedSince: number | undefined;

  constructor(hub: HubContext, { key, address, identity, protocol, release }: HubClientParts) {
    this.id = connectionId(key);
    this.address = address;
    if (identity) this.identity = identity;
    if (protocol !== undefined) this.protocol = protocol;
    this.release = release;
    this.#hub = hub;
    this.#key = key;
  }

  get rooms(): readonly string[] {
    return noRooms;
  }

  /** Registered first, announced then: the answer may come at once (HUB-04). */
  opened(client: RawConnection): void {
    this.#hub.roster.add(this.#key, client);
    this.#hub.announcer.came(this.#key);
  }

  heard(_client: RawConnection, frame: Frame): void {
    this.#hub.announcer.said(this.#key, frame);
  }

  /** It read something: what is left has all the time again. */
  drained(): void {
    this.#blockedSince = undefined;
  }

  /** The write deadline of WS-HUB, `writeWait` (HUB-16). */
  ticked(client: RawConnection, now: number): void {
    const waitingBytes = client.connection?.carrier.bufferedBytes ?? 0;
    if (waitingBytes === 0) this.#blockedSince = undefined;
    else if (now - (this.#blockedSince ??= now) >= this.#hub.options.writeWait * 1_000) client.close("slow");
  }

  gone(client: RawConnection, reason: DisconnectReason): void {
    const { roster, announcer, options } = this.#hub;
    if (reason === "too_large") this.#logTooLarge();
    if (roster.remove(this.#key, client) && options.announceGone) announcer.gone(this.#key);
  }

  /** The default is small (HUB-10): the log says why such a client was closed. */
  #logTooLarge(): void {
    const { context, options } = this.#hub;
    const fields = { dialect: dialectName, maxMessageSize: options.maxMessageSize };
    context.observe.log("info", "message_too_large", fields);
  }
}
