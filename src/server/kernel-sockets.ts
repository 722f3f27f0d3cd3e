// What the engine does not tell of its connections, and cannot do to them: the kernel is asked about each open descriptor
// (Linux alone). silent-connections.ts and stalled-connections.ts end connections by it.

import { dlopen, FFIType, ptr } from "bun:ffi";
import { ipv6Groups, mappedIpv4 } from "../base/ip-address.ts";

const { i32, u32, ptr: pointer } = FFIType;

const functions = {
  getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 },
  setsockopt: { args: [i32, i32, i32, pointer, u32], returns: i32 },
  getsockname: { args: [i32, pointer, pointer], returns: i32 },
  getpeername: { args: [i32, pointer, pointer], returns: i32 },
  fcntl: { args: [i32, i32, i32], returns: i32 },
  shutdown: { args: [i32, i32], returns: i32 },
} as const;

type Kernel = ReturnType<typeof dlopen<typeof functions>>["symbols"];

/** glibc, and musl of Alpine. */
const libraries = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

// Numbers of Linux, the same on all its machines that Bun runs on.
const protocolTcp = 6;
const tcpInfo = 11;
const levelSocket = 1;
const linger = 13;
const getDescriptorFlags = 1;
const shutdownBoth = 2;
const established = 1;
/** In `struct tcp_info`: its fields never move. */
const receivedAt = 128;
const infoBytes = receivedAt + 8;
const familyIpv4 = 2;

/** Behind so many closed descriptors in a row there are no more. */
const closedInRow = 4_096;

/** Linger for no time: what waits in the kernel is thrown away with the connection, and the peer gets a reset. */
const noLinger = Buffer.from(new Int32Array([1, 0]).buffer);

/** A buffer and its length, as the kernel fills them in. */
class Answer {
  readonly bytes = Buffer.alloc(256);
  readonly #length = Buffer.alloc(4);

  get length(): number {
    return this.#length.readUInt32LE(0);
  }

  /** @returns false when the call failed. */
  fill(call: (bytes: ReturnType<typeof ptr>, length: ReturnType<typeof ptr>) => number): boolean {
    this.#length.writeUInt32LE(this.bytes.length);
    return call(ptr(this.bytes), ptr(this.#length)) === 0;
  }
}

/** The other end of a connection, as the engine names it. */
interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

/**
 * Address and port of the other end. IPv4 is one number, also where it is mapped into IPv6: each stream keeps one, and a number
 * takes no memory of its own. IPv6 is the digits of the address, and the port.
 */
export type Peer = number | string;

const ports = 65_536;

/** @returns undefined where there is no address, as on a unix socket. */
export function peerNamed(name: PeerAddress | null): Peer | undefined {
  if (name === null || name.address === "") return undefined;
  const groups = ipv6Groups(name.address);
  const ipv4 = groups ? mappedIpv4(groups) : name.address;
  if (ipv4 !== undefined) return Buffer.from(ipv4.split(".").map(Number)).readUInt32BE() * ports + name.port;
  const digits = groups?.map((group) => group.toString(16).padStart(4, "0")).join("");
  return `${digits} ${name.port}`;
}

/** What limits count an address by: IPv6 by its network. */
export function networkOf(peer: Peer): number | string {
  return typeof peer === "number" ? Math.floor(peer / ports) : peer.slice(0, 16);
}

export class KernelSockets {
  readonly #kernel: Kernel;
  readonly #answer = new Answer();

  private constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** @returns undefined where the kernel cannot be asked. */
  static open(): KernelSockets | undefined {
    if (process.platform !== "linux") return undefined;
    for (const library of libraries) {
      try {
        return new KernelSockets(dlopen(library, functions).symbols);
      } catch {
        // Another name, or a system without any of them.
      }
    }
    return undefined;
  }

  /** All that are open, of whatever kind. */
  *descriptors(): Generator<number> {
    let closed = 0;
    for (let descriptor = 3; closed < closedInRow; descriptor++) {
      const isOpen = this.#kernel.fcntl(descriptor, getDescriptorFlags, 0) !== -1;
      closed = isOpen ? 0 : closed + 1;
      if (isOpen) yield descriptor;
    }
  }

  /** Is it an open connection from which not a byte came? */
  isSilent(descriptor: number): boolean {
    const { bytes, length } = this.#ask((at, size) =>
      this.#kernel.getsockopt(descriptor, protocolTcp, tcpInfo, at, size),
    );
    return length >= infoBytes && bytes[0] === established && bytes.readBigUInt64LE(receivedAt) === 0n;
  }

  /** Our own port of a connection; meaningless of anything else. */
  portOf(descriptor: number): number {
    const { bytes } = this.#ask((at, size) => this.#kernel.getsockname(descriptor, at, size));
    return bytes.readUInt16BE(2);
  }

  /** @returns undefined for what is no connection to another address. */
  peerOf(descriptor: number): Peer | undefined {
    const { bytes, length } = this.#ask((at, size) => this.#kernel.getpeername(descriptor, at, size));
    if (length < 16) return undefined;
    const port = bytes.readUInt16BE(2);
    if (bytes.readUInt16LE(0) === familyIpv4) return bytes.readUInt32BE(4) * ports + port;
    const isMapped = bytes.toString("hex", 8, 20) === "00000000000000000000ffff";
    return isMapped ? bytes.readUInt32BE(20) * ports + port : `${bytes.toString("hex", 8, 24)} ${port}`;
  }

  /** The engine then finds the connection ended, and closes the descriptor. */
  shutdown(descriptor: number): void {
    this.#kernel.shutdown(descriptor, shutdownBoth);
  }

  /** The same, and nothing of what waits in the kernel is kept for the peer. */
  reset(descriptor: number): void {
    this.#kernel.setsockopt(descriptor, levelSocket, linger, ptr(noLinger), noLinger.length);
    this.shutdown(descriptor);
  }

  /** @returns of length 0 when the call failed. */
  #ask(call: Parameters<Answer["fill"]>[0]): { readonly bytes: Buffer; readonly length: number } {
    const isFilled = this.#answer.fill(call);
    return { bytes: this.#answer.bytes, length: isFilled ? this.#answer.length : 0 };
  }
}
