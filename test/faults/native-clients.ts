// The clients of a run that speak the native dialect: plain websockets and event streams, as a page would write them. They
// keep their positions and come back to any gateway.

import { EventStreamClient } from "../support/event-stream.ts";
import { Notes, abandonedMs } from "./client.ts";
import type { Blip, Client, ClientParts } from "./client.ts";
import { isLogRoom } from "./system.ts";

interface Message {
  readonly type?: string;
  readonly room?: string;
  readonly rooms?: readonly string[];
  readonly at?: string;
  readonly recovered?: boolean;
  readonly reason?: string;
  readonly data?: { readonly id?: unknown };
  readonly error?: unknown;
}

const connectMs = 4_000;

function read(text: string): Message {
  return JSON.parse(text) as Message;
}

function heardIn({ room = "", data, at }: Message) {
  return { room, id: String(data?.id), at };
}

/** Of Bun: ends the connection without a close frame. */
interface Terminable extends WebSocket {
  terminate(): void;
}

export class SocketClient implements Client {
  readonly #parts: ClientParts;
  readonly #notes: Notes;
  readonly #positions = new Map<string, string>();
  /** Shown on this connection. */
  #shown = new Map<string, string>();
  #socket: Terminable | undefined;
  #joined = 0;
  #isTwice = false;
  #isStopped = false;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#notes = new Notes(parts);
    this.#connect();
  }

  get isConnected(): boolean {
    return this.#joined === this.#parts.rooms.length;
  }

  blip(kind: Blip, awayMs: number, isTwice: boolean): void {
    const socket = this.#socket;
    if (!socket) return;
    this.#isTwice = isTwice;
    this.#lost(awayMs);
    if (kind === "close") socket.close();
    else if (kind === "reset") socket.terminate();
    else setTimeout(() => socket.terminate(), abandonedMs).unref();
  }

  stop(): void {
    this.#isStopped = true;
    this.#socket?.terminate();
    this.#socket = undefined;
  }

  #connect(): void {
    if (this.#isStopped) return;
    const place = this.#parts.place();
    this.#notes.coming();
    this.#notes.reached(place);
    const socket = new WebSocket(`${place.url.replace("http", "ws")}/connect`) as Terminable;
    this.#socket = socket;
    const isMine = (): boolean => this.#socket === socket;
    // A gateway that accepts and says nothing.
    const timer = setTimeout(() => {
      if (isMine() && !this.isConnected) this.blip("reset", 100, false);
    }, connectMs);
    socket.addEventListener("open", () => {
      if (isMine()) this.#join(socket);
    });
    socket.addEventListener("message", ({ data }) => {
      if (isMine()) this.#take(read(String(data)));
    });
    const over = (): void => {
      clearTimeout(timer);
      if (isMine()) this.#lost(50 + this.#parts.random.below(400));
    };
    socket.addEventListener("close", over);
    socket.addEventListener("error", over);
  }

  #join(socket: WebSocket): void {
    this.#shown = new Map(this.#positions);
    for (const [index, room] of this.#parts.rooms.entries()) {
      const at = this.#positions.get(room);
      socket.send(JSON.stringify({ id: index, type: "join", room, ...(at === undefined ? {} : { at }) }));
    }
  }

  #lost(awayMs: number): void {
    if (!this.#socket) return;
    this.#socket = undefined;
    this.#joined = 0;
    if (!this.#isStopped) this.#notes.left();
    setTimeout(() => {
      this.#connect();
    }, awayMs);
  }

  #take(message: Message): void {
    const { type, room = "", at } = message;
    if (type === undefined && message.error === undefined) {
      this.#notes.heard(heardIn(message));
      this.#move(room, at);
    } else if (type === "joined") this.#enter(message);
    else if (type === "gap") this.#gap(message);
    else if (type === "at") this.#moveShared(at);
  }

  #enter(message: Message): void {
    const { room = "", at, recovered } = message;
    this.#joined += 1;
    this.#notes.joined(message, this.#shown.get(room));
    // What was missed comes behind it, and moves the position itself.
    if (recovered !== true) this.#place(room, at);
    if (!this.#isTwice) return;
    this.#isTwice = false;
    this.blip("reset", 20, false);
  }

  #gap({ rooms, at }: Message): void {
    for (const room of rooms ??
      this.#parts.rooms.filter((one) => this.#positions.get(one)?.includes(":") !== true)) {
      this.#notes.gap(room);
      if (rooms === undefined) this.#place(room, at);
      else this.#move(room, at);
    }
  }

  #moveShared(at: string | undefined): void {
    for (const [room, position] of this.#positions) if (!position.includes(":")) this.#move(room, at);
  }

  #move(room: string, at: string | undefined): void {
    if (at !== undefined) this.#positions.set(room, at);
  }

  #place(room: string, at: string | undefined): void {
    if (at === undefined) this.#positions.delete(room);
    else this.#positions.set(room, at);
  }
}

export class StreamClient implements Client {
  readonly #parts: ClientParts;
  readonly #notes: Notes;
  #cursor = "";
  #stream: EventStreamClient | undefined;
  /** Of connections: what an earlier one has to say is no longer listened to. */
  #turn = 0;
  #joined = 0;
  #isTwice = false;
  #isStopped = false;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#notes = new Notes(parts);
    void this.#connect();
  }

  get isConnected(): boolean {
    return this.#joined === this.#parts.rooms.length;
  }

  blip(kind: Blip, awayMs: number, isTwice: boolean): void {
    const stream = this.#stream;
    if (!stream) return;
    this.#isTwice = isTwice;
    this.#lost(awayMs);
    if (kind === "abandon") setTimeout(() => stream[Symbol.dispose](), abandonedMs).unref();
    else stream[Symbol.dispose]();
  }

  stop(): void {
    this.#isStopped = true;
    this.#turn += 1;
    this.#stream?.[Symbol.dispose]();
  }

  #lost(awayMs: number): void {
    this.#stream = undefined;
    this.#turn += 1;
    this.#joined = 0;
    if (!this.#isStopped) this.#notes.left();
    setTimeout(() => {
      void this.#connect();
    }, awayMs);
  }

  async #connect(): Promise<void> {
    if (this.#isStopped) return;
    this.#turn += 1;
    const turn = this.#turn;
    const { rooms, place } = this.#parts;
    const gateway = place();
    this.#notes.coming();
    this.#notes.reached(gateway);
    const query = rooms.map((room) => `room=${encodeURIComponent(room)}`).join("&");
    const cursor = this.#cursor;
    try {
      const headers: Record<string, string> = cursor === "" ? {} : { "last-event-id": cursor };
      const stream = await EventStreamClient.open(`${gateway.url}/connect?${query}`, headers);
      if (turn !== this.#turn) {
        stream[Symbol.dispose]();
        return;
      }
      this.#stream = stream;
      for (;;) {
        const { data, lastEventId } = await stream.next();
        if (turn !== this.#turn) return;
        this.#take(read(data), cursor);
        this.#cursor = lastEventId;
      }
    } catch {
      // Refused, cut or ended: it comes back.
      if (turn === this.#turn) this.#lost(50 + this.#parts.random.below(400));
    }
  }

  #take(message: Message, cursor: string): void {
    const { type, rooms } = message;
    if (type === undefined) this.#notes.heard(heardIn(message));
    else if (type === "joined") this.#enter(message, cursor);
    else if (type === "gap") for (const room of rooms ?? this.#shared()) this.#notes.gap(room);
  }

  /** Rooms without a log. */
  #shared(): readonly string[] {
    return this.#parts.rooms.filter((room) => !isLogRoom(room));
  }

  #enter(message: Message, cursor: string): void {
    this.#joined += 1;
    this.#notes.joined(message, cursor === "" ? undefined : cursor);
    if (!this.#isTwice) return;
    this.#isTwice = false;
    // In the midst of what it is told: the next event is not heard.
    queueMicrotask(() => {
      this.blip("reset", 20, false);
    });
  }
}
