// The Access port: who may join a room and speak there, one rule for every dialect (docs/architecture.md). The rule itself, the
// look-up of secrets and the limits on guesses are in auth/ (room-access.ts). A room's name decides (core/room-name.ts), unless a
// rule of the config says otherwise (vocabulary/room-rules.ts).

import type { Identity } from "../core/identity.ts";
import type { Connection } from "../core/membership.ts";

/** What decides about a join. */
export interface EnterRequest {
  readonly namespace: string;
  readonly room: string;
  /** The id of the client that asks: it may be in the room of that name. */
  readonly id?: string | undefined;
  readonly identity: Identity;
  /** As the client sent it: only a non-empty string can be right. Or a `ShownBefore` (shown-before.ts), where it comes back. */
  readonly secret: unknown;
  /** What limits count the client by (`Exchange.countedAs`). */
  readonly address: string;
  /** Who asks: failed joins are limited per client too. Any object that the client cannot have anew without connecting. */
  readonly client: object;
}

/**
 * `closed`: the room's rule has no way in for this client. `unavailable`: the secret could not be looked up, so the client may
 * not enter (SEC-02).
 */
export type EnterVerdict =
  | "allowed"
  | "room_of_another"
  | "closed"
  | "secret_wrong"
  | "rate_limited"
  | "unavailable";

/** `limited`: too many wrong ones came from that address, so this one was not compared. */
export type SecretVerdict = "right" | "wrong" | "limited";

/** The sender of a secret, as limits count it (`Exchange.countedAs`). */
export interface SecretSender {
  readonly countedAs: string;
}

/**
 * Checks the secret that a request carries: of publishers, of admins. Only text can be right. Decided at once unless the
 * answer has to come late.
 * @param sender is looked at where wrong secrets are remembered, or this one is wrong.
 */
export type SecretCheck = (
  candidate: unknown,
  sender: SecretSender,
) => SecretVerdict | Promise<SecretVerdict>;

/** What a verdict stands on: who the client is, and what was taken back by then. */
export interface Ground {
  readonly identity: Identity;
  readonly revocations: number;
}

/** What decides about words of a client. */
export type SayRequest = Pick<EnterRequest, "namespace" | "room" | "identity">;

/** The one rule for rooms, whichever dialect a client speaks. */
export interface Access {
  /** May this client enter the room? Decided at once where it shows no secret. */
  judge(request: EnterRequest & { readonly secret: undefined }): EnterVerdict;
  judge(request: EnterRequest): EnterVerdict | Promise<EnterVerdict>;
  /** May clients of every dialect hear what this client, being in the room, says there (SEC-16)? */
  mayPublish(request: SayRequest): boolean;
  /** Is the room open to this visitor for who it is, whatever secret it shows? */
  isOpenTo(request: SayRequest): boolean;
  /** How often rights were taken back so far: what a client was allowed before that is judged again (`groundOf`). */
  readonly revocations: number;
  /** Was the proof of this identity taken back since it was judged? */
  isRevoked(identity: Identity): boolean;
  /**
   * Rooms that a client may not be in any more, having this identity now: those that the earlier one opened, and this one does
   * not. What a secret or a backend opened stays open.
   */
  lostRooms(connection: Connection, identity: Identity): readonly string[];
  /** Says in the log when the room-space has no secret at all; no client waits for it, or learns it. */
  hintIfUnset(space: string): void;
}
