// What the clients of one gateway said last: it does not come back to them, whichever client says it again (W4R-08). client.ts
// keeps it up to date, backend.ts asks it whom a message leaves out.

import { createHash } from "node:crypto";

/** The last message of one client. */
export interface LastMessage {
  /** Of its bytes: messages are of any length. */
  readonly digest: string;
  /** Of the client. */
  readonly id: string;
}

const none: readonly string[] = [];

export class LastMessages {
  /** The ids of clients, by the digest of what they said. */
  readonly #clients = new Map<string, Set<string>>();

  add(id: string, message: string | Uint8Array): LastMessage {
    const digest = digestOf(message);
    const ids = this.#clients.get(digest);
    if (ids) ids.add(id);
    else this.#clients.set(digest, new Set([id]));
    return { digest, id };
  }

  delete({ digest, id }: LastMessage): void {
    const ids = this.#clients.get(digest);
    ids?.delete(id);
    if (ids?.size === 0) this.#clients.delete(digest);
  }

  /** The ids of the clients that last said this. Hashed only while there is anything to compare with. */
  clientsOf(message: Uint8Array): readonly string[] {
    if (this.#clients.size === 0) return none;
    const ids = this.#clients.get(digestOf(message));
    return ids ? [...ids] : none;
  }
}

function digestOf(message: string | Uint8Array): string {
  return createHash("sha256").update(message).digest("base64url");
}
