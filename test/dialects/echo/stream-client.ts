// One client of the echo dialect on an event stream: it gets the messages of its rooms, and says nothing.

import type { Closable, CloseCause, Stream, StreamHandler } from "../../../src/server/socket.ts";
import type { BrowserContext } from "../../../src/dialects/dialect.ts";
import type { DisconnectReason } from "../../../src/vocabulary/reasons.ts";
import { Connection } from "../../../src/core/membership.ts";
import type { Agent, Format } from "../../../src/core/membership.ts";
import { dialectName } from "./names.ts";

export interface StreamClientParts {
  readonly context: BrowserContext;
  readonly format: Format;
  readonly rooms: readonly string[];
  /** Those that are connected by a stream. */
  readonly clients: Set<Closable>;
  readonly release: () => void;
}

export class EchoStreamClient implements StreamHandler, Agent, Closable {
  readonly #parts: StreamClientParts;
  #stream: Stream | undefined;
  #connection: Connection | undefined;
  #reason: DisconnectReason = "client";

  constructor(parts: StreamClientParts) {
    this.#parts = parts;
  }

  open(stream: Stream): void {
    const { context, format, rooms, clients } = this.#parts;
    this.#stream = stream;
    this.#connection = new Connection({
      namespace: "/",
      format,
      carrier: stream,
      agent: this,
      hearsEveryone: false,
    });
    clients.add(this);
    context.hub.enter(this.#connection);
    for (const room of rooms) context.hub.join(this.#connection, room);
    context.observe.connected(dialectName, "stream");
  }

  closed(cause: CloseCause): void {
    this.#parts.release();
    if (!this.#connection) return;
    this.#parts.clients.delete(this);
    this.#parts.context.hub.exit(this.#connection);
    this.#connection = undefined;
    const reason = cause === "peer" ? this.#reason : cause;
    this.#parts.context.observe.disconnected(dialectName, "stream", reason);
  }

  close(reason: DisconnectReason): void {
    this.#reason = reason;
    this.#stream?.close();
  }

  disconnect(): void {
    this.close("server");
  }

  /** A stream answers nothing: the publication is delivered, and no acknowledgement comes back. */
  request(publication: Parameters<Agent["request"]>[0]): void {
    this.#stream?.send(this.#parts.format.encode(publication, undefined));
  }
}
