// A page with an EventSource for each room, as Nchan's documentation has it: it shows the id of its last message when it comes
// back, and takes the answer for whole, because Nchan says nothing else.

import { EventStreamClient } from "../support/event-stream.ts";
import { Notes } from "./client.ts";
import type { Blip, Client, ClientParts } from "./client.ts";
import { Relay } from "./relay.ts";

export class NchanClient implements Client {
  readonly #parts: ClientParts;
  readonly #relay: Relay;
  readonly #cursors = new Map<string, string>();
  readonly #streams = new Map<string, EventStreamClient>();
  #isTwice = false;
  #isStopped = false;

  private constructor(parts: ClientParts, relay: Relay) {
    this.#parts = parts;
    this.#relay = relay;
    for (const room of parts.rooms) void this.#follow(room);
  }

  static async start(parts: ClientParts): Promise<NchanClient> {
    return new NchanClient(parts, await Relay.start(parts.place));
  }

  get isConnected(): boolean {
    return this.#streams.size === this.#parts.rooms.length;
  }

  blip(kind: Blip, awayMs: number, isTwice: boolean): void {
    if (this.#streams.size === 0) return;
    this.#isTwice = isTwice;
    this.#relay.blip(kind, awayMs);
  }

  stop(): void {
    this.#isStopped = true;
    for (const stream of this.#streams.values()) stream[Symbol.dispose]();
    this.#relay.stop();
  }

  /** Connections of their own: to the oracle each is a client. */
  async #follow(room: string): Promise<void> {
    const notes = new Notes({ ...this.#parts, name: `${this.#parts.name} ${room}` });
    while (!this.#isStopped) {
      notes.coming();
      // Refused, cut or ended: it comes back.
      await this.#stream(room, notes).catch(() => undefined);
      if (this.#streams.delete(room)) notes.left();
      await Bun.sleep(50 + this.#parts.random.below(400));
    }
  }

  async #stream(room: string, notes: Notes): Promise<void> {
    const cursor = this.#cursors.get(room);
    const headers: Record<string, string> = cursor === undefined ? {} : { "last-event-id": cursor };
    const stream = await EventStreamClient.open(`http://${this.#relay.host}/sub?id=${room}`, headers);
    notes.reached(this.#relay.place);
    this.#streams.set(room, stream);
    if (cursor !== undefined) notes.joined({ room, recovered: true }, cursor);
    if (this.#isTwice) setTimeout(() => this.#relay.blip("reset", 20), 20);
    this.#isTwice = false;
    // The head of the answer comes before Redis was asked: a first time in a room begins with its first message.
    let isFirst = cursor === undefined;
    for (;;) {
      const { data, lastEventId } = await stream.next();
      if (isFirst) notes.joined({ room }, undefined);
      isFirst = false;
      if (lastEventId !== "") this.#cursors.set(room, lastEventId);
      const { id } = JSON.parse(data) as { readonly id: string };
      notes.heard({ room, id, at: undefined });
    }
  }
}
