// The Bus port in memory: a publish puts one copy per subscription that listens now into a bounded queue, and later
// turns of the event loop deliver it, never the publisher's own call.

import type { Bus, BusMessage, BusState, ChannelFilter, Subscription } from "../../core/bus.ts";
import { GatewayError } from "../../core/errors.ts";
import type { BusOptions } from "../broker.ts";
import { compileGlob } from "../../core/glob.ts";
import { createReceiver, type Receiver } from "../receiver.ts";

/** What may wait to be delivered, bytes. */
const queueBytes = 64 * 1024 * 1024;
/** What a message counts beside its payload, bytes. */
const messageOverhead = 128;
/** Delivered per turn of the event loop, bytes and ms: in a burst the sockets' writes, and requests, must get their turn. */
const turnBytes = 256 * 1024;
const turnMs = 5;

/** Keys that are kept; the oldest go first. */
const maxKeys = 100_000;

interface StoredKey {
  readonly value: Buffer;
  /** End of its life, ms of the monotonic clock. */
  readonly until: number;
}

interface Listener {
  readonly hears: (channel: string) => boolean;
  readonly receive: Receiver;
  isClosed: boolean;
}

interface Delivery {
  readonly listener: Listener;
  readonly message: BusMessage;
}

export class MemoryBus implements Bus {
  readonly label = "memory";
  readonly outages = 0;
  readonly #options: Pick<BusOptions, "observe" | "limits">;
  readonly #keys: Map<string, StoredKey>;
  /** Of one channel each: there may be thousands of them, for names of single clients. */
  readonly #exact = new Map<string, Set<Listener>>();
  readonly #patterns = new Set<Listener>();
  #queue: Delivery[] = [];
  #queuedBytes = 0;
  #turn: NodeJS.Immediate | undefined;
  #isClosed = false;

  constructor(options: Omit<BusOptions, "url">) {
    this.#options = options;
    const given = [...(options.keys ?? [])];
    this.#keys = new Map(given.map(([key, value]) => [key, { value: Buffer.from(value), until: Infinity }]));
  }

  async publish(channel: string, payload: string | Uint8Array): Promise<void> {
    this.#checkOpen();
    // As on the wire of a Redis: half of a surrogate pair is U+FFFD.
    const name = channel.toWellFormed();
    const listeners = [
      ...(this.#exact.get(name) ?? []),
      ...[...this.#patterns].filter(({ hears }) => hears(name)),
    ];
    const bytes = this.#queuedBytes + listeners.length * (Buffer.byteLength(payload) + messageOverhead);
    if (bytes > queueBytes) {
      const text = `Expected at most ${queueBytes} bytes to wait in the memory bus, got ${bytes}`;
      throw new GatewayError("bus_unavailable", text);
    }
    for (const listener of listeners) {
      this.#queue.push({ listener, message: { channel: name, payload: Buffer.from(payload) } });
    }
    this.#queuedBytes = bytes;
    this.#turn ??= setImmediate(this.#deliver);
  }

  async subscribe(filter: ChannelFilter, onMessage: (message: BusMessage) => void): Promise<Subscription> {
    this.#checkOpen();
    const name = filter.name.toWellFormed();
    const isPattern = filter.kind === "pattern";
    const listener: Listener = {
      hears: isPattern ? compileGlob(name) : (channel) => channel === name,
      receive: createReceiver({ ...this.#options, filter, onMessage }),
      isClosed: false,
    };
    const place = isPattern ? this.#patterns : this.#exactOf(name);
    place.add(listener);
    return {
      close: async () => {
        if (listener.isClosed) return;
        listener.isClosed = true;
        place.delete(listener);
        if (!isPattern && place.size === 0) this.#exact.delete(name);
      },
    };
  }

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return (await this.getBytes(keys)).map((value) => value?.toString());
  }

  async getBytes(keys: readonly string[]): Promise<readonly (Buffer | undefined)[]> {
    this.#checkOpen();
    return keys.map((key) => {
      const stored = this.#keys.get(key);
      return stored && stored.until > performance.now() ? Buffer.from(stored.value) : undefined;
    });
  }

  /** Nobody but this process writes here, and it writes no hashes. */
  async getField(): Promise<Buffer | undefined> {
    this.#checkOpen();
    return undefined;
  }

  async set(key: string, value: string | Uint8Array, ttlSeconds = Infinity): Promise<void> {
    this.#checkOpen();
    const now = performance.now();
    this.#keys.delete(key);
    this.#keys.set(key, { value: Buffer.from(value), until: now + ttlSeconds * 1000 });
    if (this.#keys.size <= maxKeys) return;
    // Oldest first: what has ended goes, and then what was set longest ago.
    for (const [old, { until }] of this.#keys) {
      if (this.#keys.size > maxKeys || until <= now) this.#keys.delete(old);
      else break;
    }
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

  readonly #deliver = (): void => {
    const queue = this.#queue;
    const endsAt = performance.now() + turnMs;
    let bytes = 0;
    let count = 0;
    // The queue may grow meanwhile: handlers publish.
    for (const { listener, message } of queue) {
      if (bytes >= turnBytes || performance.now() >= endsAt) break;
      bytes += message.payload.length + messageOverhead;
      count += 1;
      if (!listener.isClosed) listener.receive(message);
    }
    queue.splice(0, count);
    this.#queuedBytes -= bytes;
    this.#turn = this.#queue.length > 0 ? setImmediate(this.#deliver) : undefined;
  };

  #exactOf(name: string): Set<Listener> {
    const known = this.#exact.get(name) ?? new Set();
    this.#exact.set(name, known);
    return known;
  }

  #checkOpen(): void {
    if (this.#isClosed)
      throw new GatewayError("bus_unavailable", "Expected an open memory bus, got a closed one");
  }
}
