// What the engine does not tell of its connections, and cannot do to them: the kernel is asked about each open descriptor
// (Linux alone). silent-connections.ts and stalled-connections.ts end connections by it.

import { dlopen, FFIType, ptr } from "bun:ffi";

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

/** The other end of a connection. */
export interface PeerName {
  /** Its bytes in hexadecimal digits: 8 of IPv4, also where it is mapped into IPv6, else 32. */
  readonly address: string;
  readonly port: number;
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
  peerOf(descriptor: number): PeerName | undefined {
    const { bytes, length } = this.#ask((at, size) => this.#kernel.getpeername(descriptor, at, size));
    if (length < 16) return undefined;
    const port = bytes.readUInt16BE(2);
    if (bytes.readUInt16LE(0) === familyIpv4) return { address: bytes.toString("hex", 4, 8), port };
    const isMapped = bytes.toString("hex", 8, 20) === "00000000000000000000ffff";
    return { address: isMapped ? bytes.toString("hex", 20, 24) : bytes.toString("hex", 8, 24), port };
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
