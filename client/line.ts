// Keeps one connection to the gateway: by websocket, or by event stream where websockets do not come through; after an end
// it comes back with a delay that grows and is random. What is said on it is the client's matter (client.ts).

import { openSocket, openStream } from "./link.ts";
import type { EventSourceClass, Link, LinkListener, Transport, WebSocketClass } from "./link.ts";
import { onWake } from "./wakes.ts";

export type State = "connecting" | "connected" | "waiting" | "disconnected";

export interface LineOptions {
  readonly WebSocket: WebSocketClass | undefined;
  readonly EventSource: EventSourceClass | undefined;
  readonly maxDelayMs: number;
}

export interface LineUser {
  /** @returns undefined: there is nothing to listen to by it. */
  url(transport: Transport, cursor: string): string | undefined;
  opened(): void;
  heard(text: string): void;
  /** @param isFinal the gateway said not to come back. */
  ended(isFinal: boolean): void;
  changed(state: State, transport: Transport | undefined): void;
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
    this.#stopWakes = onWake((reason) => {
      this.#wake(reason);
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
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#drop();
    this.#user.changed("disconnected", undefined);
  }

  readonly send = (text: string): void => {
    this.#link?.send(text);
  };

  /** The rooms changed: a stream is asked for anew, where they were heard until now is known. */
  renew(): void {
    const isWaiting = !this.#stopWakes || this.#retry !== undefined;
    if (!isWaiting && this.#link?.transport !== "websocket") this.#dial();
  }

  /** The rooms are joined. */
  settled(): void {
    this.#user.changed("connected", this.transport);
  }

  #drop(): void {
    if (this.#link?.cursor) this.#cursor = this.#link.cursor;
    this.#link?.close();
    this.#probe?.close();
    this.#link = undefined;
    this.#probe = undefined;
    this.#isOpen = false;
  }

  #dial(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#drop();
    const { WebSocket, EventSource } = this.#options;
    const url = this.#next === "stream" ? this.#user.url("stream", this.#cursor) : undefined;
    this.#user.changed("connecting", undefined);
    // A stream of no rooms is none.
    if (EventSource && url !== undefined) this.#link = openStream(EventSource, url, this.#listener());
    else if (WebSocket) this.#link = this.#dialSocket(WebSocket, this.#listener());
  }

  #dialSocket(socketClass: WebSocketClass, listener: LinkListener): Link {
    return openSocket(socketClass, this.#user.url("websocket", "") ?? "", listener);
  }

  #listener(): LinkListener {
    return {
      opened: () => {
        this.#opened();
      },
      lapsed: () => {
        this.#isOpen = false;
        this.#user.ended(false);
        this.#user.changed("waiting", undefined);
      },
      heard: (text) => {
        this.#heardAt = Date.now();
        this.#askedAt = 0;
        this.#user.heard(text);
      },
      ended: (end) => {
        this.#ended(end);
      },
    };
  }

  #opened(): void {
    this.#isOpen = true;
    this.#openedAt = this.#heardAt = Date.now();
    this.#askedAt = 0;
    this.#user.opened();
    if (this.#link?.transport === "stream") this.#tryWebsocket();
  }

  /** A stream came through. Was it the websocket's way that is blocked, or was the gateway gone a moment ago? */
  #tryWebsocket(): void {
    const { WebSocket } = this.#options;
    if (!WebSocket) return;
    this.#probe?.close();
    const probe = this.#dialSocket(WebSocket, {
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
        if (this.#link === probe) this.#ended(end);
      },
    });
    this.#probe = probe;
  }

  #ended({ mayReturn, isShutdown }: Parameters<LinkListener["ended"]>[0]): void {
    const hasOpened = this.#isOpen;
    const wasSocket = this.#link?.transport === "websocket";
    this.#drop();
    this.#user.ended(!mayReturn);
    if (!mayReturn) {
      this.stop();
      return;
    }
    if (hasOpened && Date.now() - this.#openedAt > goodMs) this.#failures = 0;
    if (!hasOpened) this.#next = wasSocket && this.#options.EventSource ? "stream" : "websocket";
    if (!this.#options.WebSocket) this.#next = "stream";
    const isOtherWayOpen = !hasOpened && wasSocket && this.#user.url("stream", "") !== undefined;
    if (isOtherWayOpen && this.#options.EventSource) this.#dial();
    else this.#wait(isShutdown);
  }

  #wait(isShutdown: boolean): void {
    const longest = Math.min(this.#options.maxDelayMs, firstDelayMs * 2 ** this.#failures++);
    const delay = isShutdown ? shutdownSpreadMs * Math.random() : longest * (0.5 + Math.random() / 2);
    this.#user.changed("waiting", undefined);
    this.#retry = setTimeout(() => {
      this.#dial();
    }, delay);
  }

  #wake(reason: "visible" | "online"): void {
    if (!this.#link || (reason === "online" && this.#link.transport === "stream")) this.#dial();
    else this.#lookAlive(0);
  }

  /** Browsers do not tell of a line that is silent for good. */
  #lookAlive(longestMs: number): void {
    if (this.transport !== "websocket") return;
    const now = Date.now();
    if (this.#askedAt > 0 && now - this.#askedAt >= pongMs)
      this.#ended({ mayReturn: true, isShutdown: false });
    else if (this.#askedAt === 0 && now - this.#heardAt >= longestMs) {
      this.#askedAt = now;
      this.#user.ping();
    }
  }
}
