// A page with Centrifugo's own client as it comes from npm: it comes back and recovers by itself, and says what it was told.

import { Centrifuge } from "centrifuge";
import { Notes } from "./client.ts";
import type { Blip, Client, ClientParts } from "./client.ts";
import { Relay } from "./relay.ts";

export class CentrifugeClient implements Client {
  readonly #rooms: readonly string[];
  readonly #notes: Notes;
  readonly #relay: Relay;
  readonly #centrifuge: Centrifuge;
  readonly #joined = new Set<string>();
  /** The place of each room in its life, and the life's name. */
  readonly #epochs = new Map<string, string>();
  #isConnected = false;
  #isTwice = false;

  private constructor(parts: ClientParts, relay: Relay) {
    this.#rooms = parts.rooms;
    this.#notes = new Notes(parts);
    this.#relay = relay;
    this.#centrifuge = new Centrifuge(`ws://${relay.host}/connection/websocket`, {
      minReconnectDelay: 100,
      maxReconnectDelay: 400,
      timeout: 4_000,
    });
    this.#listen();
    for (const room of this.#rooms) this.#subscribe(room);
    this.#centrifuge.connect();
  }

  static async start(parts: ClientParts): Promise<CentrifugeClient> {
    return new CentrifugeClient(parts, await Relay.start(parts.place));
  }

  get isConnected(): boolean {
    return this.#joined.size === this.#rooms.length;
  }

  blip(kind: Blip, awayMs: number, isTwice: boolean): void {
    if (!this.#isConnected) return;
    this.#isTwice = isTwice;
    this.#relay.blip(kind, awayMs);
  }

  stop(): void {
    this.#centrifuge.removeAllListeners();
    this.#centrifuge.disconnect();
    this.#relay.stop();
  }

  #listen(): void {
    this.#centrifuge.on("connecting", () => {
      if (this.#isConnected) this.#notes.left();
      this.#isConnected = false;
      this.#joined.clear();
      this.#notes.coming();
    });
    this.#centrifuge.on("connected", () => {
      this.#isConnected = true;
      this.#notes.reached(this.#relay.place);
    });
  }

  #subscribe(room: string): void {
    const subscription = this.#centrifuge.newSubscription(room);
    subscription.on("subscribing", () => {
      this.#notes.coming();
    });
    subscription.on("subscribed", ({ wasRecovering, recovered, streamPosition }) => {
      if (streamPosition) this.#epochs.set(room, streamPosition.epoch);
      this.#joined.add(room);
      this.#notes.joined({ room, recovered: wasRecovering ? recovered : undefined }, undefined);
      if (!this.#isTwice) return;
      this.#isTwice = false;
      setTimeout(() => {
        this.#relay.blip("reset", 20);
      }, 20);
    });
    subscription.on("publication", ({ data, offset }) => {
      const { id } = data as { readonly id: string };
      this.#notes.heard({ room, id, at: `${this.#epochs.get(room)}:${offset}` });
    });
    subscription.subscribe();
  }
}
