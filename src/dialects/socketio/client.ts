// The Socket.IO layer of one session (compat section 2): namespaces, and packets in both directions. Text and
// binary messages come up from session.ts; each namespace that the client joined is a NamespaceSocket.

import { createClientId } from "../../base/client-id.ts";
import type { SessionPort, SocketIoContext } from "./context.ts";
import { NamespaceSocket } from "./namespace-socket.ts";
import type { Packet } from "./packet.ts";
import {
  encodeConnect,
  encodeConnectError,
  encodeDisconnect,
  isPayloadAllowed,
  packetType,
  parsePacket,
} from "./packet.ts";

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

  nativeChanged(): void {
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
    for (const socket of this.#sockets.splice(0)) socket.exit();
  }

  /**
   * A backend's order: the client is told that it leaves, which keeps official ones away (SIO-11); without a namespace, all
   * of them, and then the connection ends (NRE-06, PSQ-12).
   */
  expel(socket?: NamespaceSocket): void {
    const leaving = socket ? [socket] : this.#sockets;
    this.#session.send(leaving.map(({ namespace }) => encodeDisconnect(namespace)));
    if (socket) this.#remove(socket);
    else this.#session.close("server");
  }

  /** The client leaves a namespace; with `/` it leaves all in protocol 4 (SIO-03). */
  #leave(socket: NamespaceSocket): void {
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
    if (this.#find(packet.namespace) && ++this.#repeatedConnects > maxRepeatedConnects) return false;
    this.#connectTo(packet.namespace);
    return true;
  }

  #connectTo(namespace: string): void {
    if (this.#find(namespace)) {
      this.#session.answer(encodeConnectError(namespace, "Unable to connect")); // SIO-04
    } else if (this.#isNamespaceAllowed(namespace)) {
      this.#connect(namespace);
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
    if (Buffer.byteLength(namespace) > nameBytes || this.#sockets.length >= namespacesPerClient) return false;
    // Protocol 4: other namespaces need `/` (SIO-03).
    if (this.#session.version === 3 && namespace !== "/" && !this.#find("/")) return false;
    return options.namespaces?.includes(namespace) ?? true;
  }

  #connect(namespace: string): void {
    this.#connectDeadline = undefined;
    const isV4 = this.#session.version === 4;
    const sid = isV4 ? createClientId() : this.#session.sid;
    // In `/x` a JavaScript client of protocol 4 calls itself `/x#<sid>`, a Python client `<sid>`: both names reach it (SIO-03).
    const alias = !isV4 && namespace !== "/" ? `${namespace}#${sid}` : undefined;
    const socket = new NamespaceSocket({
      context: this.#context,
      session: this.#session,
      client: this,
      namespace,
      sid,
      alias,
    });
    this.#sockets.push(socket);
    this.#session.answer(encodeConnect(namespace, isV4 ? sid : undefined));
    socket.enter();
  }

  #find(namespace: string): NamespaceSocket | undefined {
    for (const socket of this.#sockets) if (socket.namespace === namespace) return socket;
    return undefined;
  }
}
