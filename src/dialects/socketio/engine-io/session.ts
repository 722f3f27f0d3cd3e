// One Engine.IO session (compat section 1): heartbeat, the polling queue, the websocket, and the upgrade between
// them. Towards the hub it is the Carrier that frames go to; towards the Socket.IO layer it passes messages up.

import type { DisconnectReason } from "../../../vocabulary/reasons.ts";
import type { Frame } from "../../../core/carrier.ts";
import type { CloseCause, Socket, SocketHandler } from "../../../server/socket.ts";
import { toAscii } from "../../../codec/ascii-json.ts";
import { SocketIoClient } from "../client.ts";
import type { PendingUpgrade, SessionPort, SocketIoContext } from "../context.ts";
import type { Generation } from "../format.ts";
import { Heartbeat } from "./heartbeat.ts";
import { PollQueue } from "./poll-queue.ts";
import { PostGate } from "./post-gate.ts";
import { base64PacketV4, messageByte, textPacketV3 } from "./payload.ts";

/** Packet types of Engine.IO that have no payload here. */
const packet = { close: "1", ping: "2", pong: "3", noop: "6" } as const;

/** What the sessions share, and the live ones by their Engine.IO sid. */
export interface EngineIoContext extends SocketIoContext {
  readonly sessions: Map<string, Session>;
}

export interface SessionParts {
  readonly sid: string;
  readonly version: 3 | 4;
  readonly isBase64: boolean;
  /** What limits count the client by. */
  readonly address: string;
  /** Called when the session ends. */
  readonly release: () => void;
  /** Packets per poll; undefined for a session that starts as a websocket. */
  readonly packetsPerPoll: number | undefined;
}

export class Session implements SessionPort, SocketHandler {
  readonly sid: string;
  readonly version: 3 | 4;
  readonly isBase64: boolean;
  readonly address: string;
  /** Absent where it started as a websocket. */
  readonly posts: PostGate | undefined;
  readonly #context: EngineIoContext;
  readonly #io: SocketIoClient;
  readonly #release: () => void;
  /** Present while it uses polling. */
  #polls: PollQueue | undefined;
  #socket: Socket | undefined;
  #probe: PendingUpgrade | undefined;
  /** Why it ended; undefined while it is open. */
  #ended: DisconnectReason | undefined;
  readonly #heartbeat: Heartbeat;
  /** After the end: what a client that polls may still fetch, until when, and the close code that goes with it. */
  #lastWords: { readonly bytes: number; readonly until: number; readonly code: number } | undefined;

  constructor(context: EngineIoContext, parts: SessionParts) {
    this.#context = context;
    this.sid = parts.sid;
    this.version = parts.version;
    this.isBase64 = parts.isBase64;
    this.address = parts.address;
    this.#release = parts.release;
    const { packetsPerPoll } = parts;
    if (packetsPerPoll !== undefined) {
      this.#polls = new PollQueue({ maxPackets: packetsPerPoll, context });
      this.posts = new PostGate(context);
    }
    this.#heartbeat = new Heartbeat(context, this.version);
    this.#io = new SocketIoClient(context, this);
    context.sessions.set(this.sid, this);
    context.observe.connected("socketio", this.transport);
  }

  get generation(): Generation {
    if (this.version === 4) return "4";
    return this.isBase64 ? "3-base64" : "3";
  }

  get transport(): "polling" | "websocket" {
    return this.#polls ? "polling" : "websocket";
  }

  /** It has ended, and its client has not fetched all that was sent before. */
  get hasUnsaid(): boolean {
    return !this.#isOpen && (this.#polls?.bytes ?? 0) > 0;
  }

  /** It has ended, and nothing waits for its client. */
  get isOver(): boolean {
    return !this.#isOpen && this.#lastWords === undefined;
  }

  /** It has ended, because its client did not read. */
  get isOverwhelmed(): boolean {
    return this.#ended === "slow";
  }

  get #isOpen(): boolean {
    return this.#ended === undefined;
  }

  /** The open packet (EIO-04): exactly these keys. */
  openPacket(): string {
    const { options, pingIntervalMs, pingTimeoutMs } = this.#context;
    const upgrades = this.#polls ? ["websocket"] : [];
    const { sid } = this;
    const maxPayload = options.maxPayload;
    const fields = { sid, upgrades, pingInterval: pingIntervalMs, pingTimeout: pingTimeoutMs, maxPayload };
    return `0${JSON.stringify(fields)}`;
  }

  /** After the open packet went out: protocol 4 and older is connected to `/` unasked (SIO-03). */
  start(): void {
    this.#io.start();
  }

  // Carrier: what the hub uses.

  get isOnTopics(): boolean {
    return this.#socket?.isOnTopics ?? false;
  }

  get isWritable(): boolean {
    return this.#socket ? this.#socket.isWritable : (this.#polls?.isReady ?? false);
  }

  get bufferedBytes(): number {
    return this.#socket?.bufferedBytes ?? this.#polls?.bytes ?? 0;
  }

  send(frames: readonly Frame[]): void {
    if (this.#socket) {
      this.#socket.send(frames);
      return;
    }
    if (!this.#polls || !this.#isOpen) return;
    // In the middle of an upgrade the client does not poll; the upgrade has a time limit of its own.
    if (this.#polls.isSlow(this.#probe?.isAnswered === true)) this.close("slow");
    else this.#polls.push(frames);
  }

  /** Sends what answers the client's own packets. A client that does not read gets no more of it (SEC-06). */
  answer(frame: Frame): void {
    const bytes = this.#polls?.bytes ?? 0;
    if (bytes > this.#context.limits.sendQueueBytes) this.close("slow");
    else this.send([frame]);
  }

  subscribe(topic: string): void {
    this.#socket?.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#socket?.unsubscribe(topic);
  }

  fallBehind(carriedBytes?: number): void {
    this.#socket?.fallBehind(carriedBytes);
  }

  // SocketHandler: a session that started as a websocket, or took one over.

  open(socket: Socket): void {
    this.#socket = socket;
    socket.send([this.openPacket()]);
    this.start();
  }

  message(frame: Frame): void {
    this.judge();
    // Bun's limit is the largest of the listener's dialects.
    if (Buffer.byteLength(frame) > this.#context.options.maxPayload) this.close("too_large");
    else if (!this.receive(frame)) this.close("protocol_error");
  }

  closed(_code: number, cause: CloseCause): void {
    this.#finish(cause === "peer" ? "client" : cause);
  }

  topicsChanged(): void {
    this.#io.topicsChanged();
  }

  // Polling: browser.ts calls these for GET and POST.

  /**
   * @returns undefined, or a promise of it, when the poll is refused: another one is held, which ends the session (EIO-16), or
   * it came behind the packet `5` of an upgrade.
   */
  poll(): readonly Frame[] | Promise<readonly Frame[] | undefined> | undefined {
    if (!this.#polls || this.#polls.isHeld) {
      this.refuse("protocol_error");
      return undefined;
    }
    const polls = this.#polls;
    const frames = polls.poll();
    if (!this.#isOpen && polls.isSpent) this.#forget();
    // Once its probe was answered the client waits for its last poll to end, then sends `5` (EIO-13). A `5` that came before
    // this poll may still wait for its turn (base/turns.ts): it has this one.
    if (this.#probe?.isAnswered) {
      setImmediate(() => {
        polls.release([packet.noop]);
      });
    }
    return frames;
  }

  /** The client ended the connection of a held poll: it is gone. */
  pollAborted(): void {
    if (!this.#polls?.isHeld) return;
    this.#polls.release([]);
    this.#vanished();
  }

  /** The client read some of the answer to its poll. */
  pollProgressed(): void {
    this.#polls?.progressed();
  }

  /** The answer was sent: the next one may go. */
  pollSent(frames: readonly Frame[]): void {
    this.#polls?.sent(frames);
    if (!this.#isOpen && this.#polls?.isSpent === true) this.#forget();
  }

  /** The connection ended before the answer was sent: the frames are lost, and the client is gone. */
  pollLost(frames: readonly Frame[]): void {
    if (this.#polls?.isSending(frames) === true) this.#vanished();
  }

  // Upgrade: upgrade.ts calls these.

  /** @returns false when there is an upgrade already, or nothing to upgrade: the new websocket is closed (EIO-13). */
  beginUpgrade(probe: PendingUpgrade): boolean {
    if (!this.#isOpen || !this.#polls || this.#probe) return false;
    this.#probe = probe;
    return true;
  }

  /** The probe was answered: the held poll ends, so that the client can pause polling. */
  probed(): void {
    this.#polls?.release([packet.noop]);
  }

  cancelUpgrade(probe: PendingUpgrade): void {
    if (this.#probe === probe) this.#probe = undefined;
  }

  completeUpgrade(socket: Socket): void {
    this.#probe = undefined;
    const polls = this.#polls;
    // A poll that is held now came behind `5`: a correct client does not poll any more.
    polls?.release(undefined);
    this.#polls = undefined;
    this.#socket = socket;
    // What is queued comes first, then the topics: order is kept, nothing is lost or sent twice.
    socket.inherit(polls?.takeAll() ?? []);
    if (!this.#isOpen) {
      socket.close(this.#lastWords?.code ?? 1000, "");
      this.#forget();
      return;
    }
    this.topicsChanged();
    this.#context.observe.upgraded("socketio", "polling", "websocket");
  }

  /** Handles one packet of the client. @returns false when it is a protocol error (EIO-17). */
  receive(frame: Frame): boolean {
    if (!this.#isOpen) return this.#receiveLate(frame);
    if (typeof frame !== "string") return this.#receiveBinary(frame);
    const type = frame[0];
    if (type === "4") return this.#io.receiveText(frame.slice(1));
    if (type === packet.close) {
      this.#polls?.release([packet.noop]);
      this.#socket?.close(1000, "");
      this.#finish("client");
      return true;
    }
    if (type === packet.pong && this.version === 4) {
      this.#heartbeat.ponged();
      return true;
    }
    if (type === packet.ping && this.version === 3) {
      this.#heartbeat.pinged();
      // The pong has the text of the ping (EIO-12), unless old clients could not read it (EIO-09).
      this.answer(toAscii(frame) === frame ? packet.pong + frame.slice(1) : packet.pong);
      return true;
    }
    if (type === "b") {
      // Binary as base64 text (EIO-08, EIO-10).
      const bytes = this.version === 4 ? base64PacketV4(frame) : textPacketV3(frame);
      return bytes !== undefined && typeof bytes !== "string" && this.#receiveBinary(bytes);
    }
    return type === packet.noop || type === "5";
  }

  /** Ends the session. The client gets what was sent before, then the end in the form of EIO-14. */
  close(reason: DisconnectReason): void {
    if (!this.#isOpen) return;
    if (this.#polls) this.#part(this.#polls, reason);
    // Before the socket closes: its `closed` is called within the call, and would count the end as the client's.
    this.#finish(reason);
    if (reason === "slow") this.#socket?.terminate();
    else this.#socket?.close(closeCodes[reason] ?? 1000, "");
  }

  /** Ends the session because of a wrong request. The answer to it says so, and nothing else is sent (EIO-16, EIO-17). */
  refuse(reason: DisconnectReason): void {
    this.#polls?.takeAll();
    this.close(reason);
  }

  tick(now: number): void {
    this.#probe?.tick(now);
    if (this.#isOpen) this.#io.tick(now);
    else if (this.#lastWords && now >= this.#lastWords.until) this.#forget();
    if (!this.#isOpen) return;
    const due = this.#heartbeat.due(now, this.#socket !== undefined || this.isWritable);
    if (due === "ping") this.send([packet.ping]);
    else if (due === "end") this.close("ping_timeout");
  }

  /** Called before a packet or request is handled: what is due comes first, also between two ticks (EIO-11, EIO-12). */
  judge(): void {
    const now = this.#context.now();
    if (this.#context.mayJudge(now)) this.tick(now);
  }

  /** The client is gone: what waits will not be fetched. */
  #vanished(): void {
    this.#finish("client");
    this.#forget();
  }

  /** The session ends while the client uses polling: its next polls get what waits, then the end. */
  #part(polls: PollQueue, reason: DisconnectReason): void {
    const { lastWords, limits, pingTimeoutMs } = this.#context;
    // A client that answers no pings is gone. What waits for others is bounded over all sessions.
    const isGone = reason === "ping_timeout";
    if (isGone || lastWords.bytes + polls.bytes > limits.sendQueueMaxBytes) polls.takeAll();
    polls.end(packet.close);
    const isTold = polls.bytes > 0 || reason === "server" || reason === "shutdown";
    if (isGone || !isTold || polls.isSpent) return;
    const until = this.#context.now() + pingTimeoutMs;
    this.#lastWords = { bytes: polls.bytes, until, code: closeCodes[reason] ?? 1000 };
    lastWords.bytes += polls.bytes;
  }

  /** Removes the session: nothing waits for the client. */
  #forget(): void {
    this.#probe?.cancel();
    this.#context.sessions.delete(this.sid);
    this.#context.lastWords.bytes -= this.#lastWords?.bytes ?? 0;
    this.#lastWords = undefined;
  }

  /** A packet that the client sent before it learned of the end is no error. */
  #receiveLate(frame: Frame): boolean {
    if (frame === packet.close) this.#forget();
    return true;
  }

  #receiveBinary(bytes: Uint8Array): boolean {
    if (this.version === 4) return this.#io.receiveBinary(bytes);
    return bytes[0] === messageByte[0] && this.#io.receiveBinary(bytes.subarray(1));
  }

  #finish(reason: DisconnectReason): void {
    if (!this.#isOpen) return;
    this.#ended = reason;
    if (!this.#lastWords) this.#forget();
    // A client in the middle of its upgrade does not poll any more: what waits goes to the websocket.
    else if (!this.hasUnsaid || this.#probe?.isAnswered !== true) this.#probe?.cancel();
    this.#io.closed();
    this.#release();
    this.#context.observe.disconnected("socketio", this.transport, reason);
  }
}

/** Only codes that official clients know; they reconnect after them (EIO-14, EIO-22). */
const closeCodes: Readonly<Partial<Record<DisconnectReason, number>>> = { too_large: 1009, shutdown: 1001 };
