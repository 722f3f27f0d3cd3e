// The subscriptions of a Redis bus. All share the subscriber link and are made again on every new connection. A message
// goes from node-redis through here to the receivers in one plain call.

import type { BusMessage, ChannelFilter } from "../../core/bus.ts";
import type { BackplaneOptions } from "../driver.ts";
import { createReceiver, type Receiver } from "../receiver.ts";
import { within } from "./deadline.ts";
import type { RedisClient } from "./dial.ts";
import { LateReply, failureOf } from "./failure.ts";
import type { Link } from "./link.ts";
import { Line } from "./line.ts";
import { runIdOf } from "./run-id.ts";
import { Pulse } from "./pulse.ts";

/** One subscription of a caller. */
export interface Member {
  readonly filter: ChannelFilter;
  readonly receive: Receiver;
  readonly pulse: Pulse;
  isClosed: boolean;
}

/** One channel or pattern of Redis, with all who listen to it here. */
interface Entry {
  readonly kind: ChannelFilter["kind"];
  readonly name: string;
  readonly listener: (payload: Buffer, channel: Buffer) => void;
  /** Replaced, never changed: handlers subscribe and close. */
  members: readonly Member[];
  /** Does it stand on the line: is it there for as long as the gateway is? */
  isLasting: boolean;
  /** The connection on which it was asked for, and the answer. */
  client: RedisClient | undefined;
  made: Promise<void>;
  /** Redis answered on that connection. */
  isMade: boolean;
  /** When Redis refused it last, monotonic, ms; undefined: it did not. */
  refusedAt: number | undefined;
}

/** What the bus can do without, and Redis refused, is tried again after this time, ms. */
const refusedMs = 10_000;

interface SubscriptionsOptions extends Pick<BackplaneOptions, "observe" | "limits" | "line"> {
  readonly link: Link;
  /** A subscription heard its own canary, and was not proved before. */
  readonly onProof: () => void;
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #entries = new Map<string, Entry>();
  /** Those that prove themselves by a canary. */
  readonly #watched = new Set<Member>();
  readonly #line: Line;
  /** The server that the connection leads to. */
  #server: { readonly client: RedisClient; readonly runId: string } | undefined;
  #losses = 0;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#line = new Line(options.line);
  }

  /** The name of the line that the subscriptions make. */
  get line(): string {
    return this.#line.name;
  }

  /** How often messages may have been lost. */
  get losses(): number {
    return this.#losses;
  }

  /** Messages may be lost from now on, until every subscription was made again. */
  cut(): void {
    this.#losses += 1;
    this.#line.cut();
  }

  /** Those that prove themselves by a canary. */
  get watched(): ReadonlySet<Member> {
    return this.#watched;
  }

  /** Everyone who listens. */
  get members(): readonly Member[] {
    return [...this.#entries.values()].flatMap((entry) => entry.members);
  }

  /** Adds a subscription; resolves once Redis confirmed it, or at once while the link is down. Rejects on a refusal. */
  async add(filter: ChannelFilter, onMessage: (message: BusMessage) => void): Promise<Member> {
    const pulse = new Pulse();
    const onCanary = (token: string): void => {
      this.#line.mark(token);
      if (pulse.isProved || !token.startsWith(pulse.source)) return;
      pulse.prove();
      this.#options.onProof();
    };
    const receive = createReceiver({ ...this.#options, filter, onMessage, onCanary });
    const member: Member = { filter, receive, pulse, isClosed: false };
    const entry = this.#entryOf(filter);
    setMembers(entry, [...entry.members, member]);
    if (filter.canary) {
      this.#watched.add(member);
      this.#nameLine();
    }
    const client = this.#options.link.client;
    try {
      if (client) await this.#make(entry, client);
    } catch (error) {
      await this.remove(member);
      throw error;
    }
    return member;
  }

  /** Nothing is heard from now on; resolves when Redis knows. */
  async remove(member: Member): Promise<void> {
    member.isClosed = true;
    this.#watched.delete(member);
    const entry = this.#entries.get(keyOf(member.filter));
    if (!entry?.members.includes(member)) return;
    setMembers(
      entry,
      entry.members.filter((other) => other !== member),
    );
    if (entry.members.length === 0) this.#entries.delete(keyOf(entry));
    if (member.filter.canary) this.#nameLine();
    if (entry.members.length > 0) return;
    const client = this.#options.link.client;
    if (!client || client !== entry.client) return;
    try {
      await this.#ask(client, unsubscribe(client, entry));
    } catch (error) {
      // Redis goes on sending what has no subscriber here.
      this.#options.observe.report("redis_unsubscribe", error);
    }
  }

  /** Makes every subscription on a new connection. */
  async restore(client: RedisClient): Promise<void> {
    const { link } = this.#options;
    this.restart();
    this.cut();
    try {
      // The first that is asked on it: as a subscriber it takes no other commands.
      await this.#ask(client, this.#meet(client));
      await Promise.all([...this.#entries.values()].map(async (entry) => this.#remake(entry, client)));
    } catch (error) {
      if (client === link.client) link.replace(failureOf(error));
    }
  }

  /** Everything is to be proved again. */
  restart(): void {
    for (const { pulse } of this.members) pulse.restart();
  }

  /** A second went by; how many subscriptions are deaf. */
  tick(): number {
    this.#retry();
    const { members } = this;
    const heard = members.filter(({ pulse }) => pulse.tick());
    return members.filter(({ pulse }) => pulse.isDeaf(heard.length === 0)).length;
  }

  #entryOf(filter: ChannelFilter): Entry {
    const key = keyOf(filter);
    const known = this.#entries.get(key);
    if (known) return known;
    const entry: Entry = {
      kind: filter.kind,
      name: filter.name.toWellFormed(),
      listener: (payload, channel) => {
        if (entry.isLasting) this.#line.step();
        hand(entry, payload, channel);
      },
      members: [],
      isLasting: false,
      client: undefined,
      made: Promise.resolve(),
      isMade: false,
      refusedAt: undefined,
    };
    this.#entries.set(key, entry);
    return entry;
  }

  async #make(entry: Entry, client: RedisClient): Promise<void> {
    if (entry.client !== client) {
      entry.client = client;
      entry.isMade = false;
      entry.made = this.#ask(client, subscribe(client, entry)).then((isMade) => {
        if (entry.client === client) entry.isMade = isMade;
      });
    }
    await entry.made;
    // Those of single clients come and go by the thousand, and stand on no line.
    if (entry.isLasting) this.#joinLine();
  }

  /** Rejects when Redis refuses what the bus cannot do without. */
  async #remake(entry: Entry, client: RedisClient): Promise<void> {
    const { link, observe } = this.#options;
    try {
      await this.#make(entry, client);
      entry.refusedAt = undefined;
    } catch (error) {
      if (client !== link.client || !entry.members.every(({ filter }) => filter.isOptional)) throw error;
      if (entry.refusedAt === undefined) observe.report("redis_subscribe", error);
      entry.refusedAt = performance.now();
      entry.client = undefined;
    }
  }

  /** Tries again what was refused and is due. */
  #retry(): void {
    const { client } = this.#options.link;
    const due = performance.now() - refusedMs;
    for (const entry of this.#entries.values()) {
      if (!client || entry.refusedAt === undefined || entry.refusedAt > due || entry.client) continue;
      // Of another connection: all are made again there.
      this.#remake(entry, client).catch(() => undefined);
    }
  }

  async #meet(client: RedisClient): Promise<void> {
    const runId = await runIdOf(client);
    this.#server = { client, runId };
    this.#nameLine();
    this.#joinLine();
  }

  /** Other lasting subscriptions make another line, and so does another server. */
  #nameLine(): void {
    if (this.#line.rename(this.#lasting.map(keyOf), this.#server?.runId)) this.#joinLine();
  }

  /** The line is whole once Redis confirmed every subscription of it on the connection of now. */
  #joinLine(): void {
    const { client } = this.#options.link;
    const lasting = this.#lasting;
    if (!client || this.#server?.client !== client || lasting.length === 0) return;
    if (lasting.every((entry) => entry.isMade && entry.client === client)) this.#line.join();
  }

  get #lasting(): readonly Entry[] {
    return [...this.#entries.values()].filter(({ isLasting }) => isLasting);
  }

  /** Waits for Redis's answer. A connection that is lost or silent is replaced, and restored later: no error. @returns whether it answered. */
  async #ask(client: RedisClient, answer: Promise<unknown>): Promise<boolean> {
    const { link } = this.#options;
    try {
      await within(answer);
      return true;
    } catch (error) {
      if (client !== link.client) return false;
      if (!(error instanceof LateReply)) throw error;
      link.replace(failureOf(error));
      return false;
    }
  }
}

async function subscribe(client: RedisClient, { kind, name, listener }: Entry): Promise<unknown> {
  return kind === "exact"
    ? client.subscribe([name], listener, true)
    : client.pSubscribe([name], listener, true);
}

/** Always a list: node-redis takes an empty name that stands alone for "all". */
async function unsubscribe(client: RedisClient, { kind, name, listener }: Entry): Promise<unknown> {
  return kind === "exact"
    ? client.unsubscribe([name], listener, true)
    : client.pUnsubscribe([name], listener, true);
}

function hand({ kind, name, members }: Entry, payload: Buffer, channelName: Buffer): void {
  const channel = kind === "exact" ? name : channelName.toString();
  const last = members.length - 1;
  for (const [index, { isClosed, pulse, receive }] of members.entries()) {
    pulse.hear();
    // A payload of its own for each; the last one may have the original.
    if (!isClosed) receive({ channel, payload: index === last ? payload : Buffer.from(payload) });
  }
}

function setMembers(entry: Entry, members: readonly Member[]): void {
  entry.members = members;
  entry.isLasting = members.some(({ filter }) => filter.canary !== undefined);
}

/** Half of a surrogate pair cannot be sent: on the wire, and so here, it is U+FFFD. */
function keyOf({ kind, name }: Pick<ChannelFilter, "kind" | "name">): string {
  return `${kind} ${name.toWellFormed()}`;
}
