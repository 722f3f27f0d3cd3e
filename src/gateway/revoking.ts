// Rights that are taken back: the order is kept in the store first, so that no gateway forgets it, and then all gateways are
// asked to put those out that are connected. One that does not hear it reads it from the store within seconds
// (auth/revocations.ts).

import { z } from "zod";
import type { Lost, RevocationBook } from "../auth/revocations.ts";
import type { RoomAccess } from "../auth/room-access.ts";
import type { RoomSecrets } from "../auth/room-secrets.ts";
import { roomSpace } from "../core/room-name.ts";
import type { Hub } from "../core/hub.ts";
import type { Room } from "../core/membership.ts";
import { revocationKinds } from "../proofs/revocations.ts";
import type { Revocation, RevocationStore, RevokeOutcome, Revoker } from "../proofs/revocations.ts";
import type { Peers } from "../peers/peers.ts";
import { answerTo, askAll } from "../peers/asking.ts";
import { GatewayError } from "../vocabulary/errors.ts";

export interface RevokingParts {
  readonly hub: Pick<Hub, "visitors" | "rooms" | "leave">;
  readonly access: Pick<RoomAccess, "isOpenTo">;
  readonly secrets: Pick<RoomSecrets, "outdated">;
  readonly book: Pick<RevocationBook, "obey">;
  readonly store: Pick<RevocationStore, "add">;
  readonly peers: Pick<Peers, "ask" | "answer">;
}

const question = {
  topic: "revoke",
  asked: z.object({
    kind: z.enum(revocationKinds),
    name: z.string().max(512),
    before: z.number(),
    untilMs: z.number(),
  }),
  /** How many it put out. */
  answered: z.number(),
};

/** Secrets of room-spaces that could not be looked up are tried again after so long, ms. */
const retryMs = 2_000;

export class Revoking implements Revoker {
  readonly #parts: RevokingParts;
  /** Room-spaces of which the secret could not be looked up. */
  readonly #due = new Set<string>();
  #retryAt = 0;

  constructor(parts: RevokingParts) {
    this.#parts = parts;
    answerTo(parts.peers, question, async (revocation) => parts.book.obey(revocation));
  }

  async revoke(revocation: Revocation): Promise<RevokeOutcome> {
    if (!(await this.#parts.store.add(revocation)))
      throw new GatewayError(
        "revocations_full",
        "Expected fewer rights that were taken back and have not ended, got as many as are kept",
      );
    const { answers, gateways } = await askAll(this.#parts.peers, question, revocation);
    return { ended: [...answers.values()].reduce((sum, count) => sum + count, 0), ...gateways };
  }

  /** Puts those out that lost their right here. @returns how many */
  async carryOut(lost: Lost): Promise<number> {
    let ended = this.#parts.hub.visitors.revoke((identity) => lost.isOut(identity));
    for (const space of lost.spaces) ended += await this.#close(space);
    return ended;
  }

  tick(now: number): void {
    if (this.#due.size === 0 || now < this.#retryAt) return;
    this.#retryAt = now + retryMs;
    for (const space of this.#due) void this.#close(space);
  }

  /** Puts those out of the rooms of a room-space that showed an earlier secret of it, and have no other right. */
  async #close(space: string): Promise<number> {
    const { hub, secrets } = this.#parts;
    const isOutdated = await secrets.outdated(space);
    if (!isOutdated) {
      this.#due.add(space);
      return 0;
    }
    this.#due.delete(space);
    const rooms = [...hub.rooms()].filter(({ name = "" }) => roomSpace(name) === space);
    return rooms.reduce((sum, room) => sum + this.#putOut(room, isOutdated), 0);
  }

  #putOut(room: Room, isOutdated: (client: object) => boolean): number {
    const { hub, access } = this.#parts;
    const { namespace, name = "" } = room;
    let count = 0;
    for (const member of Array.from(room.members())) {
      const { agent, identity } = member;
      const hasLost = agent.client !== undefined && isOutdated(agent.client);
      if (!hasLost || access.isOpenTo({ namespace, room: name, identity })) continue;
      hub.leave(member, name);
      agent.putOut?.(name);
      agent.moved?.();
      count++;
    }
    return count;
  }
}
