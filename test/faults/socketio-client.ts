// A page with socket.io-client as it comes from npm: it comes back by itself, and joins its rooms again unless its connection
// was recovered with them. Without recovery each way back is a loss that it knows of.

import { type Socket, io } from "socket.io-client";
import { Notes } from "./client.ts";
import type { Blip, Client, ClientParts, Verdict } from "./client.ts";
import type { RecoverySource } from "./history.ts";
import { Relay } from "./relay.ts";

export class SocketIoClient implements Client {
  readonly #rooms: readonly string[];
  readonly #source: RecoverySource | undefined;
  readonly #notes: Notes;
  readonly #relay: Relay;
  readonly #socket: Socket;
  readonly #in = new Set<string>();
  /** Joins of this session that were acknowledged: the others may never have come to a gateway. */
  readonly #answered = new Set<string>();
  /** As the library has it: the last argument of an event, where that is text. */
  #offset: string | undefined;
  /** What it showed when it came the last time. */
  #shown: string | undefined;
  #isTwice = false;
  /** It is connected, as a page is told. */
  #isTold = false;

  private constructor(parts: ClientParts, relay: Relay, source: RecoverySource | undefined) {
    this.#rooms = parts.rooms;
    this.#source = source;
    this.#notes = new Notes(parts);
    this.#relay = relay;
    this.#socket = io(`http://${relay.host}`, {
      transports: ["websocket"],
      forceNew: true,
      reconnectionDelay: 100,
      reconnectionDelayMax: 400,
      timeout: 4_000,
    });
    this.#listen();
  }

  /** @param source `nothing`: connection state recovery is off. */
  static async start(parts: ClientParts, source?: RecoverySource): Promise<SocketIoClient> {
    return new SocketIoClient(parts, await Relay.start(parts.place), source);
  }

  get isConnected(): boolean {
    return this.#in.size === this.#rooms.length;
  }

  blip(kind: Blip, awayMs: number, isTwice: boolean): void {
    if (!this.#socket.connected) return;
    this.#isTwice = isTwice;
    this.#relay.blip(kind, awayMs);
  }

  stop(): void {
    this.#socket.off().offAny().disconnect();
    this.#relay.stop();
  }

  #listen(): void {
    this.#notes.coming();
    this.#socket.io.on("reconnect_attempt", () => {
      this.#shown = this.#offset;
      this.#notes.coming();
    });
    this.#socket.on("connect", () => {
      this.#isTold = true;
      this.#notes.reached(this.#relay.place);
      if (!this.#socket.recovered) this.#answered.clear();
      for (const room of this.#rooms) {
        if (this.#answered.has(room)) this.#enter(room, true);
        else this.#join(room);
      }
    });
    this.#socket.on("disconnect", () => {
      // Raised also for a connection that was lost before the page was told anything.
      if (!this.#isTold) return;
      this.#isTold = false;
      for (const room of this.#rooms) if (!this.#in.has(room)) this.#notes.passed(this.#verdictOf(room));
      this.#in.clear();
      this.#notes.left();
    });
    this.#socket.onAny((_event: string, data: unknown, offset: unknown) => {
      if (typeof offset === "string") this.#offset = offset;
      const id = idIn(data);
      // The id of a publication begins with its room.
      this.#notes.heard({ room: id.slice(0, id.lastIndexOf("-")), id, at: undefined });
    });
  }

  #join(room: string): void {
    const { id } = this.#socket;
    this.#socket.emit("join", { room }, () => {
      if (id !== this.#socket.id) return;
      this.#answered.add(room);
      this.#enter(room, undefined);
    });
  }

  #enter(room: string, recovered: true | undefined): void {
    this.#in.add(room);
    this.#notes.joined({ ...this.#verdictOf(room), recovered }, this.#shown);
    if (!this.#isTwice) return;
    this.#isTwice = false;
    setTimeout(() => {
      this.#relay.blip("reset", 20);
    }, 20);
  }

  #verdictOf(room: string): Verdict {
    return { room, source: this.#source, isPlaceless: this.#shown === undefined };
  }
}

/** A bare payload is text to a page, data of an event is data. */
function idIn(data: unknown): string {
  return ((typeof data === "string" ? JSON.parse(data) : data) as { readonly id: string }).id;
}
