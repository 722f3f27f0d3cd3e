// Keeps one connection to the gateway: by websocket, or by event stream where websockets do not come through; after an end
// it comes back with a delay that grows and is random. What is said on it is the client's matter (client.ts).

import { openSocket, openStream } from "./link.ts";
import type { EventSourceClass, Link, LinkEnd, LinkListener, Transport, WebSocketClass } from "./link.ts";
import { onWake } from "./wakes.ts";

export type State = "connecting" | "connected" | "waiting" | "disconnected";

export interface LineOptions {
  readonly socketUrl: string;
  readonly WebSocket: WebSocketClass | undefined;
  readonly EventSource: EventSourceClass | undefined;
  readonly maxDelayMs: number;
}

export interface LineUser {
  /** Of the stream. @returns undefined: there is nothing to listen to by it. */
  streamUrl(cursor: string): string | undefined;
  /** It is open; the user says when it can be used (`accepted`). */
  opened(): void;
  heard(text: string): void;
  /** @param isFinal the gateway said not to come back. */
  ended(isFinal: boolean): void;
  changed(state: State, transport?: Transport): void;
  /** Says something that is answered. */
  ping(): void;
}

const firstDelayMs = 500;
/** The gateway stops: all its clients come back within this time, ms. */
const shutdownSpreadMs = 3_000;
/** A connection that lasted so long was a good one, ms. */
const goodMs = 5_000;
const checkEveryMs = 5_000;
/** Silence after which the client asks, and how long it waits then, ms. */
const quietMs = 30_000;
const pongMs = 5_000;

export class Line {
  readonly #options: LineOptions;
  readonly #user: LineUser;
  #link: Link | undefined;
  #isOpen = false;
  /** A websocket that is tried while a stream is open. */
  #probe: Link | undefined;
  #next: Transport;
  #cursor = "";
  #failures = 0;
  #openedAt = 0;
  #heardAt = 0;
  #askedAt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #check: ReturnType<typeof setInterval> | undefined;
  #stopWakes: (() => void) | undefined;

  constructor(options: LineOptions, user: LineUser) {
    this.#options = options;
    this.#user = user;
    this.#next = options.WebSocket ? "websocket" : "stream";
  }

  /** Undefined: it is not open. */
  get transport(): Transport | undefined {
    return this.#isOpen ? this.#link?.transport : undefined;
  }

  start(): void {
    if (this.#stopWakes) return;
    this.#stopWakes = onWake((isOnline) => {
      this.#wake(isOnline);
    });
    this.#check = setInterval(() => {
      this.#lookAlive(quietMs);
    }, checkEveryMs);
    this.#dial();
  }

  stop(): void {
    this.#stopWakes?.();
    this.#stopWakes = undefined;
    clearInterval(this.#check);
    this.#drop();
    this.#user.ended(true);
    this.#user.changed("disconnected");
  }

  readonly send = (text: string): void => {
    this.#link?.send(text);
  };

  /** The rooms changed: a stream is asked for anew, where they were heard until now is known. */
  renew(): void {
    // A stream that is waited for may lack nothing but its first room.
    const isWaiting = !this.#stopWakes || (this.#retry !== undefined && this.#next !== "stream");
    if (!isWaiting && this.#link?.transport !== "websocket") this.#dial();
  }

  /** The connection can be used. */
  accepted(): void {
    this.#isOpen = true;
    this.#openedAt = Date.now();
  }

  /** The rooms are joined. */
  settled(): void {
    this.#user.changed("connected", this.transport);
  }

  #drop(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    // Behind a websocket, each room knows where it stands.
    if (this.#link) this.#cursor = this.#link.cursor;
    this.#link?.close();
    this.#probe?.close();
    this.#link = undefined;
    this.#probe = undefined;
    this.#isOpen = false;
  }

  #dial(): void {
    this.#drop();
    const { WebSocket, EventSource, socketUrl } = this.#options;
    const url = this.#next === "stream" ? this.#user.streamUrl(this.#cursor) : undefined;
    this.#user.changed("connecting");
    // A stream of no rooms is none.
    if (EventSource && url !== undefined) this.#link = openStream(EventSource, url, this.#listener());
    else if (WebSocket) this.#link = openSocket(WebSocket, socketUrl, this.#listener());
  }

  #listener(): LinkListener {
    return {
      opened: () => {
        this.#opened();
      },
      lapsed: () => {
        this.#isOpen = false;
        this.#user.ended(false);
        this.#user.changed("waiting");
      },
      heard: (text) => {
        this.#heardAt = Date.now();
        this.#askedAt = 0;
        this.#user.heard(text);
      },
      ended: (end) => {
        this.ended(end);
      },
    };
  }

  #opened(): void {
    this.#heardAt = Date.now();
    this.#askedAt = 0;
    this.#user.opened();
    if (this.#link?.transport === "stream") this.#tryWebsocket();
  }

  /** A stream came through. Was it the websocket's way that is blocked, or was the gateway gone a moment ago? */
  #tryWebsocket(): void {
    const { WebSocket, socketUrl } = this.#options;
    if (!WebSocket) return;
    this.#probe?.close();
    const probe = openSocket(WebSocket, socketUrl, {
      ...this.#listener(),
      opened: () => {
        this.#probe = undefined;
        this.#drop();
        this.#user.ended(false);
        this.#link = probe;
        this.#next = "websocket";
        this.#opened();
      },
      ended: (end) => {
        if (this.#link === probe) this.ended(end);
      },
    });
    this.#probe = probe;
  }

  /** The connection is of no use, or is over. */
  ended(how: LinkEnd): void {
    if (how === "refused") {
      this.stop();
      return;
    }
    const hasOpened = this.#isOpen;
    const wasSocket = this.#link?.transport === "websocket";
    this.#drop();
    this.#user.ended(false);
    if (hasOpened && Date.now() - this.#openedAt > goodMs) this.#failures = 0;
    const { WebSocket, EventSource } = this.#options;
    const isBlocked = !hasOpened && wasSocket && EventSource;
    if (!hasOpened) this.#next = isBlocked || !WebSocket ? "stream" : "websocket";
    if (isBlocked && this.#user.streamUrl("") !== undefined) this.#dial();
    else this.#wait(how);
  }

  #wait(how: LinkEnd): void {
    const longest = Math.min(this.#options.maxDelayMs, firstDelayMs * 2 ** this.#failures++);
    const delay = how === "shutdown" ? shutdownSpreadMs * Math.random() : longest * (0.5 + Math.random() / 2);
    this.#user.changed("waiting");
    this.#retry = setTimeout(() => {
      this.#dial();
    }, delay);
  }

  /** @param isOnline the network came back: an event stream would notice late. */
  #wake(isOnline: boolean): void {
    if (!this.#link || (isOnline && this.#link.transport === "stream")) this.#dial();
    else this.#lookAlive(0);
  }

  /** Browsers do not tell of a line that is silent for good. */
  #lookAlive(longestMs: number): void {
    if (this.transport !== "websocket") return;
    const now = Date.now();
    if (this.#askedAt > 0 && now - this.#askedAt >= pongMs) this.ended("lost");
    else if (this.#askedAt === 0 && now - this.#heardAt >= longestMs) {
      this.#askedAt = now;
      this.#user.ping();
    }
  }
}
