// The Bus port on Redis: one link for subscriptions, one for commands (RTE-11), and the watch over both. Every two
// seconds each subscription's canary goes out through the command link and must come back through the subscriber link;
// deadlines on the former and silence on the latter show every way in which Redis can be away.

import type { Bus, BusMessage, BusState, ChannelFilter, Subscription, Voice } from "../../core/bus.ts";
import { writePayload } from "../../core/publication.ts";
import type { Payload } from "../../core/publication.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import type { BackplaneOptions } from "../driver.ts";
import type { PresenceTimes, Tracking } from "../presence.ts";
import { Commands } from "./commands.ts";
import { deadlineMs } from "./deadline.ts";
import { type Trust, dial } from "./dial.ts";
import { DirectLink } from "./direct-link.ts";
import { failureOf } from "./failure.ts";
import { betterScheme } from "./speech.ts";
import { RedisKeys } from "./keys.ts";
import { RedisLog } from "./log.ts";
import { RedisPresence } from "./presence.ts";
import { RedisQueue } from "./queue.ts";
import { RedisRevocations } from "./revocations.ts";
import { knock } from "./knock.ts";
import { Link, type LinkOptions } from "./link.ts";
import { type Member, Subscriptions } from "./subscriptions.ts";
import { type RedisAddress, addressOf } from "./url.ts";

const tickMs = 1_000;
/** Canaries go out at every second tick; at each one while something is unproved. */
const ticksPerCanary = 2;

const ready: BusState = { isReady: true };

interface RedisBusOptions extends Pick<BackplaneOptions, "observe" | "limits" | "line"> {
  readonly address: RedisAddress;
  readonly trust: Trust;
  /** Clients speak, or rooms have logs. */
  readonly needsDirect: boolean;
  readonly tracking?: Tracking | undefined;
  readonly presenceTimes?: PresenceTimes | undefined;
}

export class RedisBus implements Bus, Voice {
  readonly label: string;
  /** The keys of the same database, over the same command link. */
  readonly keys: RedisKeys;
  /** The logs in the same database, likewise. */
  readonly log: RedisLog;
  readonly queue: RedisQueue;
  readonly revocations: RedisRevocations;
  readonly presence: RedisPresence;
  readonly #options: RedisBusOptions;
  /** `host:port`, or the path of the socket. */
  readonly #place: string;
  readonly #commandLink: Link;
  readonly #subscriberLink: Link;
  readonly #commands: Commands;
  readonly #direct: DirectLink | undefined;
  readonly #subscriptions: Subscriptions;
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;
  #isClosed = false;
  #outages = 0;
  /** When the outage began that was logged; undefined while all is well. */
  #downSince: number | undefined;

  constructor(options: RedisBusOptions) {
    this.label = `redis ${options.address.label}`;
    this.#options = options;
    this.#place = addressOf(options.address.place);
    this.#commandLink = this.#link(() => {
      void this.#direct?.open();
      this.#subscriptions.restart();
      this.#sendCanaries();
    });
    this.#subscriberLink = this.#link((client) => {
      void this.#subscriptions.restore(client).then(() => {
        this.#sendCanaries();
      });
    });
    this.#direct = options.needsDirect ? this.#createDirect(options) : undefined;
    this.#commands = new Commands(this.#commandLink, this.#place, this.#direct);
    this.keys = new RedisKeys(this.#commands);
    this.log = new RedisLog(this.#commands);
    this.queue = new RedisQueue(this.#commands);
    this.revocations = new RedisRevocations(this.#commands);
    const { tracking, presenceTimes: times } = options;
    this.presence = new RedisPresence({ commands: this.#commands, tracking, times });
    this.#subscriptions = new Subscriptions({
      ...options,
      link: this.#subscriberLink,
      onProof: () => {
        this.#noteRecovery();
      },
    });
  }

  /** Connects both links. Rejects with GatewayError `start_failed`, and leaves nothing behind then. */
  async open(): Promise<void> {
    try {
      await Promise.all([this.#commandLink.open(), this.#subscriberLink.open()]);
      await this.#direct?.open();
    } catch (error) {
      await this.close();
      const got = (await betterScheme(this.#options.address)) ?? failureOf(error).text;
      const text = `Expected a Redis at ${this.#place}, got ${got}`;
      throw new GatewayError("start_failed", text, { cause: error });
    }
    this.#timer = setInterval(() => {
      this.#tick();
    }, tickMs);
  }

  async publish(channel: string, payload: Payload): Promise<number | undefined> {
    const bytes = writePayload(payload);
    // By the way of what goes to logs: what one publisher says is heard in one order, also where only some of it is kept.
    if (typeof bytes === "string") return Number(await this.#commands.line(["PUBLISH", channel, bytes]));
    // A copy: the publisher may use its buffer again.
    return Number(await this.#commands.run(["PUBLISH", channel, Buffer.from(bytes)]));
  }

  async say(channel: string, payload: string | Uint8Array, keepSeconds = 0): Promise<void> {
    const bytes = typeof payload === "string" ? payload : Buffer.from(payload);
    const commands = [["PUBLISH", channel, bytes]];
    if (keepSeconds > 0) commands.push(["SETEX", channel, String(keepSeconds), bytes]);
    if (this.#direct?.isReady !== true) {
      await Promise.all(commands.map(async (command) => this.#commands.run(command)));
      return;
    }
    try {
      await this.#direct.run(commands);
    } catch (error) {
      const text = `Expected a Redis at ${this.#place}, got ${failureOf(error).text}`;
      throw new GatewayError("bus_unavailable", text, { cause: error });
    }
  }

  async subscribe(filter: ChannelFilter, onMessage: (message: BusMessage) => void): Promise<Subscription> {
    const member = await this.#add(filter, onMessage);
    void this.#sendCanary(member);
    return {
      close: async () => this.#subscriptions.remove(member),
    };
  }

  get outages(): number {
    return this.#outages;
  }

  get losses(): number {
    return this.#outages + this.#subscriptions.losses;
  }

  state(): BusState {
    const isCommandUp = this.#commandLink.client !== undefined;
    if (!isCommandUp || !this.#subscriberLink.client) {
      const { failure } = isCommandUp ? this.#subscriberLink : this.#commandLink;
      return { isReady: false, reason: `Expected a Redis at ${this.#place}, got ${failure.text}` };
    }
    // Asked for each publication: no lists.
    const { watched } = this.#subscriptions;
    let [unproved, refusal]: [number, string | undefined] = [0, undefined];
    for (const { pulse } of watched) {
      if (pulse.isProved) continue;
      unproved++;
      refusal ??= pulse.refusal;
    }
    if (unproved === 0) return ready;
    const counts = `${unproved} of ${watched.size} subscriptions did not receive their test message yet`;
    return { isReady: false, reason: refusal === undefined ? counts : `${counts}. ${refusal}` };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#direct?.close();
    this.#commandLink.close();
    this.#subscriberLink.close();
  }

  #link(onUp: LinkOptions["onUp"]): Link {
    const { address, trust, observe } = this.#options;
    return new Link({
      dial: () => dial(address, trust, deadlineMs),
      knock: async (signal) => knock(address.place, signal),
      observe,
      onUp,
      onDown: (failure) => {
        this.#noteOutage(`Expected a Redis at ${this.#place}, got ${failure.text}`);
        if (!this.#subscriberLink.client) this.#subscriptions.cut();
        if (!this.#commandLink.client) this.#direct?.close();
        // A Redis that hangs carries out later what was refused meanwhile: it must not be delivered here then (WSE-26).
        if (failure.isSilence) this.#subscriberLink.replace(failure);
      },
    });
  }

  #createDirect({ address, trust }: RedisBusOptions): DirectLink {
    return new DirectLink({
      address,
      trust,
      onSilence: (error) => {
        this.#commandLink.replace(failureOf(error));
      },
    });
  }

  async #add(filter: ChannelFilter, onMessage: (message: BusMessage) => void): Promise<Member> {
    if (this.#isClosed) throw new GatewayError("bus_unavailable", "Expected an open bus, got a closed one");
    try {
      return await this.#subscriptions.add(filter, onMessage);
    } catch (error) {
      const text = `Expected a Redis at ${this.#place} to take a subscription, got ${failureOf(error).text}`;
      throw new GatewayError("bus_unavailable", text, { cause: error });
    }
  }

  #tick(): void {
    this.#ticks += 1;
    if (!this.#commandLink.client) return;
    const deaf = this.#subscriberLink.client ? this.#subscriptions.tick() : 0;
    if (deaf > 0) {
      const text = `nothing received through ${deaf} of ${this.#subscriptions.members.length} subscriptions`;
      this.#subscriberLink.replace({ text, isSilence: false }, { isAtOnce: true });
    }
    if (this.#ticks % ticksPerCanary === 0 || !this.state().isReady) this.#sendCanaries();
    this.#noteRecovery();
  }

  #sendCanaries(): void {
    const { members } = this.#subscriptions;
    for (const member of members) void this.#sendCanary(member);
    // Without subscriptions the command link needs a life sign of its own; a late one replaces the link.
    if (members.length === 0) void this.#commands.run(["PING"]).catch(() => undefined);
  }

  async #sendCanary({ pulse, filter: { canary } }: Member): Promise<void> {
    if (!canary) return;
    const { heard } = pulse;
    try {
      const token = canary.encode(pulse.nextToken(this.#subscriptions.line));
      // Always by the command link, which it is a sign of life of.
      await this.#commands.run(["PUBLISH", canary.channel, Buffer.from(token)]);
      pulse.accepted(heard);
    } catch (error) {
      // When the link is down, that is the reason, and it is known.
      if (!this.#commandLink.client) return;
      const reason = error instanceof GatewayError ? error.message : failureOf(error).text;
      pulse.refuse(reason);
      this.#noteOutage(reason);
    }
  }

  #noteOutage(reason: string): void {
    if (this.#downSince !== undefined) return;
    this.#downSince = performance.now();
    this.#outages += 1;
    this.#options.observe.log("warn", "bus_down", { reason });
  }

  #noteRecovery(): void {
    if (!this.state().isReady) return;
    this.#commandLink.settle();
    this.#subscriberLink.settle();
    if (this.#downSince === undefined) return;
    const downMs = Math.round(performance.now() - this.#downSince);
    this.#downSince = undefined;
    this.#options.observe.log("info", "bus_up", { downMs });
  }
}
