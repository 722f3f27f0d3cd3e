// One client of the websocket-channels dialect: it is in the room of its channel and below each part of the channel's path,
// and what it says is published to the channel.

import type { Frame } from "../../core/carrier.ts";
import type { BrowserContext } from "../dialect.ts";
import type { Identity } from "../../core/identity.ts";
import { publishClientMessage } from "../raw/client-message.ts";
import type { RawConnection, RawConnectionParts } from "../raw/raw-connection.ts";
import { ancestorsOf, dialectName, redisPrefix } from "./names.ts";

export interface ChannelClientParts {
  readonly channel: string;
  /** Who it is; undefined: it showed nothing. */
  readonly identity: Identity | undefined;
  /** The subprotocol to select, if any. */
  readonly protocol: string | undefined;
  /** What limits count it by. */
  readonly address: string;
  readonly release: () => void;
}

/** A class, because it is all that an idle client costs beside its connection. */
export class ChannelClient implements RawConnectionParts {
  readonly address: string;
  readonly release: () => void;
  readonly identity?: Identity;
  readonly protocol?: string;
  readonly #context: BrowserContext;
  readonly #channel: string;

  constructor(
    context: BrowserContext,
    { channel, identity, protocol, address, release }: ChannelClientParts,
  ) {
    this.#context = context;
    this.#channel = channel;
    this.address = address;
    this.release = release;
    if (identity) this.identity = identity;
    if (protocol !== undefined) this.protocol = protocol;
  }

  /** The root channel is reached as part of the tree alone (WSC-04). */
  get rooms(): readonly string[] {
    return this.#channel === "" ? [] : [this.#channel];
  }

  get trees(): readonly string[] {
    return ancestorsOf(this.#channel);
  }

  /** Everyone on the channel gets it from Redis, the sender too (WSC-02). */
  heard(_client: RawConnection, payload: Frame): void {
    if (payload.length === 0) return;
    const { rules, observe } = this.#context;
    if (rules.ruleOf(this.#channel).publish === "none") {
      observe.refused(dialectName, "publish_closed");
      return;
    }
    const channel = `${redisPrefix}${this.#channel}`;
    void publishClientMessage(this.#context, { dialect: dialectName, channel, payload });
  }
}
