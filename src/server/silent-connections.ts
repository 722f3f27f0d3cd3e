// Connections that said nothing since they were accepted. The engine does not tell of them, so the kernel is asked
// (kernel-sockets.ts). file-pressure.ts ends them when descriptors run out.

import { networkOf } from "./kernel-sockets.ts";
import type { KernelSockets } from "./kernel-sockets.ts";

/** Ended in one go: at least so many, if there are as many. */
const enough = 32;

/**
 * Ends silent connections to a port of ours: all of the address that has most, then of the next, until it is enough.
 * @returns how many.
 */
export function endSilent(sockets: KernelSockets, port: number): number {
  let ended = 0;
  for (const descriptors of findSilent(sockets, port).toSorted((a, b) => b.length - a.length)) {
    if (ended >= enough) break;
    for (const descriptor of descriptors) sockets.shutdown(descriptor);
    ended += descriptors.length;
  }
  return ended;
}

/** Descriptors by address. */
function findSilent(sockets: KernelSockets, port: number): readonly (readonly number[])[] {
  const found = new Map<number | string, number[]>();
  for (const descriptor of sockets.descriptors()) {
    if (!sockets.isSilent(descriptor) || sockets.portOf(descriptor) !== port) continue;
    const address = networkOf(sockets.peerOf(descriptor) ?? "");
    const others = found.get(address);
    if (others) others.push(descriptor);
    else found.set(address, [descriptor]);
  }
  return [...found.values()];
}
