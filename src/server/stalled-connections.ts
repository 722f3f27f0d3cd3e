// Ends connections of answers that their clients do not read. The engine keeps such a connection until its idle time is
// over, and the kernel keeps what waits for it longer still: megabytes of each. So it is looked for by its peer
// (kernel-sockets.ts), and reset. stream.ts says which.

import type { KernelSockets, Peer } from "./kernel-sockets.ts";

/** A crowd that falls behind together is looked for once, ms: each look asks about every descriptor. */
const gatherMs = 50;

export class StalledConnections {
  readonly #sockets: KernelSockets;
  /** Our own. */
  readonly #port: number;
  readonly #wanted = new Set<Peer>();

  constructor(sockets: KernelSockets, port: number) {
    this.#sockets = sockets;
    this.#port = port;
  }

  /** Ends the connection from there, in a moment; nothing of what waits for it is kept. */
  end(peer: Peer): void {
    if (this.#wanted.size === 0) setTimeout(this.#reset, gatherMs).unref();
    this.#wanted.add(peer);
  }

  readonly #reset = (): void => {
    for (const descriptor of this.#sockets.descriptors()) {
      const peer = this.#sockets.peerOf(descriptor);
      if (peer === undefined || !this.#wanted.has(peer)) continue;
      if (this.#sockets.portOf(descriptor) === this.#port) this.#sockets.reset(descriptor);
    }
    this.#wanted.clear();
  };
}
