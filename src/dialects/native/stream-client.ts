// One client of the native dialect on an event stream: it hears its rooms, and says nothing. First it hears what became of
// each room that it asked for.

import type { Closable, CloseCause, Stream, StreamHandler } from "../../server/socket.ts";
import type { BrowserContext } from "../dialect.ts";
import type { DisconnectReason } from "../../vocabulary/reasons.ts";
import { anonymous } from "../../core/identity.ts";
import type { Identity } from "../../core/identity.ts";
import { Connection } from "../../core/membership.ts";
import type { Agent, ClientOrigin, Format } from "../../core/membership.ts";
import type { Answer } from "../../recovery/recovery.ts";
import { CursorCarrier } from "./cursor-carrier.ts";
import type { Cursor } from "./cursor.ts";
import { markOf, noCursor, positionOf, unreadable } from "./cursor.ts";
import { eventOf, idLine } from "./format.ts";
import { closedMessage, dialectName, gapMessage } from "./packet.ts";
import type { MissedTexts } from "./missed-texts.ts";
import type { NativePresence } from "./presence.ts";
import { maxReplayBytes } from "../kit/replay.ts";
import { arrivalFrames } from "./stream-return.ts";

/** What all streams of one gateway share. */
export interface NativeStreams {
  readonly context: BrowserContext;
  readonly presence: NativePresence;
  readonly texts: MissedTexts;
  readonly format: Format;
  /** Everyone who is connected by one. */
  readonly clients: Set<StreamClient>;
  /** A stream says something this often, ms. */
  readonly heartbeatMs: number;
}

export interface StreamClientParts {
  /** Those that it may join, by its name or by what it shows. */
  readonly rooms: readonly string[];
  /** Of these it wants to be told who is there. */
  readonly watched: readonly string[];
  /** Events about the other rooms, as they go out. */
  readonly refusals: readonly string[];
  /** Where its client stood; undefined: it comes for the first time. */
  readonly cursor: Cursor | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly identity: Identity;
  /** What limits count it by. */
  readonly address: string;
  readonly release: () => void;
}

/** A comment keeps proxies awake, and tells a browser nothing. */
const comment = ":\n\n";

const nothingAsked = { rooms: [], watched: [], refusals: [], cursor: undefined, identity: anonymous };

/** Streams that were cut together come back spread over this time, ms. */
const [soonestMs, latestMs] = [1_000, 4_000];

export class StreamClient implements StreamHandler, Agent, Closable {
  readonly headers: Readonly<Record<string, string>>;
  readonly #streams: NativeStreams;
  readonly #address: string;
  readonly #release: () => void;
  #asked: Pick<StreamClientParts, "rooms" | "watched" | "refusals" | "cursor" | "identity">;
  #hasArrived = false;
  #stream: Stream | undefined;
  #connection: Connection | undefined;
  #reason: DisconnectReason = "client";
  #nextBeat = 0;

  constructor(streams: NativeStreams, { headers, address, release, ...asked }: StreamClientParts) {
    this.#streams = streams;
    this.#asked = asked;
    this.headers = headers;
    this.#address = address;
    this.#release = release;
  }

  get origin(): ClientOrigin {
    return { transport: "stream", address: this.#address };
  }

  open(stream: Stream): void {
    const { context, format, clients } = this.#streams;
    const { rooms, cursor = noCursor, identity } = this.#asked;
    this.#stream = stream;
    // Where no room has a log, all positions are shared.
    const logged = rooms.filter((room) => context.rules.hasLog(room));
    const carrier = context.rules.hasHistory ? new CursorCarrier(stream, logged, cursor) : stream;
    this.#connection = new Connection({
      namespace: "/",
      format,
      carrier,
      agent: this,
      hearsEveryone: false,
      identity,
    });
    clients.add(this);
    context.hub.enter(this.#connection);
    context.observe.connected(dialectName, "stream");
    const asked = rooms.map((room) => ({
      namespace: "/",
      room,
      position: positionOf(cursor, room, rooms.length === 1),
      dialect: dialectName,
      client: this.#connection,
    }));
    context.recovery.resume(asked, (answers) => {
      this.#arrive(answers);
    });
  }

  /** The one turn in which the answers are exact: it joins, hears its verdicts, and gets what it missed. */
  #arrive(answers: readonly Answer[]): void {
    const { context, heartbeatMs, texts } = this.#streams;
    const { rooms, watched, refusals } = this.#asked;
    const connection = this.#connection;
    // It may be gone meanwhile.
    if (!connection) return;
    this.#asked = nothingAsked;
    this.#hasArrived = true;
    this.#nextBeat = context.now() + heartbeatMs;
    for (const room of rooms) context.hub.join(connection, room);
    const retryMs = Math.round(soonestMs + Math.random() * (latestMs - soonestMs));
    const frames = arrivalFrames({ rooms, answers, maxBytes: maxReplayBytes(context.limits), texts });
    connection.carrier.send([`retry: ${retryMs}\n`, ...refusals, ...frames]);
    for (const room of watched) {
      this.#streams.presence.tell(connection, room, (json, type) => {
        connection.carrier.send([eventOf(json, type)]);
      });
    }
  }

  closed(cause: CloseCause): void {
    const { context, clients } = this.#streams;
    this.#release();
    this.#stream = undefined;
    if (!this.#connection) return;
    clients.delete(this);
    context.hub.exit(this.#connection);
    this.#connection = undefined;
    context.observe.disconnected(dialectName, "stream", cause === "peer" ? this.#reason : cause);
  }

  close(reason: DisconnectReason): void {
    this.#reason = reason;
    this.#stream?.close();
  }

  disconnect(_closeClient: unknown, reason: DisconnectReason = "server"): void {
    const code = reason === "expired" ? "token_expired" : reason === "denied" ? "token_invalid" : undefined;
    if (code !== undefined) this.#stream?.send([eventOf(closedMessage(code), "closed")]);
    this.close(reason);
  }

  /** A stream answers nothing: the publication is delivered, and no acknowledgement comes back. */
  request(publication: Parameters<Agent["request"]>[0]): void {
    this.#stream?.send(this.#streams.format.encode(publication, undefined));
  }

  tick(now: number): void {
    if (now < this.#nextBeat) return;
    this.#nextBeat = now + this.#streams.heartbeatMs;
    const carrier = this.#connection?.carrier;
    // One that does not read gets no more to read.
    if (carrier?.isWritable !== true) return;
    const at = this.#hasArrived ? this.#streams.context.recovery.here("/", undefined) : undefined;
    // An id without data is no event, and moves the browser's last id.
    carrier.send([at === undefined ? comment : `${idLine(markOf(undefined, at, false))}\n`]);
  }

  /** Something may be missing in rooms without a position of their own. */
  tellGap(): void {
    if (!this.#hasArrived) return;
    const at = this.#streams.context.recovery.here("/", undefined);
    // Without a position it must not come back with the one that it has: what is heard now would come twice.
    const place = idLine(markOf(undefined, at ?? unreadable, false));
    this.#connection?.carrier.send([place + eventOf(gapMessage(undefined, at), "gap")]);
  }
}
