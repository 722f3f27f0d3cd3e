// The Bus port: raw named channels, as Redis has them. brokers/<name>/ implement it; the conformance suite in
// test/conformance runs over every one of them. Keys are a port of their own (keys.ts).

import type { BackendMessage, Meaning, Payload } from "./publication.ts";

/** One message of a channel. The payload is the receiver's own: it may keep it. */
export interface BusMessage {
  readonly channel: string;
  readonly payload: Buffer;
  /** Of our own message, where the bus carries it inside of this process; other messages have to be read. */
  readonly meaning?: Meaning | undefined;
}

/**
 * How a subscription proves that it is alive: a message that is harmless to every other listener of a shared
 * channel (PSQ-17), published by the bus and recognised on its way back.
 */
export interface Canary {
  /** Where it is published; it must reach the subscription. */
  readonly channel: string;
  /** The payload that carries `token` (letters and digits). */
  encode(token: string): string | Uint8Array;
  /** The token, if the message is a canary of any gateway; such a message is never passed on. */
  decode(message: BusMessage): string | undefined;
}

/** What to listen to. A pattern is a Redis glob (`*`, `?`, `[...]`, `\` escapes). */
export interface ChannelFilter {
  readonly kind: "exact" | "pattern";
  readonly name: string;
  /** Without one, it lives as long as the other subscriptions of the bus do: channels that foreign listeners hear too. */
  readonly canary?: Canary;
  /**
   * The bus works without it where it is refused later, as an ACL that was tightened does: that is reported once, and it is tried
   * again now and then. Others keep the bus away then, because their messages would be missing.
   */
  readonly isOptional?: true;
}

/** Ready, or not and why: a sentence for `/-/health/ready`, without addresses' passwords. */
export type BusState = { readonly isReady: true } | { readonly isReady: false; readonly reason: string };

/** A subscription that is known to be alive, or the bus is not ready. */
export interface WatchedFilter extends ChannelFilter {
  readonly canary: Canary;
}

export interface Subscription {
  close(): Promise<void>;
}

/** What is heard on the bus, and how it is understood. */
export interface Feed<Filter extends ChannelFilter = WatchedFilter> {
  readonly filter: Filter;
  decode(message: BusMessage): BackendMessage;
  /** Reads the bytes of a message that came with a meaning, without it, for clients that come back. @default this feed */
  readonly ofMeant?: Feed<ChannelFilter>;
}

export interface Bus {
  /** Name for logs and the start banner: `memory`, or `redis redis://host:6379/0` without secrets. */
  readonly label: string;
  /**
   * Publishes to everyone who listens, ourselves included. Resolves when the bus has accepted the message;
   * rejects with GatewayError `bus_unavailable` when it has not within its deadline (it never queues for later).
   * @param meaning what the payload says: a bus may hand it on to spare us the reading, or drop it.
   * @returns how many listeners it went to, as far as the bus knows: each gateway is one or more.
   */
  publish(channel: string, payload: Payload, meaning?: Meaning): Promise<number | undefined>;
  /**
   * Calls `onMessage` for every message, in the order in which one channel carried them, synchronously as they are
   * read. The subscription outlives reconnects; messages published while it is cut off are lost (PSQ-16).
   * Messages over the size bound are dropped and counted. Resolves once it is made, or at once when the bus is
   * away (then it is made on reconnect and `state()` is red until it is proved). Rejects with `bus_unavailable` when the
   * bus refuses the subscription (ACL) or is closed.
   */
  subscribe(filter: ChannelFilter, onMessage: (message: BusMessage) => void): Promise<Subscription>;
  /** Are all listeners in this process, and handed the meaning of each message? @default no */
  readonly carriesMeaning?: boolean;
  /**
   * How often it was not ready, so far: messages of such a time may be lost, also when it was too short to be seen in
   * `state()`. Raised when it begins.
   */
  readonly outages: number;
  /** How often messages may have been missed so far: an outage has several losses where its connections break again. */
  readonly losses: number;
  /** Ready means: connected, and every subscription heard its canary lately. */
  state(): BusState;
  /** Ends subscriptions and connections. */
  close(): Promise<void>;
}

/**
 * What clients say, on its way to the bus. It stands beside the bus because it promises when: the engine answers a client's
 * close in the turn in which it reads it, and what the client said before must come first.
 */
export interface Voice {
  /**
   * Publishes, and with `keepSeconds` also sets the channel's name as a key; handed over within this call (W4R-05). Rejects with
   * GatewayError `bus_unavailable` as `Bus.publish` does.
   */
  say(channel: string, payload: string | Uint8Array, keepSeconds?: number): Promise<void>;
}
