// Connections that said nothing since they were accepted. The engine does not tell of them, so the kernel is asked about
// each open descriptor (Linux alone: elsewhere none is found). file-pressure.ts ends them when descriptors run out.

import { dlopen, FFIType, ptr } from "bun:ffi";

const { i32, ptr: pointer } = FFIType;

const functions = {
  getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 },
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
const getDescriptorFlags = 1;
const shutdownBoth = 2;
const established = 1;
/** In `struct tcp_info`: its fields never move. */
const receivedAt = 128;
const infoBytes = receivedAt + 8;
const familyIpv4 = 2;

/** Behind so many closed descriptors in a row there are no more. */
const closedInRow = 4_096;
/** Ended in one go: at least so many, if there are as many. */
const enough = 32;

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

export class SilentConnections {
  readonly #kernel: Kernel;
  readonly #answer = new Answer();

  private constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** @returns undefined where the kernel cannot be asked. */
  static open(): SilentConnections | undefined {
    if (process.platform !== "linux") return undefined;
    for (const library of libraries) {
      try {
        return new SilentConnections(dlopen(library, functions).symbols);
      } catch {
        // Another name, or a system without any of them: then none is found.
      }
    }
    return undefined;
  }

  /**
   * Ends silent connections to a port of ours: all of the address that has most, then of the next, until it is enough.
   * @returns how many.
   */
  end(port: number): number {
    let ended = 0;
    for (const descriptors of this.#find(port).toSorted((a, b) => b.length - a.length)) {
      if (ended >= enough) break;
      for (const descriptor of descriptors) this.#kernel.shutdown(descriptor, shutdownBoth);
      ended += descriptors.length;
    }
    return ended;
  }

  /** Descriptors by address. */
  #find(port: number): readonly (readonly number[])[] {
    const found = new Map<string, number[]>();
    let closed = 0;
    for (let descriptor = 3; closed < closedInRow; descriptor++) {
      if (this.#kernel.fcntl(descriptor, getDescriptorFlags, 0) === -1) {
        closed++;
        continue;
      }
      closed = 0;
      if (!this.#isSilent(descriptor) || this.#portOf(descriptor) !== port) continue;
      const address = this.#addressOf(descriptor);
      const others = found.get(address);
      if (others) others.push(descriptor);
      else found.set(address, [descriptor]);
    }
    return [...found.values()];
  }

  #isSilent(descriptor: number): boolean {
    const { bytes, length } = this.#ask((at, size) =>
      this.#kernel.getsockopt(descriptor, protocolTcp, tcpInfo, at, size),
    );
    return length >= infoBytes && bytes[0] === established && bytes.readBigUInt64LE(receivedAt) === 0n;
  }

  #portOf(descriptor: number): number {
    const { bytes } = this.#ask((at, size) => this.#kernel.getsockname(descriptor, at, size));
    return bytes.readUInt16BE(2);
  }

  /** IPv6 counts by its network. */
  #addressOf(descriptor: number): string {
    const { bytes } = this.#ask((at, size) => this.#kernel.getpeername(descriptor, at, size));
    if (bytes.readUInt16LE(0) === familyIpv4) return bytes.toString("hex", 4, 8);
    const isMapped = bytes.toString("hex", 8, 20) === "00000000000000000000ffff";
    return isMapped ? bytes.toString("hex", 20, 24) : bytes.toString("hex", 8, 16);
  }

  /** @returns of length 0 when the call failed. */
  #ask(call: Parameters<Answer["fill"]>[0]): { readonly bytes: Buffer; readonly length: number } {
    const isFilled = this.#answer.fill(call);
    return { bytes: this.#answer.bytes, length: isFilled ? this.#answer.length : 0 };
  }
}
