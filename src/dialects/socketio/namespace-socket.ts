// One client in one namespace: its events (join, leave), its acknowledgements in both directions, and what a
// backend orders about it. It owns the hub's Connection.

import { PendingAcks } from "./acks.ts";
import type { Agent, AckHandler, ClientOrigin } from "../../core/membership.ts";
import { Connection } from "../../core/membership.ts";
import type { Identity } from "../../core/identity.ts";
import type { DisconnectReason } from "../../vocabulary/reasons.ts";
import { renewToken } from "./token.ts";
import type { DisconnectOrder, Publication } from "../../core/publication.ts";
import type { SessionPort, SocketIoContext } from "./context.ts";
import { eventFrames } from "./format.ts";
import type { Packet } from "./packet.ts";
import { encodeAck, encodeEvent, parseAck, parseEvent } from "./packet.ts";
import { reservedEvents } from "../../codec/event-names.ts";
import { joinRoom, leaveRoom, roomArgument } from "./join.ts";
import type { JoinAnswer } from "./join.ts";
import { meaningOf } from "./meanings.ts";
import type { KeptSession } from "./recovery/kept-session.ts";
import { noOffset } from "./recovery/missed.ts";
import type { Return } from "./recovery/returns.ts";

/** Joins of one client that wait for a look-up of the secret; more are refused. */
const maxWaitingEvents = 100;
/** Length of their text without the last one, characters: parsed, it takes many times as much. */
const maxWaitingBytes = 64 * 1024;
const tooManyJoins: JoinAnswer = { answer: { ok: false, reason: "rate" }, isAcknowledged: false };

/** What the sockets of one client share. */
interface ClientPart {
  pendingAcks: number;
  waitingEvents: number;
  waitingBytes: number;
  /** Disconnects the client from this namespace; without one, from all of them and from the gateway. */
  expel(socket?: NamespaceSocket): void;
}

export interface NamespaceSocketParts {
  readonly context: SocketIoContext;
  readonly session: SessionPort;
  readonly client: ClientPart;
  readonly namespace: string;
  readonly sid: string;
  /** What it comes back to, should it go. */
  readonly kept: KeptSession | undefined;
  readonly identity: Identity;
}

export class NamespaceSocket implements Agent {
  readonly connection: Connection;
  readonly #context: SocketIoContext;
  readonly #session: SessionPort;
  readonly #client: ClientPart;
  readonly #kept: KeptSession | undefined;
  #acks: PendingAcks | undefined;
  /** Ends with the last of the events that wait for a secret: they take effect in the order in which they were sent. */
  #waiting: Promise<void> | undefined;
  #hasLeft = false;

  constructor(parts: NamespaceSocketParts) {
    this.#context = parts.context;
    this.#session = parts.session;
    this.#client = parts.client;
    this.#kept = parts.kept;
    this.connection = new Connection({
      id: parts.sid,
      namespace: parts.namespace,
      format: parts.context.formats.of(parts.session.generation),
      carrier: parts.session,
      agent: this,
      identity: parts.identity,
    });
  }

  get namespace(): string {
    return this.connection.namespace;
  }

  enter(): void {
    // The answer to the client may have ended its session.
    if (this.#hasLeft) return;
    this.#context.hub.enter(this.connection);
  }

  /** The client is back: it gets what it missed, then it is told, as socket.io does it; and it is in its rooms. */
  enterAgain({ session, missed }: Return, connectPacket: string): void {
    const { generation } = this.#session;
    this.#session.send(
      missed.flatMap(({ publication, at }) => eventFrames(generation, publication, { offset: at })),
    );
    this.#session.answer(connectPacket);
    this.enter();
    for (const room of session.rooms.keys()) this.#context.hub.join(this.connection, room);
  }

  /** A connection of a later turn has the session. */
  replaced(turn: number): void {
    if (!this.#kept || this.#kept.turn >= turn) return;
    this.#kept.abandon();
    this.#client.expel(this);
  }

  /** The gateway may have missed something: the client comes back, and is told. */
  lost(): void {
    this.#session.close("gap");
  }

  /** It left, or is to leave: it does not come back. */
  forget(): void {
    this.#kept?.forget();
  }

  /** It was told nothing of a gap before it, and must not go away with a position behind one. */
  get #isEnding(): boolean {
    return this.connection.format.isOver === true;
  }

  exit(): void {
    this.#acks?.clear();
    this.#hasLeft = true;
    // What it asked for and was not answered is not carried out: its page may think that it is in a room that it is not in.
    if (this.#waiting) this.forget();
    this.#context.hub.exit(this.connection);
  }

  // Agent: what a backend asks for.

  get origin(): ClientOrigin {
    const { transport, address } = this.#session;
    return { transport, address };
  }

  get client(): object {
    return this.#session;
  }

  moved(): void {
    void this.#rewrite();
  }

  disconnect(closeClient: DisconnectOrder["closeClient"], reason?: DisconnectReason): void {
    // No packet says so: official clients come back by themselves, and ask their page for a fresh token.
    if (reason === "expired") {
      this.#session.close(reason);
      return;
    }
    const isRoot = this.#session.version === 3 && this.namespace === "/";
    if (closeClient === true || (closeClient === "root" && isRoot)) this.#client.expel();
    else this.#client.expel(this);
  }

  request(publication: Publication, onAck: AckHandler): void {
    if (this.#isEnding) return;
    if (this.#client.pendingAcks >= this.#context.limits.pendingAcks) {
      this.#context.observe.refused("socketio", "pending_acks");
      return;
    }
    this.#acks ??= new PendingAcks(this.#client);
    const id = this.#acks.add(onAck, this.#context.now());
    this.#session.send(eventFrames(this.#session.generation, publication, { id }));
  }

  // Packets of the client. The result is false when the connection must be closed (SIO-12).

  receiveEvent(packet: Packet): boolean {
    const event = parseEvent(packet);
    if (!event) return false;
    if (reservedEvents.has(event.name)) {
      this.#context.observe.refused("socketio", "event_reserved");
      return true;
    }
    const bytes = packet.json?.length ?? 0;
    const isTaken = this.#inOrder(() => this.#handle(event.name, event.args, packet.id), bytes);
    if (!isTaken && meaningOf(event.name, this.#context) === "join")
      this.#answerJoin(tooManyJoins, packet.id);
    return true;
  }

  receiveAck(packet: Packet): boolean {
    const args = parseAck(packet);
    if (!args) return false;
    // Others are ignored (SIO-10).
    this.#acks?.take(packet.id ?? "")?.(args, packet.attachments > 0);
    return true;
  }

  tick(now: number): void {
    this.#kept?.tick(now);
    this.#acks?.tick(now);
  }

  /** Runs the handler at once, or behind the events that wait for a secret. @returns false when too many wait. */
  #inOrder(handle: () => Promise<void> | undefined, bytes: number): boolean {
    const { waitingEvents, waitingBytes } = this.#client;
    // Where joins are written for its return, each waits.
    const maxWaiting = this.#kept ? this.#context.limits.roomsPerConnection : maxWaitingEvents;
    if (waitingEvents >= maxWaiting || waitingBytes > maxWaitingBytes) {
      this.#context.observe.refused("socketio", "too_many_joins");
      return false;
    }
    const started = this.#waiting ? this.#waiting.then(handle) : handle();
    if (started) this.#wait(started, bytes);
    return true;
  }

  #wait(work: Promise<void>, bytes: number): void {
    this.#client.waitingEvents++;
    this.#client.waitingBytes += bytes;
    const settled = work
      .catch((error: unknown) => {
        this.#context.observe.report("socketio_event", error);
      })
      .then(() => {
        this.#client.waitingEvents--;
        this.#client.waitingBytes -= bytes;
        if (this.#waiting === settled) this.#waiting = undefined;
      });
    this.#waiting = settled;
  }

  #handle(name: string, args: readonly unknown[], id: string | undefined): Promise<void> | undefined {
    if (this.#hasLeft) return undefined;
    const meaning = meaningOf(name, this.#context);
    if (meaning === "join") return this.#join(args, id);
    if (meaning === "token") return this.#renew(args, id);
    if (meaning === "presence") {
      this.#tellPresence(args, id);
      return undefined;
    }
    if (meaning === "ping") this.#pong();
    // An unknown event is not acknowledged (SIO-08).
    const hasRun = meaning === "leave" ? leaveRoom(this.#context, this.connection, args) : meaning === "ping";
    if (!hasRun) return undefined;
    const written = meaning === "leave" ? this.#rewrite() : undefined;
    if (!written) this.#acknowledge(id);
    return written?.then(() => {
      this.#acknowledge(id);
    });
  }

  /** Its rooms are written as they are now. */
  #rewrite(): Promise<void> | undefined {
    return this.#hasLeft ? undefined : this.#kept?.isIn(this.#roomNames(), this.connection.identity.user);
  }

  #roomNames(): ReadonlySet<string> {
    const names = new Set<string>();
    for (const { name } of this.connection.rooms) if (name !== undefined) names.add(name);
    return names;
  }

  /** In a room without presence it is an unknown event like others. */
  #tellPresence(args: readonly unknown[], id: string | undefined): void {
    const room = roomArgument(args)?.room;
    const { roomPresence } = this.#context;
    if (typeof room !== "string" || !roomPresence.isTold(this.namespace, room)) return;
    roomPresence.ask(this.connection, room, (answer) => {
      this.#acknowledge(id, answer);
    });
  }

  async #renew(args: readonly unknown[], id: string | undefined): Promise<void> {
    const answer = await renewToken(this.#context, this.connection, args);
    await this.#rewrite();
    this.#acknowledge(id, answer);
  }

  #join(args: readonly unknown[], id: string | undefined): Promise<void> | undefined {
    const { address } = this.#session;
    const joiner = { connection: this.connection, client: this.#session, address, kept: this.#kept };
    const outcome = joinRoom(this.#context, joiner, args);
    if (outcome instanceof Promise) {
      return outcome.then((settled) => {
        this.#answerJoin(settled, id);
      });
    }
    this.#answerJoin(outcome, id);
    return undefined;
  }

  #answerJoin({ answer, isAcknowledged }: JoinAnswer, id: string | undefined): void {
    // A room that was written, and that it is not in after all.
    if (!answer.ok) void this.#rewrite();
    if (this.#context.options.joinAnswers) this.#acknowledge(id, `[${JSON.stringify(answer)}]`);
    else if (isAcknowledged) this.#acknowledge(id);
  }

  #pong(): void {
    const { namespace } = this;
    const here = this.#isEnding ? undefined : this.#context.recovery.here(namespace, undefined);
    const offset = this.#kept && (here ?? noOffset);
    const args = offset === undefined ? [] : [JSON.stringify(offset)];
    this.#session.answer(encodeEvent({ namespace, event: "my_pong", args, attachments: [] }));
  }

  /** @param args JSON text, ASCII */
  #acknowledge(id: string | undefined, args = "[]"): void {
    // The client may have left while a secret was looked up.
    if (id !== undefined && !this.#hasLeft) this.#session.answer(encodeAck(this.namespace, id, args));
  }
}
