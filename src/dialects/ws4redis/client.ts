// One client of the ws4redis dialect: it gets the persisted messages before the live ones (W4R-04), what it says is published
// and persisted (W4R-05), its own last message does not come back to it (W4R-08), and the heartbeat is a text (W4R-09).

import { rawFrame } from "../../codec/raw-publication.ts";
import type { Frame } from "../../core/carrier.ts";
import type { BrowserContext } from "../dialect.ts";
import { anonymous } from "../../core/identity.ts";
import type { Identity } from "../../core/identity.ts";
import type { DisconnectReason } from "../../vocabulary/reasons.ts";
import type { BatchedKeys } from "../raw/batched-keys.ts";
import { publishClientMessage } from "../raw/client-message.ts";
import type { IdentityRecheck } from "../raw/identity-recheck.ts";
import type { RawConnection, RawConnectionParts } from "../raw/raw-connection.ts";
import type { SharedSubscriptions } from "../raw/shared-subscriptions.ts";
import type { LastMessage, LastMessages } from "./last-messages.ts";
import { dialectName } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";
import type { ClientNames } from "./client-names.ts";

/** "At least every 4 s" (W4R-09), with ticks that come four times a second. */
const heartbeatMs = 3_600;

/** What the clients of one gateway share. */
export interface Ws4redisContext {
  readonly context: BrowserContext;
  readonly options: Ws4redisOptions;
  /** Names of 0.1 and 0.2 that no pattern covers, `<user>:<facility>` (W4R-03). */
  readonly legacyNames: SharedSubscriptions;
  readonly persistedMessages: BatchedKeys;
  readonly lastMessages: LastMessages;
}

export interface FacilityClientParts {
  readonly names: ClientNames;
  /** It gets its own messages, too. */
  readonly hasEcho: boolean;
  readonly protocol: string | undefined;
  readonly identity: Identity;
  /** undefined: its identity is not checked again. */
  readonly recheck: IdentityRecheck | undefined;
  /** Why it is closed as soon as it is open; undefined: it may stay. */
  readonly closeReason: DisconnectReason | undefined;
  /** What limits count it by. */
  readonly address: string;
  readonly release: () => void;
}

const none: readonly string[] = [];

/** Its fields are most of what an idle page costs: what only its opening needs is let go. */
export class FacilityClient implements RawConnectionParts {
  readonly address: string;
  readonly release: () => void;
  readonly protocol?: string;
  readonly #shared: Ws4redisContext;
  readonly #hasEcho: boolean;
  /** Redis names that its messages go to. */
  readonly #publishesTo: readonly string[];
  readonly #recheck: IdentityRecheck | undefined;
  /** Until it asked for its first messages. */
  #opening: Pick<FacilityClientParts, "names" | "identity" | "closeReason"> | undefined;
  /** Names of 0.1 and 0.2 that it joined, and has to leave. */
  #legacyNames = none;
  #lastMessage: LastMessage | undefined;
  #nextHeartbeat: number;

  constructor(shared: Ws4redisContext, parts: FacilityClientParts) {
    const { names, identity, closeReason } = parts;
    this.address = parts.address;
    this.release = parts.release;
    this.#shared = shared;
    this.#hasEcho = parts.hasEcho;
    this.#publishesTo = names.publishesTo.length === 0 ? none : names.publishesTo;
    this.#recheck = parts.recheck;
    this.#opening = { names, identity, closeReason };
    this.#nextHeartbeat = shared.context.now() + heartbeatMs;
    if (parts.protocol !== undefined) this.protocol = parts.protocol;
  }

  /** Asked for as it opens. */
  get identity(): Identity {
    return this.#opening?.identity ?? anonymous;
  }

  get rooms(): readonly string[] {
    return this.#opening?.names.rooms ?? none;
  }

  opened(client: RawConnection): void {
    if (this.#opening?.closeReason !== undefined) client.close(this.#opening.closeReason);
  }

  /** Subscribed first, asked then: what is published meanwhile may come twice, and is never lost. */
  async first(): Promise<readonly Frame[]> {
    const { legacyNames, persistedMessages } = this.#shared;
    const { legacy, persistedKeys } = this.#opening?.names ?? { legacy: none, persistedKeys: none };
    this.#opening = undefined;
    if (legacy.length > 0) {
      this.#legacyNames = legacy;
      await Promise.all(legacy.map(async (name) => legacyNames.join(name)));
    }
    const values = await persistedMessages.read(persistedKeys);
    return values.flatMap((value) => (value && this.#isSent(value) ? [rawFrame(value)] : []));
  }

  heard(client: RawConnection, frame: Frame): void {
    const { context, options } = this.#shared;
    const { heartbeat, expire } = options;
    this.#forgetLastMessage();
    if (frame.length === 0) return;
    if (heartbeat !== undefined && Buffer.from(heartbeat).equals(Buffer.from(frame))) {
      this.#sendHeartbeat(client, heartbeat);
      return;
    }
    if (!this.#hasEcho) this.#rememberLastMessage(client, frame);
    for (const channel of this.#publishesTo) {
      const message = { dialect: dialectName, channel, payload: frame, keepSeconds: expire };
      void publishClientMessage(context, message);
    }
  }

  ticked(client: RawConnection, now: number): void {
    const { heartbeat } = this.#shared.options;
    this.#recheck?.tick(now, () => {
      client.close("expired");
    });
    if (heartbeat !== undefined && now >= this.#nextHeartbeat) this.#sendHeartbeat(client, heartbeat);
  }

  gone(): void {
    this.#forgetLastMessage();
    for (const name of this.#legacyNames) this.#shared.legacyNames.leave(name);
  }

  /** Bounded as what is published (SEC-06). */
  #isSent({ length }: Buffer): boolean {
    const { limits, observe } = this.#shared.context;
    if (length > limits.busMessageBytes) observe.skipped(dialectName, "too_large");
    return length > 0 && length <= limits.busMessageBytes;
  }

  #sendHeartbeat(client: RawConnection, heartbeat: string): void {
    this.#nextHeartbeat = this.#shared.context.now() + heartbeatMs;
    client.send(heartbeat);
  }

  #rememberLastMessage(client: RawConnection, frame: Frame): void {
    const { lastMessages, context } = this.#shared;
    if (client.connection) this.#lastMessage = lastMessages.add(context.hub.idOf(client.connection), frame);
  }

  #forgetLastMessage(): void {
    if (this.#lastMessage) this.#shared.lastMessages.delete(this.#lastMessage);
    this.#lastMessage = undefined;
  }
}
