// The Bus port in memory: a publish puts one copy per subscription that listens now into a bounded queue, and later
// turns of the event loop deliver it, never the publisher's own call.

import type { Bus, BusMessage, BusState, ChannelFilter, Subscription } from "../../core/bus.ts";
import { createSource, formatMarker } from "../marker.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { writePayload } from "../../core/publication.ts";
import type { Meaning, Payload } from "../../core/publication.ts";
import type { BackplaneOptions } from "../driver.ts";
import { compileGlob } from "../../base/glob.ts";
import { createReceiver, type Receiver } from "../receiver.ts";

/** What may wait to be delivered, bytes. */
const queueBytes = 64 * 1024 * 1024;
/** What a message counts beside its payload, bytes. */
const messageOverhead = 128;
/** And how often its payload, where its meaning waits beside what may write it: as text, of up to two bytes for each. */
const withMeaning = 3;
/** What was taken: one for all. */
const taken = Promise.resolve(undefined);
/** A marker comes after so many messages, or so much time, ms. */
const messagesPerMarker = 256;
const markerMs = 2_000;
/** The line of this process: it has no subscriptions to tell it from others. */
const line = "00000000";
/** Delivered per turn of the event loop, bytes and ms: in a burst the sockets' writes, and requests, must get their turn. */
const turnBytes = 256 * 1024;
const turnMs = 5;

interface Subscriber {
  readonly hears: (channel: string) => boolean;
  readonly receive: Receiver;
  isClosed: boolean;
}

/** What one publish says. */
interface Said {
  readonly channel: string;
  readonly payload: Payload;
  readonly meaning: Meaning | undefined;
  /** What it counts for each subscriber. */
  readonly bytes: number;
}

/** On its way to one subscriber. Usually the meaning is all that it wants, and no bytes are made. */
class MemoryMessage implements BusMessage {
  readonly channel: string;
  readonly meaning: Meaning | undefined;
  readonly bytes: number;
  readonly subscriber: Subscriber;
  /** The first of the message's deliveries: it counts on the line. */
  readonly isFirst: boolean;
  #payload: Payload;

  constructor({ channel, payload, meaning, bytes }: Said, subscriber: Subscriber, isFirst: boolean) {
    this.channel = channel;
    this.meaning = meaning;
    this.bytes = bytes;
    this.subscriber = subscriber;
    this.isFirst = isFirst;
    // A copy: the publisher may use its buffer again.
    this.#payload = payload instanceof Uint8Array ? Buffer.from(payload) : payload;
  }

  get payload(): Buffer {
    const payload = this.#payload;
    if (Buffer.isBuffer(payload)) return payload;
    return (this.#payload = Buffer.from(writePayload(payload)));
  }
}

const none: ReadonlySet<Subscriber> = new Set();

type MemoryBusOptions = Pick<BackplaneOptions, "observe" | "limits" | "line">;

export class MemoryBus implements Bus {
  readonly label = "memory";
  readonly carriesMeaning = true;
  readonly outages = 0;
  readonly losses = 0;
  readonly #options: MemoryBusOptions;
  readonly #source = createSource();
  #markers = 0;
  #sinceMarker = 0;
  #markedAt = 0;
  /** Of one channel each: there may be thousands of them, for names of single clients. */
  readonly #exact = new Map<string, Set<Subscriber>>();
  readonly #patterns = new Set<Subscriber>();
  #queue: MemoryMessage[] = [];
  #queuedBytes = 0;
  #turn: NodeJS.Immediate | undefined;
  #isClosed = false;

  constructor(options: MemoryBusOptions) {
    this.#options = options;
    this.#mark();
  }

  publish(channel: string, payload: Payload, meaning?: Meaning): Promise<undefined> {
    try {
      this.#checkOpen();
      const said = meaning ? payload : writePayload(payload);
      const length = meaning ? withMeaning * meaning.bytes : Buffer.byteLength(writePayload(said));
      // As on the wire of a Redis: half of a surrogate pair is U+FFFD.
      const channelName = channel.toWellFormed();
      this.#take({ channel: channelName, payload: said, meaning, bytes: length + messageOverhead });
      return taken;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async subscribe(filter: ChannelFilter, onMessage: (message: BusMessage) => void): Promise<Subscription> {
    this.#checkOpen();
    const name = filter.name.toWellFormed();
    const isPattern = filter.kind === "pattern";
    const subscriber: Subscriber = {
      hears: isPattern ? compileGlob(name) : (channel) => channel === name,
      receive: createReceiver({ ...this.#options, filter, onMessage }),
      isClosed: false,
    };
    const place = isPattern ? this.#patterns : this.#exactOf(name);
    place.add(subscriber);
    return {
      close: async () => {
        if (subscriber.isClosed) return;
        subscriber.isClosed = true;
        place.delete(subscriber);
        if (!isPattern && place.size === 0) this.#exact.delete(name);
      },
    };
  }

  state(): BusState {
    return this.#isClosed ? { isReady: false, reason: "The memory bus is closed" } : { isReady: true };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#exact.clear();
    this.#patterns.clear();
    this.#queue = [];
    clearImmediate(this.#turn);
  }

  /** Puts it into the queue, once for each subscriber of now. */
  #take(said: Said): void {
    const { length } = this.#queue;
    for (const subscriber of this.#exact.get(said.channel) ?? none) this.#put(said, subscriber, length);
    for (const pattern of this.#patterns) if (pattern.hears(said.channel)) this.#put(said, pattern, length);
    const waiting = this.#queuedBytes + (this.#queue.length - length) * said.bytes;
    if (waiting > queueBytes) {
      this.#queue.length = length;
      const text = `Expected at most ${queueBytes} bytes to wait in the memory bus, got ${waiting}`;
      throw new GatewayError("bus_unavailable", text);
    }
    this.#queuedBytes = waiting;
    if (this.#queue.length > 0) this.#turn ??= setImmediate(this.#deliver);
  }

  #put(said: Said, subscriber: Subscriber, before: number): void {
    this.#queue.push(new MemoryMessage(said, subscriber, this.#queue.length === before));
  }

  readonly #deliver = (): void => {
    const queue = this.#queue;
    const endsAt = performance.now() + turnMs;
    let done = 0;
    let count = 0;
    // The queue may grow meanwhile: handlers publish.
    for (const message of queue) {
      if (done >= turnBytes || performance.now() >= endsAt) break;
      done += message.bytes;
      count += 1;
      if (message.isFirst) this.#step(endsAt);
      if (!message.subscriber.isClosed) message.subscriber.receive(message);
    }
    queue.splice(0, count);
    this.#queuedBytes -= done;
    this.#turn = this.#queue.length > 0 ? setImmediate(this.#deliver) : undefined;
  };

  /** One more message on the line. */
  #step(now: number): void {
    if (++this.#sinceMarker >= messagesPerMarker || now - this.#markedAt >= markerMs) this.#mark(now);
    this.#options.line?.step();
  }

  #mark(now = performance.now()): void {
    this.#markedAt = now;
    this.#sinceMarker = 0;
    this.#options.line?.mark(formatMarker({ source: this.#source, line, number: ++this.#markers }));
  }

  #exactOf(name: string): Set<Subscriber> {
    const known = this.#exact.get(name) ?? new Set();
    this.#exact.set(name, known);
    return known;
  }

  #checkOpen(): void {
    if (this.#isClosed)
      throw new GatewayError("bus_unavailable", "Expected an open memory bus, got a closed one");
  }
}
