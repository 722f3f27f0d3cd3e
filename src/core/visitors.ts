// The connections of a gateway that have an identity. One that ends with its token, or that lost its right, is closed here,
// whichever dialect it speaks: this is the only clock of tokens.

import type { Identity } from "./identity.ts";
import { anonymous } from "./identity.ts";
import type { Connection } from "./membership.ts";

export class Visitors {
  readonly #connections = new Set<Connection>();
  /** Those that came since the last tick. */
  #fresh: Connection[] = [];

  /** How many have an identity now. */
  get size(): number {
    return this.#connections.size;
  }

  /** Those that have an identity now. */
  connections(): Iterable<Connection> {
    return this.#connections;
  }

  /** A connection entered, or has another identity. */
  add(connection: Connection): void {
    if (connection.identity === anonymous) return;
    this.#connections.add(connection);
    this.#fresh.push(connection);
  }

  delete(connection: Connection): void {
    this.#connections.delete(connection);
  }

  /**
   * Closes those that ended, with the reason by which their dialect says: come back with a fresh token. And those that came just
   * when their right was taken back: they were judged before.
   * @param nowMs since 1970
   */
  tick(nowMs: number, isRevoked: (identity: Identity) => boolean): void {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const { agent, identity } of fresh) if (isRevoked(identity)) agent.disconnect(true, "denied");
    for (const connection of this.#connections) {
      const { expiresAtMs = Number.POSITIVE_INFINITY } = connection.identity;
      if (nowMs >= expiresAtMs) connection.agent.disconnect(true, "expired");
    }
  }

  /** Closes all that this is true of. @returns how many */
  revoke(isRevoked: (identity: Identity) => boolean): number {
    const revoked = [...this.#connections].filter(({ identity }) => isRevoked(identity));
    for (const { agent } of revoked) agent.disconnect(true, "denied");
    return revoked.length;
  }
}
