// One client of a raw dialect: a websocket that carries bare payloads, without sessions or acknowledgements. It enters the
// hub, keeps the heartbeat, and closes with the codes of its dialect; its messages go to the dialect's `heard`.

import type { Agent, ClientOrigin, Format } from "../../core/membership.ts";
import type { Identity } from "../../core/identity.ts";
import { Connection } from "../../core/membership.ts";
import type { BrowserContext } from "../dialect.ts";
import type { Frame } from "../../core/carrier.ts";
import type { Closable, CloseCause, Socket, SocketHandler } from "../../server/socket.ts";
import type { DisconnectReason } from "../../vocabulary/reasons.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { WaitingCarrier } from "./waiting-carrier.ts";

/** What all clients of one dialect on one gateway share. */
export interface RawDialect {
  readonly context: Pick<BrowserContext, "hub" | "observe" | "limits" | "now">;
  readonly format: Format;
  /** Those that are connected. */
  readonly clients: Set<RawConnection>;
  /** A websocket ping goes out this often, ms. */
  readonly pingIntervalMs: number;
  /** Without a pong for this long the client is gone, ms; undefined: it never is, and pings only keep proxies awake. */
  readonly pongTimeoutMs: number | undefined;
  /** Largest message of a client, bytes: more closes it with 1009. */
  readonly maxMessageBytes: number;
  /** The close frame for a client that the gateway ends. A `slow` one, or one without pongs (HUB-11), gets none. */
  closeCode(reason: DisconnectReason): { readonly code: number; readonly reason: string };
}

/** Pings every 30 s, and a client that answered neither of two is gone (W4R-09, WSC-10). */
export const usualHeartbeat = { pingIntervalMs: 30_000, pongTimeoutMs: 75_000 } as const;

export interface RawConnectionParts {
  /** Unguessable: it is a room of its own. Without one, no backend can name it alone. */
  readonly id?: string;
  /** Who it is. @default a visitor without an identity */
  readonly identity?: Identity;
  /** What limits count it by. */
  readonly address: string;
  /** Rooms that it is in from the start. */
  readonly rooms: readonly string[];
  /** Trees that it is below (core/membership.ts). */
  readonly trees?: readonly string[];
  /** The subprotocol to select, if any (W4R-11). */
  readonly protocol?: string;
  /** Gives back the place that `context.admit` gave. */
  readonly release: () => void;
  /**
   * The frames that it gets before all others. Asked once it is in its rooms: their messages wait meanwhile. A rejection
   * closes it as `unavailable`.
   */
  first?(): Promise<readonly Frame[]>;
  /** It is connected and in its rooms. */
  opened?(client: RawConnection): void;
  /** A message of the client, within the size. */
  heard(client: RawConnection, frame: Frame): void;
  /** It read something of what waited for it. */
  drained?(client: RawConnection): void;
  /** Called several times a second. */
  ticked?(client: RawConnection, now: number): void;
  /** A ping is about to go out. */
  pinged?(client: RawConnection): void;
  /** It is no longer in a room, because its right to it was taken back. */
  putOut?(client: RawConnection, room: string): void;
  /** It is gone, by either side. */
  gone?(client: RawConnection, reason: DisconnectReason): void;
}

export class RawConnection implements SocketHandler, Agent, Closable {
  readonly protocol?: string;
  readonly #dialect: RawDialect;
  readonly #parts: RawConnectionParts;
  #socket: Socket | undefined;
  #connection: Connection | undefined;
  #reason: DisconnectReason = "client";
  #nextPing = 0;
  #pongDeadline = Number.POSITIVE_INFINITY;

  constructor(dialect: RawDialect, parts: RawConnectionParts) {
    this.#dialect = dialect;
    this.#parts = parts;
    if (parts.protocol !== undefined) this.protocol = parts.protocol;
  }

  /** The hub's side of it; undefined before it opened and after it is gone. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  get origin(): ClientOrigin {
    return { transport: "websocket", address: this.#parts.address };
  }

  get client(): object {
    return this.#parts;
  }

  open(socket: Socket): void {
    const { context, format, clients } = this.#dialect;
    this.#socket = socket;
    const waiting = this.#parts.first && this.#waitOn(socket);
    const carrier = waiting ?? socket;
    const { id, identity } = this.#parts;
    const parts = { id, namespace: "/", format, carrier, agent: this, hearsEveryone: false };
    this.#connection = new Connection(identity ? { ...parts, identity } : parts);
    this.#scheduleHeartbeat();
    clients.add(this);
    context.hub.enter(this.#connection);
    for (const room of this.#parts.rooms) context.hub.join(this.#connection, room);
    for (const tree of this.#parts.trees ?? []) context.hub.join(this.#connection, tree, "trees");
    context.observe.connected(format.dialect, "websocket");
    this.#parts.opened?.(this);
    // `opened` may have closed it.
    if (waiting && this.#connection) void this.#sendFirst(waiting);
  }

  message(frame: Frame): void {
    if (this.#connection === undefined) return;
    const bytes = typeof frame === "string" ? Buffer.byteLength(frame) : frame.length;
    if (bytes > this.#dialect.maxMessageBytes) this.close("too_large");
    else this.#parts.heard(this, frame);
  }

  ponged(): void {
    const { pongTimeoutMs, context } = this.#dialect;
    if (pongTimeoutMs !== undefined) this.#pongDeadline = context.now() + pongTimeoutMs;
  }

  drained(): void {
    this.#parts.drained?.(this);
  }

  closed(_code: number, cause: CloseCause): void {
    this.#finish(cause === "peer" ? this.#reason : cause);
  }

  topicsChanged(): void {
    if (this.#connection) this.#dialect.context.hub.refresh(this.#connection);
  }

  /** Sends one frame to this client alone. */
  send(frame: Frame): void {
    this.#socket?.send([frame]);
  }

  /** The same with several. */
  sendAll(frames: readonly Frame[]): void {
    this.#socket?.send(frames);
  }

  close(reason: DisconnectReason): void {
    if (!this.#connection) return;
    this.#reason = reason;
    const { code, reason: text } = this.#dialect.closeCode(reason);
    if (reason === "slow" || reason === "ping_timeout") this.#socket?.terminate();
    else this.#socket?.close(code, text);
  }

  /** A backend's order (NRE-06): there is no namespace to leave, so the client is closed. */
  disconnect(_closeClient: unknown, reason: DisconnectReason = "server"): void {
    this.close(reason);
  }

  putOut(room: string): void {
    this.#parts.putOut?.(this, room);
  }

  /** Raw dialects have no acknowledgements: the publication is delivered, none comes back. */
  request(publication: Parameters<Agent["request"]>[0]): void {
    this.#connection?.carrier.send(this.#dialect.format.encode(publication, undefined));
  }

  tick(now: number): void {
    if (now >= this.#pongDeadline) {
      this.close("ping_timeout");
      this.#pongDeadline = Number.POSITIVE_INFINITY;
    }
    this.#parts.ticked?.(this, now);
    if (now < this.#nextPing) return;
    this.#nextPing = now + this.#dialect.pingIntervalMs;
    this.#parts.pinged?.(this);
    this.#socket?.ping();
  }

  #waitOn(socket: Socket): WaitingCarrier {
    return new WaitingCarrier(socket, this.#dialect.context.limits.sendQueueBytes, () => {
      this.close("slow");
    });
  }

  async #sendFirst(waiting: WaitingCarrier): Promise<void> {
    try {
      waiting.release((await this.#parts.first?.()) ?? []);
      if (!this.#connection || !this.#socket) return;
      this.#connection.carrier = this.#socket;
      this.topicsChanged();
    } catch (error) {
      if (!(error instanceof GatewayError)) this.#dialect.context.observe.report("first_frames", error);
      this.close("unavailable");
    }
  }

  #scheduleHeartbeat(): void {
    const now = this.#dialect.context.now();
    this.#nextPing = now + this.#dialect.pingIntervalMs;
    this.ponged();
  }

  #finish(reason: DisconnectReason): void {
    const connection = this.#connection;
    this.#parts.release();
    if (!connection) return;
    this.#connection = undefined;
    this.#socket = undefined;
    this.#dialect.clients.delete(this);
    this.#dialect.context.hub.exit(connection);
    this.#dialect.context.observe.disconnected(this.#dialect.format.dialect, "websocket", reason);
    this.#parts.gone?.(this, reason);
  }
}
