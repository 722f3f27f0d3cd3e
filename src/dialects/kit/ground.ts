// A verdict on a join is of one turn. Where a client waits between the verdict and the room - for what it missed, for the
// store - it enters only if the verdict still stands in the turn in which it enters; otherwise it is judged again.

import type { Identity } from "../../core/identity.ts";
import type { Access, Ground } from "../../proofs/access.ts";

/** Taken before the verdict is asked for: what changes while it is made counts too. */
export function groundOf({ revocations }: Pick<Access, "revocations">, identity: Identity): Ground {
  return { identity, revocations };
}

/** Does a verdict that stands on it still stand? @param identity of the client now */
export function isGround(ground: Ground, access: Pick<Access, "revocations">, identity: Identity): boolean {
  return ground.identity === identity && ground.revocations === access.revocations;
}
