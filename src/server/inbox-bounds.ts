// How much of what clients said may wait for its turn (base/turns.ts). The engine reads up to 512 KiB of one websocket at once
// and hands over every message of it before it looks at anything else; so does it with all of them.

import type { FrameQueue } from "./frame-queue.ts";

/** What may wait of one client, the message that comes not counted: one of any size finds room behind little. */
const mostBytes = 4 * 1024 * 1024;
/** What may wait of all clients of a listener together; beyond it, each may have one message waiting. */
const mostBytesOfAll = 64 * 1024 * 1024;

export class InboxBounds {
  #bytes = 0;

  /** May one more message wait behind these? */
  hasRoom(inbox: FrameQueue): boolean {
    return inbox.isEmpty || (inbox.bytes <= mostBytes && this.#bytes <= mostBytesOfAll);
  }

  /** So many bytes more wait now, or fewer. */
  count(bytes: number): void {
    this.#bytes += bytes;
  }
}
