// The way back of one client in one namespace: its session is taken from the book, its rights to each room are judged anew,
// and what it missed is asked for, all rooms in one turn. Whatever is not sure makes it a client like any other.

import { isEqualSecret } from "../../../base/constant-time.ts";
import { ShownBefore } from "../../../proofs/shown-before.ts";
import type { EnterVerdict, Ground } from "../../../proofs/access.ts";
import type { BrowserContext } from "../../dialect.ts";
import type { Identity } from "../../../core/identity.ts";
import type { Kept } from "../../../recovery/recovery.ts";
import { GatewayError } from "../../../vocabulary/errors.ts";
import type { ReturnOutcome } from "../../../vocabulary/reasons.ts";
import { groundOf, isGround } from "../../kit/ground.ts";
import { maxReplayBytes, sizeOf } from "../../kit/replay.ts";
import { missedBy, questionsOf } from "./missed.ts";
import { isPid, proofOf, sessionKey, userProof } from "./pid.ts";
import type { SessionBook } from "./session-book.ts";
import { decodeSession } from "./stored-session.ts";
import type { KeptRoom, StoredSession } from "./stored-session.ts";

/** What a client shows in its CONNECT. */
export interface Claim {
  readonly namespace: string;
  readonly pid: string;
  /** Empty where it has none: it received nothing yet. */
  readonly offset: string;
}

/** Who comes. */
export interface Comer {
  /** What limits count it by. */
  readonly address: string;
  /** Limits of wrong secrets are counted by it. */
  readonly client: object;
  readonly identity: Identity;
  /** Aborted when it is gone. */
  readonly gone: AbortSignal;
}

export interface Return {
  readonly session: StoredSession;
  /** In order, each once. */
  readonly missed: readonly Kept[];
}

/** One that comes back, and has its session. */
interface Coming {
  readonly claim: Claim;
  readonly session: StoredSession;
  readonly comer: Comer;
}

export type ReturnPorts = Pick<BrowserContext, "access" | "recovery" | "observe" | "limits">;

type Loss = Exclude<ReturnOutcome, "recovered">;

/** What the object of a CONNECT claims. @returns undefined: nothing, it comes for the first time. */
export function readClaim(namespace: string, json: string | undefined): Claim | undefined {
  if (json === undefined) return undefined;
  const { pid, offset } = JSON.parse(json) as { readonly pid?: unknown; readonly offset?: unknown };
  if (typeof pid !== "string") return undefined;
  return { namespace, pid, offset: typeof offset === "string" ? offset : "" };
}

export class Returns {
  readonly #ports: ReturnPorts;
  readonly #book: SessionBook;

  constructor(ports: ReturnPorts, book: SessionBook) {
    this.#ports = ports;
    this.#book = book;
  }

  /**
   * Calls `arrive` once: with what the client had and missed, in the turn in which that is exact, or without it. It is not
   * called for a client that is gone.
   */
  async comeBack(claim: Claim, comer: Comer, arrive: (back: Return | undefined) => void): Promise<void> {
    const { gone } = comer;
    const settle = (back: Return | Loss): void => {
      this.#ports.observe.returned("socketio", typeof back === "string" ? back : "recovered");
      if (!gone.aborted) arrive(typeof back === "string" ? undefined : back);
    };
    const session = await this.#take(claim);
    if (typeof session === "string") {
      settle(session);
      return;
    }
    // At once: it was told nothing, and may be at another gateway already.
    const giveBack = (): void => {
      void this.#book.putBack(sessionKey(claim.pid, claim.namespace), session);
    };
    if (gone.aborted) giveBack();
    gone.addEventListener("abort", giveBack, { once: true });
    const answer = (back: Return | Loss): void => {
      gone.removeEventListener("abort", giveBack);
      if (!gone.aborted) settle(back);
    };
    await this.#enter({ claim, session, comer }, answer);
  }

  /** Judges it, and asks what it missed. */
  async #enter(coming: Coming, settle: (back: Return | Loss) => void): Promise<void> {
    const ground = groundOf(this.#ports.access, coming.comer.identity);
    const refusal = await this.#judge(coming);
    if (refusal === undefined) this.#resume(coming, ground, settle);
    else settle(refusal);
  }

  #resume(coming: Coming, ground: Ground, settle: (back: Return | Loss) => void): void {
    const { access, recovery, limits } = this.#ports;
    const { claim, session, comer } = coming;
    const returning = { ...claim, session };
    const asked = questionsOf(returning);
    if (typeof asked === "string") {
      settle(asked);
      return;
    }
    recovery.resume(asked, (answers) => {
      // It may have lost its right while this was looked up.
      if (!isGround(ground, access, comer.identity)) {
        void this.#enter(coming, settle);
        return;
      }
      const missed = missedBy(returning, answers);
      if (typeof missed === "string") settle(missed);
      else settle(sizeOf(missed) > maxReplayBytes(limits) ? "too_much" : { session, missed });
    });
  }

  async #take({ namespace, pid, offset }: Claim): Promise<StoredSession | Loss> {
    if (!isPid(pid)) return "session_unknown";
    try {
      const bytes = await this.#book.take(sessionKey(pid, namespace));
      const session = bytes && decodeSession(bytes);
      if (!session) return "session_unknown";
      return offset === "" ? "no_offset" : session;
    } catch (error) {
      if (!(error instanceof GatewayError)) this.#ports.observe.report("socketio_session", error);
      return "unavailable";
    }
  }

  /** May it be in its rooms still? One that it may not be in makes it a new client: its page joins anew, and is answered. */
  async #judge({ claim, session: { sid, who, rooms }, comer }: Coming): Promise<Loss | undefined> {
    const { access, limits } = this.#ports;
    const isSameUser = isEqualSecret(userProof(claim.pid, comer.identity.user), who);
    if (!isSameUser || access.isRevoked(comer.identity) || rooms.size > limits.roomsPerConnection)
      return "rights";
    const verdicts = await Promise.all(
      Array.from(rooms, async ([room, kept]) => this.#judgeRoom({ claim, sid, room, kept }, comer)),
    );
    if (verdicts.includes("unavailable")) return "unavailable";
    return verdicts.every((verdict) => verdict === "allowed") ? undefined : "rights";
  }

  #judgeRoom(
    {
      claim,
      sid,
      room,
      kept: { way },
    }: {
      readonly claim: Claim;
      readonly sid: string;
      readonly room: string;
      readonly kept: KeptRoom;
    },
    { address, client, identity }: Comer,
  ): EnterVerdict | Promise<EnterVerdict> {
    // Where a backend put it there it may stay: what the backend ordered since is looked at (orders.ts).
    if (way === "granted") return "allowed";
    const { namespace, pid } = claim;
    const { proof } = way;
    const secret =
      proof === undefined ? undefined : new ShownBefore((now) => isEqualSecret(proofOf(pid, now), proof));
    return this.#ports.access.judge({
      namespace,
      room,
      id: sid,
      identity,
      secret,
      address,
      client,
    });
  }
}
