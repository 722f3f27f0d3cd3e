// One client of the native dialect on an event stream: it hears its rooms, and says nothing. First it hears what became of
// each room that it asked for.

import type { CloseCause, Stream, StreamHandler } from "../../core/carrier.ts";
import type { BrowserContext, Closable } from "../../core/dialect.ts";
import type { DisconnectReason } from "../../core/reasons.ts";
import { Connection } from "../../core/membership.ts";
import type { Agent, Format } from "../../core/membership.ts";
import { eventOf } from "./format.ts";
import { dialectName, joinedMessage } from "./packet.ts";

/** What all streams of one gateway share. */
export interface NativeStreams {
  readonly context: BrowserContext;
  readonly format: Format;
  /** Everyone who is connected by one. */
  readonly listeners: Set<Listener>;
  /** A stream says something this often, ms. */
  readonly heartbeatMs: number;
}

export interface ListenerParts {
  /** Those that it may join, by its name or by what it shows. */
  readonly rooms: readonly string[];
  /** Events about the other rooms, as they go out. */
  readonly refusals: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly release: () => void;
}

/** A comment keeps proxies awake, and tells a browser nothing. */
const comment = ":\n\n";

/** Streams that were cut together come back spread over this time, ms. */
const [soonestMs, latestMs] = [1_000, 4_000];

export class Listener implements StreamHandler, Agent, Closable {
  readonly headers: Readonly<Record<string, string>>;
  readonly #streams: NativeStreams;
  readonly #release: () => void;
  #asked: Pick<ListenerParts, "rooms" | "refusals"> | undefined;
  #stream: Stream | undefined;
  #connection: Connection | undefined;
  #reason: DisconnectReason = "client";
  #nextBeat = 0;

  constructor(streams: NativeStreams, { rooms, refusals, headers, release }: ListenerParts) {
    this.#streams = streams;
    this.#asked = { rooms, refusals };
    this.headers = headers;
    this.#release = release;
  }

  open(stream: Stream): void {
    const { context, format, listeners, heartbeatMs } = this.#streams;
    this.#stream = stream;
    const connection = new Connection({
      namespace: "/",
      format,
      carrier: stream,
      agent: this,
      hearsEveryone: false,
    });
    this.#connection = connection;
    this.#nextBeat = context.now() + heartbeatMs;
    listeners.add(this);
    context.hub.enter(connection);
    context.observe.connected(dialectName, "stream");
    const { rooms = [], refusals = [] } = this.#asked ?? {};
    this.#asked = undefined;
    const retryMs = Math.round(soonestMs + Math.random() * (latestMs - soonestMs));
    const joined = rooms.map((room) => {
      context.hub.join(connection, room);
      return eventOf(joinedMessage({ room }), "joined");
    });
    stream.send([`retry: ${retryMs}\n${[...refusals, ...joined].join("")}`]);
  }

  closed(cause: CloseCause): void {
    const { context, listeners } = this.#streams;
    this.#release();
    this.#stream = undefined;
    if (!this.#connection) return;
    listeners.delete(this);
    context.hub.exit(this.#connection);
    this.#connection = undefined;
    context.observe.disconnected(dialectName, "stream", cause === "peer" ? this.#reason : cause);
  }

  close(reason: DisconnectReason): void {
    this.#reason = reason;
    this.#stream?.close();
  }

  disconnect(_closeClient: unknown, reason: DisconnectReason = "server"): void {
    this.close(reason);
  }

  /** A stream answers nothing: the publication is delivered, and no acknowledgement comes back. */
  request(publication: Parameters<Agent["request"]>[0]): void {
    this.#stream?.send(this.#streams.format.encode(publication, undefined));
  }

  tick(now: number): void {
    if (now < this.#nextBeat) return;
    this.#nextBeat = now + this.#streams.heartbeatMs;
    // One that does not read gets no more to read.
    if (this.#stream?.isWritable === true) this.#stream.send([comment]);
  }
}
