// Which client has which key on this gateway. One each: the newest wins, and the late end of an older one takes
// nothing from it (HUB-12).

import type { RawConnection } from "../raw/raw-connection.ts";
import { groupsOf } from "./names.ts";

export class Roster {
  readonly #clients = new Map<string, RawConnection>();

  get size(): number {
    return this.#clients.size;
  }

  keys(): Iterable<string> {
    return this.#clients.keys();
  }

  /** Registers a client. The one that had the key before is closed. */
  add(key: string, client: RawConnection): void {
    const before = this.#clients.get(key);
    this.#clients.set(key, client);
    before?.close("replaced");
  }

  /** @returns false when a newer client has the key. */
  remove(key: string, client: RawConnection): boolean {
    return this.#clients.get(key) === client && this.#clients.delete(key);
  }

  /** The groups of a key's client; undefined when there is no such client. */
  groupsOf(key: string): readonly string[] | undefined {
    const client = this.#clients.get(key);
    return client && groupsOf(client.connection);
  }
}
