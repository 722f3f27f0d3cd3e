// Ends connections of answers that their clients do not read. The engine keeps such a connection until its idle time is
// over, and the kernel keeps what waits for it longer still: megabytes of each. So it is looked for by its peer
// (kernel-sockets.ts), and reset. stream.ts says which.

import { ipv6Groups, mappedIpv4 } from "../base/ip-address.ts";
import type { KernelSockets } from "./kernel-sockets.ts";

/** A crowd that falls behind together is looked for once, ms: each look asks about every descriptor. */
const gatherMs = 50;

/** The other end of a connection, as the engine names it. */
export interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

export class StalledConnections {
  readonly #sockets: KernelSockets;
  /** Our own. */
  readonly #port: number;
  /** Addresses by port: most descriptors are judged by a number. */
  readonly #wanted = new Map<number, Set<string>>();

  constructor(sockets: KernelSockets, port: number) {
    this.#sockets = sockets;
    this.#port = port;
  }

  /** Ends the connection from there, in a moment; nothing of what waits for it is kept. */
  end({ address, port }: PeerAddress): void {
    if (this.#wanted.size === 0) setTimeout(this.#reset, gatherMs).unref();
    const wanted = this.#wanted.get(port);
    if (wanted) wanted.add(digitsOf(address));
    else this.#wanted.set(port, new Set([digitsOf(address)]));
  }

  readonly #reset = (): void => {
    for (const descriptor of this.#sockets.descriptors()) {
      const peer = this.#sockets.peerOf(descriptor);
      if (!peer || this.#wanted.get(peer.port)?.has(peer.address) !== true) continue;
      if (this.#sockets.portOf(descriptor) === this.#port) this.#sockets.reset(descriptor);
    }
    this.#wanted.clear();
  };
}

/** As {@link KernelSockets.peerOf} writes it. */
function digitsOf(address: string): string {
  const groups = ipv6Groups(address);
  const ipv4 = groups ? mappedIpv4(groups) : address;
  if (ipv4 !== undefined) return Buffer.from(ipv4.split(".").map(Number)).toString("hex");
  return (groups ?? []).map((group) => group.toString(16).padStart(4, "0")).join("");
}
