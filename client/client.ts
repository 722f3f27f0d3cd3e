// The client of the native dialect for browsers, Bun and Node: rooms that it comes back to with their positions, a promise
// for each command, listeners typed by a map of the user's own. README.md says how it is used.

import { Commands } from "./commands.ts";
import { Failure, ownFailure } from "./failure.ts";
import { Line } from "./line.ts";
import type { State } from "./line.ts";
import type { EventSourceClass, Transport, WebSocketClass } from "./link.ts";
import { Listeners } from "./listeners.ts";
import type {
  Answer,
  Command,
  HistoryAnswer,
  HistoryRange,
  JoinedMessage,
  LossReason,
  Notice,
  PresenceNotice,
  WirePublication,
} from "./messages.ts";
import { base64Of, readPublication } from "./publication.ts";
import type { Publication } from "./publication.ts";
import { Rooms } from "./rooms.ts";
import type { Joined } from "./rooms.ts";

export type { Failure, FailureCode } from "./failure.ts";
export type { EventSourceClass, Transport, WebSocketClass } from "./link.ts";
export type {
  ErrorCode,
  HistoryRange,
  LossReason,
  PresenceChangeMessage,
  PresenceFailedMessage,
  PresenceMessage,
  PresenceNotice,
  PresentUser,
} from "./messages.ts";
export type { Publication } from "./publication.ts";
export type { Joined } from "./rooms.ts";
export type { State } from "./line.ts";

export interface ClientOptions {
  /** Where the runtime has none of its own (Node 20): that of the package `ws`. */
  readonly WebSocket?: WebSocketClass;
  /** For networks that block websockets, where the runtime has none of its own. */
  readonly EventSource?: EventSourceClass;
  /** Only this one, instead of websockets and, where they are blocked, event streams. */
  readonly transport?: Transport;
  /**
   * Gives a token that says who the client is (docs/auth.md): asked for at each connection, and before the last one expires. Event
   * streams cannot show one, and are not used then.
   */
  readonly token?: () => string | Promise<string>;
  /** A command is answered within this time, or fails, ms. @default 10_000 // 10 s */
  readonly timeoutMs?: number;
  /** The longest wait between two attempts, ms. @default 30_000 // 30 s */
  readonly maxDelayMs?: number;
}

/** What a page may want to know about its connection. */
export interface Happenings {
  readonly state: { readonly state: State; readonly transport: Transport | undefined };
  /** The client came back to the room, and what it missed follows, so many publications: nothing is missing. */
  readonly recovered: { readonly room: string; readonly missed: number };
  /** Publications may be missing in these rooms: ask your application. `no_position`: nothing was kept there. */
  readonly gap: { readonly rooms: readonly string[]; readonly reason: LossReason | "no_position" };
  /**
   * The client is not in the room any more: it came back, and may not join it now. Without a room: its token was refused; it
   * comes back by itself where `error.retry` says so.
   */
  readonly refused: { readonly room: string | undefined; readonly error: Failure };
  /** A message that the client itself does not need: presence.ts does. */
  readonly notice: PresenceNotice;
}

export interface History {
  /** Oldest first with `since`, newest first otherwise. */
  readonly publications: readonly Publication[];
  /** The room's position now. */
  readonly at: string;
  /** Are there further ones in that direction? */
  readonly hasMore: boolean;
}

/** A room that can be joined later is asked for again within this time, ms. */
const rejoinMs = 10_000;
/** A fresh token is asked for so long after the last one, for each second of its life, ms. */
const renewAtMs = 900;
/** Timers cannot be longer, ms. */
const maxTimerMs = 2e9;

/** Connects at once. @param url of the gateway's native path, relative to the page in browsers. @default "/connect" */
export function connect<Events extends object = Record<string, unknown>>(
  url = "/connect",
  options: ClientOptions = {},
): Client<Events> {
  return new Client<Events>(url, options);
}

export class Client<Events extends object = Record<string, unknown>> {
  readonly #url: string;
  readonly #rooms = new Rooms();
  readonly #commands: Commands;
  readonly #events = new Listeners<Record<string, Publication>>();
  readonly #happenings = new Listeners<Happenings & { readonly publication: Publication }>();
  readonly #line: Line;
  readonly #token: ClientOptions["token"];
  #renewal: ReturnType<typeof setTimeout> | undefined;
  /** Rooms of this connection whose answer is not there yet. */
  readonly #asked = new Set<string>();
  /** Changes with each connection. */
  #connection = {};
  #isReady = false;
  #isRenewing = false;
  #state: State = "disconnected";
  #transport: Transport | undefined;

  constructor(url: string, options: ClientOptions) {
    const { transport, token, timeoutMs = 10_000, maxDelayMs = 30_000 } = options;
    this.#token = token;
    this.#url = new URL(url, (globalThis as { readonly location?: Location }).location?.href).href;
    this.#commands = new Commands(timeoutMs);
    const own = globalThis as Pick<ClientOptions, "WebSocket" | "EventSource">;
    const socket = transport === "stream" ? undefined : (options.WebSocket ?? own.WebSocket);
    const stream = token || transport === "websocket" ? undefined : (options.EventSource ?? own.EventSource);
    if (!socket && !stream) throw new TypeError("Expected options.WebSocket");
    const line = {
      socketUrl: this.#url.replace(/^http/, "ws"),
      WebSocket: socket,
      EventSource: stream,
      maxDelayMs,
    };
    this.#line = new Line(line, {
      streamUrl: (cursor) => this.#streamUrl(cursor),
      opened: () => {
        this.#opened();
      },
      heard: (text) => {
        this.#heard(text);
      },
      ended: (isFinal) => {
        this.#ended(isFinal);
      },
      changed: (state, by) => {
        this.#changed(state, by);
      },
      ping: () => {
        void this.#commands.give({ type: "ping" }, this.#line.send).catch(ignore);
      },
    });
    this.connect();
  }

  get state(): State {
    return this.#state;
  }

  /** Connects again after `disconnect()`, or after the gateway's order not to come back. */
  connect(): void {
    this.#line.start();
  }

  /** Ends the connection; rooms and positions stay for `connect()`. */
  disconnect(): void {
    this.#line.stop();
  }

  /**
   * Joins a room, now and after each reconnect, until `leave`. It waits for a connection as long as it takes; after `disconnect()` it
   * fails as `closed`.
   * @param more `at`: the position of an earlier page; what was missed since then comes first, or `recovered` is false.
   */
  async join(room: string, more: { readonly secret?: string; readonly at?: string } = {}): Promise<Joined> {
    if (this.#state === "disconnected") throw ownFailure("closed");
    const wanted = this.#rooms.want(room, more);
    if (wanted.hasJoined && !this.#asked.has(room) && this.#line.transport) return { room, at: wanted.at };
    const joined = new Promise<Joined>((resolve, reject) => wanted.waiters.push({ resolve, reject }));
    if (this.#canAsk(room)) this.#ask(room);
    else this.#renew();
    return joined;
  }

  async leave(room: string): Promise<void> {
    this.#rooms.refused(room, ownFailure("left"));
    if (!this.#rooms.all.delete(room)) return;
    this.#answeredFor(room);
    this.#renew();
    if (this.#line.transport !== "websocket") return;
    // A connection that breaks leaves too.
    await new Promise((resolve) =>
      this.#commands.ask({ type: "leave", room }, this.#line.send, { resolve, reject: resolve }),
    );
  }

  /** @returns the position in the room's log, where it keeps one. Clients may publish where a rule says `publish: members`. */
  async publish<Name extends keyof Events & string>(
    room: string,
    event: Name,
    data: Events[Name],
  ): Promise<string | undefined> {
    return (await this.#command({ type: "publish", room, event, data: data ?? null })).at;
  }

  /** Bytes without an event's name. */
  async publishBytes(room: string, bytes: Uint8Array): Promise<string | undefined> {
    return (await this.#command({ type: "publish", room, binary: base64Of(bytes) })).at;
  }

  /** Reads the log of a room that has one. */
  async history(room: string, range: HistoryRange = {}): Promise<History> {
    const page = await this.#command({ type: "history", room, ...range });
    const { publications, at, more } = page as HistoryAnswer;
    return { publications: publications.map(readPublication), at, hasMore: more };
  }

  /** Listens to an event, in all rooms. @returns what stops it. */
  on<Name extends keyof Events & string>(
    event: Name,
    listener: (data: Events[Name], publication: Publication<Events[Name]>) => void,
  ): () => void {
    return this.#events.add(event, (publication) => {
      const typed = publication as Publication<Events[Name]>;
      listener(typed.data, typed);
    });
  }

  /** Listens to every publication, also to payloads without an event. @returns what stops it. */
  onPublication(listener: (publication: Publication) => void): () => void {
    return this.#happenings.add("publication", listener);
  }

  /** Listens to what becomes of the connection. @returns what stops it. */
  watch<Name extends keyof Happenings>(
    name: Name,
    listener: (happening: Happenings[Name]) => void,
  ): () => void {
    return this.#happenings.add(name, listener);
  }

  /** Asks who is in a room that the client joined; `notice` tells it (presence.ts). */
  async presence(room: string): Promise<void> {
    if (this.#rooms.all.has(room)) await this.#command({ type: "join", room, presence: true });
  }

  /** Where this client stands in a room: what a later page shows as `at`. */
  position(room: string): string | undefined {
    return this.#rooms.all.get(room)?.at;
  }

  #streamUrl(cursor: string): string | undefined {
    const url = new URL(this.#url.replace(/^ws/, "http"));
    for (const [name, { at = "" }] of this.#rooms.all) {
      url.searchParams.append("room", name);
      url.searchParams.append("at", at);
    }
    if (cursor !== "") url.searchParams.set("cursor", cursor);
    return this.#rooms.all.size > 0 ? url.href : undefined;
  }

  async #command(command: Command): Promise<Answer> {
    if (this.#state === "disconnected") throw ownFailure("closed");
    if (this.#isReady && this.#line.transport === "stream") throw ownFailure("no_websocket");
    return this.#commands.give(command, this.#isReady ? this.#line.send : undefined);
  }

  #opened(): void {
    if (this.#token) void this.#showToken(this.#token, this.#connection);
    else this.#enter();
  }

  /** Rooms are joined once it was taken: with a wrong one the client is not somebody else. */
  async #showToken(give: NonNullable<ClientOptions["token"]>, connection: object): Promise<void> {
    try {
      const token = await give();
      if (connection !== this.#connection) return;
      const { seconds } = await this.#commands.give({ type: "token", token }, this.#line.send);
      if (seconds)
        this.#renewal = setTimeout(
          () => void this.#showToken(give, connection),
          Math.min(seconds * renewAtMs, maxTimerMs),
        );
      if (!this.#line.transport) this.#enter();
    } catch (error) {
      if (connection !== this.#connection) return;
      this.#happenings.tell("refused", { room: undefined, error: error as Failure });
      // The application's own errors say nothing of it.
      this.#line.ended((error as Partial<Failure>).retry === false ? "refused" : "lost");
    }
  }

  #enter(): void {
    this.#line.accepted();
    for (const name of this.#rooms.all.keys()) {
      if (this.#line.transport === "websocket") this.#ask(name);
      else this.#asked.add(name);
    }
    this.#settle();
  }

  #canAsk(name: string): boolean {
    return this.#line.transport === "websocket" && !this.#asked.has(name);
  }

  #ask(name: string): void {
    this.#asked.add(name);
    const room = this.#rooms.want(name, {});
    const { secret, at } = room;
    // Between `leave` and the next `join` of a room the answer to an earlier one may come.
    const isMeant = (): boolean => this.#rooms.all.get(name) === room;
    this.#commands.ask({ type: "join", room: name, secret, at }, this.#line.send, {
      resolve: (answer) => {
        if (isMeant()) this.#joined(answer as JoinedMessage);
      },
      reject: (failure) => {
        if (isMeant()) this.#notJoined(name, failure);
      },
    });
  }

  /** Publishing waits for the rooms. */
  #settle(): void {
    if (this.#isReady || this.#asked.size > 0) return;
    this.#isReady = true;
    if (this.#line.transport === "websocket") this.#commands.flush(this.#line.send);
    else this.#commands.fail("no_websocket");
    this.#line.settled();
  }

  #answeredFor(name: string): void {
    if (this.#asked.delete(name) && this.#line.transport) this.#settle();
  }

  #heard(text: string): void {
    const message = JSON.parse(text) as Notice | Answer;
    if ("id" in message) this.#commands.answered(message);
    else this.#noticed(message);
  }

  #noticed(notice: Notice): void {
    switch (notice.type) {
      case undefined:
        if (notice.room !== undefined) this.#received(notice);
        return;
      case "joined":
        this.#joined(notice);
        return;
      case "refused":
        this.#notJoined(notice.room, new Failure(notice.error));
        return;
      case "at":
        this.#rooms.moved(notice.at, this.#asked);
        return;
      case "gap":
        this.#happenings.tell("gap", {
          rooms: this.#rooms.lost(notice, this.#asked),
          reason: "gap",
        });
        return;
      default:
        this.#happenings.tell("notice", notice satisfies never);
    }
  }

  #received(wire: WirePublication): void {
    this.#rooms.received(wire);
    const publication = readPublication(wire);
    if (publication.event !== undefined) this.#events.tell(publication.event, publication);
    this.#happenings.tell("publication", publication);
  }

  #joined(message: JoinedMessage): void {
    const { room, recovered, missed = 0, reason = "no_position" } = message;
    if (this.#rooms.joined(message)) {
      if (recovered) this.#happenings.tell("recovered", { room, missed });
      else this.#happenings.tell("gap", { rooms: [room], reason });
    }
    this.#answeredFor(room);
  }

  #notJoined(name: string, failure: Failure): void {
    const room = this.#rooms.all.get(name);
    if (!room || failure.code === "connection_lost") return;
    if (room.hasJoined && failure.retry) this.#askLater(name);
    else {
      this.#rooms.refused(name, failure);
      this.#rooms.all.delete(name);
      if (room.hasJoined) this.#happenings.tell("refused", { room: name, error: failure });
    }
    this.#answeredFor(name);
  }

  #askLater(name: string): void {
    setTimeout(
      () => {
        if (this.#canAsk(name) && this.#rooms.all.has(name)) this.#ask(name);
      },
      rejoinMs * (0.5 + Math.random() / 2),
    );
  }

  /** Several joins in one turn are one stream. */
  #renew(): void {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    queueMicrotask(() => {
      this.#isRenewing = false;
      this.#line.renew();
    });
  }

  #ended(isFinal: boolean): void {
    clearTimeout(this.#renewal);
    this.#connection = {};
    this.#isReady = false;
    this.#asked.clear();
    this.#commands.fail("connection_lost");
    if (!isFinal) return;
    this.#commands.fail("closed");
    for (const name of this.#rooms.all.keys()) this.#rooms.refused(name, ownFailure("closed"));
  }

  #changed(state: State, transport?: Transport): void {
    if (state === this.#state && transport === this.#transport) return;
    this.#state = state;
    this.#transport = transport;
    this.#happenings.tell("state", { state, transport });
  }
}

const ignore = (): void => undefined;
