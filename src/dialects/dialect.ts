// The Dialect port: a way of speaking, with a browser side (client packets) and a backend side (Redis and HTTP
// formats). A dialect is a folder and one line in registry.ts; nothing else knows it. gateway/contexts.ts makes what it is given.

import type { Access, SecretCheck } from "../proofs/access.ts";
import type { Broker, EntryRefusal, PublishOptions, QueueFields } from "../core/broker.ts";
import type { Bus, ChannelFilter, Feed, Subscription, Voice } from "../core/bus.ts";
import type { Closable } from "../server/socket.ts";
import type { Credentials, TicketIssuer } from "../proofs/credentials.ts";
import type { Hub } from "../core/hub.ts";
import type { IdentitySource } from "../proofs/identity-source.ts";
import type { KeyStore } from "../core/keys.ts";
import type { Limits } from "../vocabulary/limits.ts";
import type { Observe } from "../core/observe.ts";
import type { Publication } from "../core/publication.ts";
import type { RedisName } from "../base/redis-name.ts";
import type { Presence } from "../presence/presence.ts";
import type { Recovery } from "../recovery/recovery.ts";
import type { Revoker } from "../proofs/revocations.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";
import type { Route } from "../server/route.ts";

export interface BrowserSide {
  readonly routes: readonly Route[];
  /** Largest message a client may send, bytes: the engine's limit is the largest of its dialects. */
  readonly maxMessageBytes: number;
  /**
   * Heartbeats and deadlines; called with a monotonic clock, ms, well before each of them is due. The first tick after a
   * pause of the whole process is left out: what clients said in time is there then, but unread.
   */
  tick(now: number): void;
  /** The shortest of those delays: the clock is made fine enough for it. */
  readonly shortestDelayMs: number;
  /** Everyone who is connected now. */
  clients(): Iterable<Closable>;
  /** Is there anyone who was closed, and did not yet fetch what was said to it before? */
  hasUnsaid?(): boolean;
}

export interface BackendSide {
  /** What to hear on the bus. `decode` never throws: junk is a `skipped` message. */
  readonly feeds: readonly Feed[];
  /** HTTP doors of backends. */
  readonly routes: readonly Route[];
  /** What backends leave in the store to be published, where the gateway has such a store. @default none */
  readonly queues?: readonly QueueFeed[];
}

/** What an entry of a queue asks for. */
export interface QueuedPublication {
  readonly kind: "queued";
  readonly publication: Publication;
  readonly options: Omit<PublishOptions, "entry">;
}

/** What a dialect takes from a queue (brokers/queue.ts). */
export interface QueueFeed {
  /** The name of the queue in the store. */
  readonly name: string;
  /** Larger entries are refused unread, bytes. */
  readonly maxEntryBytes: number;
  /** What an entry says. Never throws. */
  decode(fields: QueueFields): QueuedPublication | EntryRefusal;
}

/** What a browser side may use. */
export interface BrowserContext {
  readonly hub: Hub;
  readonly bus: Bus;
  readonly keys: KeyStore;
  /** The way of what clients say. */
  readonly voice: Voice;
  readonly broker: Broker;
  readonly access: Access;
  /** What clients that come back have missed. */
  readonly recovery: Recovery;
  /** Who is in rooms. */
  readonly presence: Presence;
  /** The check of a secret of the dialect's own; what is wrong counts with all others of the gateway. */
  readonly guardSecret: (secret: string) => SecretCheck;
  /** Who visitors are by what browsers send by themselves, for the dialects that ask. */
  readonly identity: IdentitySource;
  /** Who a client is by what it shows. */
  readonly credentials: Credentials;
  /** Hears one more name of the bus, for as long as a client wants it; the rest is as with a feed. */
  listen(feed: Feed<ChannelFilter>): Promise<Subscription>;
  /** Does a Redis name belong to another owner than this dialect (RTE-08)? No client may reach it by a name that it chose. */
  readonly isForeignName: (name: string) => boolean;
  readonly observe: Observe;
  readonly limits: Limits;
  /**
   * Admits one more connection of this client (`Exchange.countedAs`; SEC-06, SEC-15). @returns what gives the place back, to
   * be called once; undefined when the client's address or the gateway has too many.
   */
  admit(countedAs: string): (() => void) | undefined;
  /** Monotonic clock, ms. */
  now(): number;
  /** May deadlines be judged between two ticks? Not when the whole process stood still just now (gateway/pauses.ts). */
  mayJudge(now: number): boolean;
  /** May what browsers say in this room be heard by clients of other dialects (SEC-16)? */
  readonly isOpenRoom: (room: string) => boolean;
  /** What holds for each room. */
  readonly rules: RoomRules;
}

/** What a backend side may use. */
export interface BackendContext {
  readonly bus: Bus;
  readonly broker: Broker;
  readonly observe: Observe;
  readonly limits: Limits;
  /** Unique per running gateway: `host_id` and the like. */
  readonly gatewayId: string;
  /** May what browsers say in this room be heard by clients of other dialects (SEC-16)? */
  readonly isOpenRoom: (room: string) => boolean;
  /** Is what is said in this room kept in a log? Then only what the broker carries is (broker.ts). */
  readonly isLogged: (room: string) => boolean;
  /** The check of the publish secret; undefined when none is configured: no HTTP publishes. */
  readonly checkSecret: SecretCheck | undefined;
  readonly tickets: TicketIssuer;
  readonly revoker: Revoker;
}

/** What a dialect may use. */
export interface DialectContext extends BrowserContext, BackendContext {}

/** What is said to a request that no route took. */
export interface Explanation {
  /** A sentence. */
  readonly text: string;
  /** The path takes these methods: the answer is 405. @default none: the answer is 404 */
  readonly allow?: string;
}

/** A dialect as one gateway speaks it. */
export interface OpenDialect {
  readonly browser?: BrowserSide;
  readonly backend?: BackendSide;
  /** For a request that no route took, where its sender is likely to look for something of this dialect. */
  readonly explain?: (method: string, path: string) => Explanation | undefined;
}

/** @typeParam Options its section of the config. */
export interface Dialect<Options> {
  readonly name: string;
  /** Its names in Redis, under these options: no other dialect's may overlap with them (RTE-08). */
  redisNames(options: Options): readonly RedisName[];
  /** It asks who its visitors are: the config must say how (SEC-02). @default false */
  readonly needsIdentity?: boolean;
  /** It publishes by `context.broker`: gateways that speak it hear each other there. @default false */
  readonly publishesToBroker?: boolean;
  /** Its clients speak, through `context.voice`. @default false */
  readonly clientsSpeak?: boolean;
  /** Where its clients are usually looked for: a listener without it says there what it speaks instead. */
  readonly usualPath?: string;
  /** Called once per gateway that speaks it: what both sides share is made here. */
  open(context: DialectContext, options: Options): OpenDialect;
}
