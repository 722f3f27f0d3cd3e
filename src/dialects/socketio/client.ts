// The Socket.IO layer of one session (compat section 2): namespaces, and packets in both directions. Text and
// binary messages come up from session.ts; each namespace that the client joined is a NamespaceSocket.

import { createClientId } from "../../base/client-id.ts";
import { anonymous } from "../../core/identity.ts";
import type { Identity } from "../../core/identity.ts";
import type { SessionPort, SocketIoContext } from "./context.ts";
import { NamespaceSocket } from "./namespace-socket.ts";
import type { NamespaceSocketParts } from "./namespace-socket.ts";
import type { Packet } from "./packet.ts";
import { judgeToken, shownToken, tokenRefusal } from "./token.ts";
import {
  encodeConnect,
  encodeConnectError,
  encodeDisconnect,
  isPayloadAllowed,
  packetType,
  parsePacket,
} from "./packet.ts";
import type { Keeping } from "./recovery/keeping.ts";
import { KeptSession } from "./recovery/kept-session.ts";
import { readClaim } from "./recovery/returns.ts";
import type { Claim, Return } from "./recovery/returns.ts";

/** A binary packet must be complete within this time (SIO-09). */
const attachmentsTimeoutMs = 10_000;

/** A client may ask so often for namespaces that it is in already; once more is a protocol error. */
const maxRepeatedConnects = 10;

/** A binary packet that waits for its attachments. */
interface Assembly {
  readonly packet: Packet;
  readonly deadline: number;
  missing: number;
}

export class SocketIoClient {
  /** Acknowledgements that the client owes in all namespaces, because a namespace can be left and joined again. */
  pendingAcks = 0;
  /** Events that wait for the look-up of a secret, in all namespaces and in those that the client left. */
  waitingEvents = 0;
  /** Length of their text, characters. */
  waitingBytes = 0;
  readonly #context: SocketIoContext;
  readonly #session: SessionPort;
  /** Few per client, so a list; the first is nearly always `/`. */
  readonly #sockets: NamespaceSocket[] = [];
  /** Namespaces to which it is on its way back. */
  readonly #returning = new Set<string>();
  #isGone = false;
  /** Tells those that look up what it had. */
  #leaving: AbortController | undefined;
  #assembly: Assembly | undefined;
  #repeatedConnects = 0;
  /** Until then the client must join a namespace (SIO-06); undefined once it has. */
  #connectDeadline: number | undefined;

  constructor(context: SocketIoContext, session: SessionPort) {
    this.#context = context;
    this.#session = session;
    this.#connectDeadline = context.now() + context.options.connectTimeout * 1000;
  }

  /** Called after the open packet. Clients of protocol 4 and older are in `/` without asking (SIO-03). */
  start(): void {
    if (this.#session.version === 3) this.#connectTo("/");
  }

  /** @returns false when the connection must be closed (SIO-06, SIO-12). */
  receiveText(text: string): boolean {
    if (this.#assembly) return false;
    const packet = parsePacket(text);
    if (!packet) return false;
    if (packet.attachments > 0) {
      // A header for a namespace that is not connected is refused before anything is collected (SIO-09).
      if (!this.#find(packet.namespace)) return false;
      const deadline = this.#context.now() + attachmentsTimeoutMs;
      this.#assembly = { packet, deadline, missing: packet.attachments };
      return true;
    }
    return this.#receive(packet);
  }

  /** Attachments are counted and not kept: neither an event that has a meaning nor an acknowledgement takes any (PSQ-10). */
  receiveBinary(_bytes: Uint8Array): boolean {
    if (!this.#assembly) return false;
    this.#assembly.missing--;
    if (this.#assembly.missing > 0) return true;
    const { packet } = this.#assembly;
    this.#assembly = undefined;
    return this.#receive(packet);
  }

  topicsChanged(): void {
    for (const socket of this.#sockets) this.#context.hub.refresh(socket.connection);
  }

  tick(now: number): void {
    for (const socket of this.#sockets) socket.tick(now);
    if (this.#assembly && now >= this.#assembly.deadline) this.#session.close("protocol_error");
    if (this.#connectDeadline !== undefined && now >= this.#connectDeadline) {
      this.#session.close("connect_timeout");
    }
  }

  /** The session ended, or a client of version 3 left `/`. */
  closed(): void {
    this.#isGone = true;
    this.#leaving?.abort();
    for (const socket of this.#sockets.splice(0)) socket.exit();
  }

  /**
   * A backend's order: the client is told that it leaves, which keeps official ones away (SIO-11); without a namespace, all
   * of them, and then the connection ends (NRE-06, PSQ-12).
   */
  expel(socket?: NamespaceSocket): void {
    const leaving = socket ? [socket] : this.#sockets;
    this.#session.send(leaving.map(({ namespace }) => encodeDisconnect(namespace)));
    for (const one of leaving) one.forget();
    if (socket) this.#remove(socket);
    else this.#session.close("server");
  }

  /** The client leaves a namespace; with `/` it leaves all in protocol 4 (SIO-03). */
  #leave(socket: NamespaceSocket): void {
    socket.forget();
    if (this.#session.version === 3 && socket.namespace === "/") this.closed();
    else this.#remove(socket);
  }

  #remove(socket: NamespaceSocket): void {
    const at = this.#sockets.indexOf(socket);
    if (at === -1) return;
    this.#sockets.splice(at, 1);
    socket.exit();
  }

  #receive(packet: Packet): boolean {
    if (packet.type === packetType.connect) return this.#connectAsked(packet);
    const socket = this.#find(packet.namespace);
    if (!socket) return false;
    switch (packet.type) {
      case packetType.disconnect:
        this.#leave(socket);
        return isPayloadAllowed(packet);
      case packetType.event:
      case packetType.binaryEvent:
        return socket.receiveEvent(packet);
      case packetType.ack:
      case packetType.binaryAck:
        return socket.receiveAck(packet);
      case packetType.connectError:
      default:
        return false;
    }
  }

  #connectAsked(packet: Packet): boolean {
    if (!isPayloadAllowed(packet)) return false;
    // Each is answered (SIO-04), so their number is bounded.
    if (this.#isTaken(packet.namespace) && ++this.#repeatedConnects > maxRepeatedConnects) return false;
    this.#connectTo(packet.namespace, packet.json);
    return true;
  }

  /** @param json the packet's object */
  #connectTo(namespace: string, json?: string): void {
    if (this.#isTaken(namespace)) {
      this.#session.answer(encodeConnectError(namespace, "Unable to connect")); // SIO-04
    } else if (this.#isNamespaceAllowed(namespace)) {
      this.#connect(namespace, json);
    } else {
      this.#context.observe.refused("socketio", "namespace");
      const message = "Invalid namespace";
      const reason = this.#session.version === 4 ? { message } : message;
      this.#session.answer(encodeConnectError(namespace, reason));
    }
  }

  /** Any well-formed namespace, unless the config lists them (SIO-05). */
  #isNamespaceAllowed(namespace: string): boolean {
    const { limits, options } = this.#context;
    const { nameBytes, namespacesPerClient } = limits;
    const count = this.#sockets.length + this.#returning.size;
    if (Buffer.byteLength(namespace) > nameBytes || count >= namespacesPerClient) return false;
    // Protocol 4: other namespaces need `/` (SIO-03).
    if (this.#session.version === 3 && namespace !== "/" && !this.#find("/")) return false;
    return options.namespaces?.includes(namespace) ?? true;
  }

  /** A token that is shown is judged first. */
  #connect(namespace: string, json: string | undefined): void {
    const isV4 = this.#session.version === 4;
    const token = this.#context.credentials.acceptsTokens && isV4 ? shownToken(json) : undefined;
    if (token === undefined) {
      this.#admit(namespace, json, anonymous);
      return;
    }
    this.#returning.add(namespace);
    void judgeToken(this.#context, token).then((found) => {
      this.#returning.delete(namespace);
      if (this.#isGone) return;
      if (typeof found !== "string") this.#admit(namespace, json, found);
      else this.#session.answer(encodeConnectError(namespace, tokenRefusal(found)));
    });
  }

  #admit(namespace: string, json: string | undefined, identity: Identity): void {
    this.#connectDeadline = undefined;
    const { keeping } = this.#context;
    const claim = keeping && this.#session.version === 4 ? readClaim(namespace, json) : undefined;
    if (!keeping || !claim) {
      this.#enter(namespace, identity);
      return;
    }
    this.#returning.add(namespace);
    this.#leaving ??= new AbortController();
    const { address } = this.#session;
    const comer = { address, client: this.#session, identity, gone: this.#leaving.signal };
    void keeping.returns.comeBack(claim, comer, (back) => {
      this.#returning.delete(namespace);
      if (back) this.#enterAgain(keeping, { ...claim, identity }, back);
      else this.#enter(namespace, identity);
    });
  }

  #enter(namespace: string, identity: Identity): void {
    const isV4 = this.#session.version === 4;
    const sid = isV4 ? createClientId() : this.#session.sid;
    const { keeping } = this.#context;
    const { user } = identity;
    const kept = keeping && isV4 ? KeptSession.begin(keeping.book, sid, { namespace, user }) : undefined;
    const socket = this.#open({ namespace, sid, kept, identity });
    this.#session.answer(encodeConnect(namespace, isV4 ? { sid, pid: kept?.pid } : undefined));
    socket.enter();
  }

  /** It is who it was. */
  #enterAgain(
    keeping: Keeping,
    { namespace, pid, identity }: Claim & { readonly identity: Identity },
    back: Return,
  ): void {
    const { sid, turn } = back.session;
    const taken = { namespace, sid, turn: turn + 1 };
    const old = this.#context.hub.connection(namespace, sid)?.agent;
    if (old instanceof NamespaceSocket) old.replaced(taken.turn);
    keeping.tell(taken);
    const kept = KeptSession.goOn(keeping.book, { pid, namespace, user: identity.user }, back.session);
    this.#open({ namespace, sid, kept, identity }).enterAgain(back, encodeConnect(namespace, { sid, pid }));
  }

  #open(parts: Pick<NamespaceSocketParts, "namespace" | "sid" | "kept" | "identity">): NamespaceSocket {
    const socket = new NamespaceSocket({
      context: this.#context,
      session: this.#session,
      client: this,
      ...parts,
    });
    this.#sockets.push(socket);
    return socket;
  }

  /** It is in the namespace, or on its way back to it. */
  #isTaken(namespace: string): boolean {
    return this.#find(namespace) !== undefined || this.#returning.has(namespace);
  }

  #find(namespace: string): NamespaceSocket | undefined {
    for (const socket of this.#sockets) if (socket.namespace === namespace) return socket;
    return undefined;
  }
}
