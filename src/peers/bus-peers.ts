// The Peers port over any bus: beats and questions to all on one channel, answers on one of each gateway. Best effort, and not on
// the line of the bus: nothing here has a canary, and no dialect's subscription matches these names.

import type { Bus, BusMessage, Subscription } from "../core/bus.ts";
import type { Observe } from "../core/observe.ts";
import { unreadable } from "./peers.ts";
import type { AskedOne, Json, PeerAnswers, PeerReply, Peers } from "./peers.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { createGatewayName } from "./gateway-name.ts";
import { KnownGateways } from "./known-gateways.ts";
import { decodeMessage, encodeMessage, isGatewayName } from "./message.ts";
import type { PeerMessage, PeerMessageOf, Said } from "./message.ts";
import { Questions } from "./questions.ts";

/** What all gateways hear; behind a colon and its name, what one gateway hears. */
export const peersChannel = "belfry-peers";
/** A gateway says that it is there this often, ms. */
export const beatMs = 5_000;
const defaultDeadlineMs = 1_000;
/** So many replies are worked on at once. */
const maxReplies = 64;
/** The largest message that is written, bytes, where the bus takes as much. */
const maxMessageBytes = 1024 * 1024;
/** A gateway that starts waits this long for the others to show themselves, ms. */
const meetingMs = 500;

export interface BusPeersParts {
  readonly bus: Pick<Bus, "publish" | "subscribe" | "state" | "outages">;
  readonly limits: { readonly busMessageBytes: number };
  readonly observe: Pick<Observe, "log" | "skipped" | "report">;
  /** Monotonic clock, ms. */
  readonly now: () => number;
  /** @default a new one */
  readonly self?: string;
}

interface Asking {
  readonly topic: string;
  readonly question: Json;
  readonly deadlineMs: number;
  /** The one gateway that is asked; undefined: all. */
  readonly to?: string;
}

/** No dialect is called so. */
const ownName = "peers";

export class BusPeers implements Peers {
  readonly self: string;
  readonly #parts: BusPeersParts;
  readonly #known = new KnownGateways();
  readonly #questions = new Questions();
  readonly #replies = new Map<string, PeerReply>();
  readonly #maxBytes: number;
  #subscriptions: readonly Subscription[] = [];
  /** Is it among the others? Not before it opened, and not where the bus refuses. */
  #isOpen = false;
  #running = 0;
  #saidAt = 0;
  #outages = 0;
  /** Until so many others showed themselves after its first beat. */
  #met: { readonly others: number; readonly resolve: () => void } | undefined;

  constructor(parts: BusPeersParts) {
    this.#parts = parts;
    this.self = parts.self ?? createGatewayName();
    this.#maxBytes = Math.min(maxMessageBytes, parts.limits.busMessageBytes);
  }

  get others(): readonly string[] {
    return this.#known.names;
  }

  /** Joins the others, and resolves when they showed themselves, or after half a second. Never rejects. */
  async open(): Promise<void> {
    const { bus, now } = this.#parts;
    try {
      for (const name of [peersChannel, this.#channelOf(this.self)]) {
        const filter = { kind: "exact", name, isOptional: true } as const;
        this.#subscriptions = [
          ...this.#subscriptions,
          await bus.subscribe(filter, this.#received.bind(this)),
        ];
      }
      this.#isOpen = true;
      this.#outages = bus.outages;
      this.#saidAt = now();
      await this.#meet(await this.#say(peersChannel, { kind: "beat", isNew: true }));
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      // The bus says so itself when it is away, and this gateway shows itself again.
      if (bus.state().isReady) await this.#stayAlone(error.message);
    }
  }

  /** Shows itself, and forgets gateways that are silent. Called several times a second. */
  tick(now: number): void {
    const { bus, observe } = this.#parts;
    if (!this.#isOpen) return;
    if (!bus.state().isReady) {
      this.#known.spare(now);
      return;
    }
    const isNew = this.#outages !== bus.outages;
    this.#outages = bus.outages;
    if (isNew || now - this.#saidAt >= beatMs) {
      this.#saidAt = now;
      this.#send(peersChannel, { kind: "beat", isNew });
    }
    for (const gateway of this.#known.forget(now)) {
      this.#questions.leave(gateway);
      observe.log("warn", "peer_silent", { gateway });
    }
  }

  async ask(topic: string, question: Json, deadlineMs = defaultDeadlineMs): Promise<PeerAnswers> {
    return this.#ask([this.self, ...this.others], { topic, question, deadlineMs });
  }

  async askOne(gateway: string, asked: AskedOne): Promise<unknown> {
    if (!isGatewayName(gateway)) return undefined;
    const { answers } = await this.#ask([gateway], { deadlineMs: defaultDeadlineMs, ...asked, to: gateway });
    return answers.get(gateway);
  }

  answer(topic: string, reply: PeerReply): void {
    if (this.#replies.has(topic)) throw new Error(`Expected one reply to ${topic}, got a second one`);
    this.#replies.set(topic, reply);
  }

  /** Says goodbye, and ends what waits. Never rejects. */
  async close(): Promise<void> {
    if (this.#isOpen) await this.#say(peersChannel, { kind: "goodbye" }).catch(() => undefined);
    await this.#leave();
  }

  async #ask(asked: readonly string[], { topic, question, deadlineMs, to }: Asking): Promise<PeerAnswers> {
    const open = this.#questions.open(asked, { deadlineMs, isForAll: to === undefined });
    if (!open) return { answers: new Map(), silent: asked };
    const { id, answered } = open;
    if (asked.includes(this.self)) {
      void this.#replyTo(topic, question, this.self).then((answer) => {
        this.#questions.take(id, this.self, answer);
      });
    }
    if (to !== this.self) {
      const channel = to === undefined ? peersChannel : this.#channelOf(to);
      this.#say(channel, { kind: "question", id, topic, question }).catch((error: unknown) => {
        this.#questions.give(id, this.self);
        this.#note(error);
      });
    }
    return answered;
  }

  #received({ payload }: BusMessage): void {
    const { observe, now } = this.#parts;
    const message = payload.length > maxMessageBytes ? "too_large" : decodeMessage(payload.toString());
    if (typeof message === "string") {
      observe.skipped(ownName, message);
      return;
    }
    const { kind, from } = message;
    if (from === this.self) return;
    if (kind === "goodbye") {
      this.#questions.leave(from);
      if (this.#known.leave(from)) observe.log("debug", "peer_left", { gateway: from });
      return;
    }
    const isNew = this.#known.hear(from, now());
    if (isNew === undefined) {
      observe.skipped(ownName, "too_many_gateways");
      return;
    }
    if (isNew) observe.log("debug", "peer_found", { gateway: from });
    this.#lookMet();
    this.#heed(message);
  }

  #heed(message: Exclude<PeerMessage, PeerMessageOf<"goodbye">>): void {
    const { kind, from } = message;
    switch (kind) {
      case "beat":
        if (message.isNew) this.#send(this.#channelOf(from), { kind: "beat", isNew: false });
        return;
      case "question":
        void this.#reply(message);
        return;
      case "answer":
        if (!this.#questions.take(message.id, from, message.answer))
          this.#parts.observe.skipped(ownName, "answer_unasked");
        return;
      default:
        kind satisfies never;
    }
  }

  async #reply({ id, from, topic, question }: PeerMessageOf<"question">): Promise<void> {
    const answer = this.#running < maxReplies ? await this.#replyTo(topic, question, from) : undefined;
    this.#send(this.#channelOf(from), { kind: "answer", id, ...(answer !== undefined && { answer }) });
  }

  /** @returns undefined when there is no answer: it is another Belfry's question, or the reply failed. */
  async #replyTo(topic: string, question: unknown, from: string): Promise<Json | undefined> {
    const reply = this.#replies.get(topic);
    if (!reply) return undefined;
    this.#running++;
    try {
      const answer = await reply(question, from);
      if (answer !== unreadable) return answer;
      this.#parts.observe.skipped(ownName, "question_invalid");
      return undefined;
    } catch (error) {
      this.#parts.observe.report("peer_reply", error);
      return undefined;
    } finally {
      this.#running--;
    }
  }

  /** Waits until as many others showed themselves as heard the first beat, this one aside. */
  async #meet(heard: number | undefined): Promise<void> {
    if (heard === undefined || heard <= 1) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#met = { others: heard - 1, resolve };
    this.#lookMet();
    const timer = setTimeout(resolve, meetingMs);
    await promise;
    clearTimeout(timer);
    this.#met = undefined;
  }

  #lookMet(): void {
    if (this.#met && this.others.length >= this.#met.others) this.#met.resolve();
  }

  #send(channel: string, said: Said): void {
    this.#say(channel, said).catch((error: unknown) => {
      this.#note(error);
    });
  }

  async #say(channel: string, said: Said): Promise<number | undefined> {
    if (!this.#isOpen)
      throw new GatewayError("bus_unavailable", "Expected to be among gateways, got refused");
    const text = encodeMessage(this.self, said);
    if (Buffer.byteLength(text) <= this.#maxBytes) return this.#parts.bus.publish(channel, text);
    // Who asked need not wait for it.
    if (said.kind === "answer") this.#send(channel, { kind: "answer", id: said.id });
    throw new Error(`Expected at most ${this.#maxBytes} bytes of a message to gateways, got ${text.length}`);
  }

  /** The bus says itself when it is away. */
  #note(error: unknown): void {
    if (!(error instanceof GatewayError)) this.#parts.observe.report("peers", error);
  }

  async #stayAlone(got: string): Promise<void> {
    await this.#leave();
    const text = `This gateway cannot speak with the others: it may not use the channels ${peersChannel} and ${peersChannel}:*. What is asked of all gateways is answered by this one alone. ${got}`;
    this.#parts.observe.log("warn", "peers_refused", { text });
  }

  async #leave(): Promise<void> {
    this.#isOpen = false;
    this.#met?.resolve();
    this.#questions.close();
    for (const subscription of this.#subscriptions) await subscription.close();
    this.#subscriptions = [];
  }

  #channelOf(gateway: string): string {
    return `${peersChannel}:${gateway}`;
  }
}
