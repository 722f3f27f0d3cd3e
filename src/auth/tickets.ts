// Tickets: codes for URLs, where nothing that lasts may stand (docs/auth.md). A backend asks for one, and hands it to a page;
// the first that shows it has it, and then it is gone. The store knows a digest of the code alone: a reader of the store
// cannot use it (T17).

import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import type { TicketIssuer, TicketOrder } from "../proofs/credentials.ts";
import type { IdentityResult } from "../proofs/identity-source.ts";
import type { KeyStore } from "../core/keys.ts";
import type { Observe } from "../core/observe.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { createGrants } from "./granted-rooms.ts";

/** What their keys begin with: no name of a dialect may (RTE-08). */
export const ticketKeyPrefix = "belfry-ticket:";

/** 256 random bits as base64url. */
const codeForm = /^[\w-]{43}$/;

const stored = z.object({
  rooms: z.array(z.string()),
  user: z.string().optional(),
  groups: z.array(z.string()),
  /** When it was made, seconds since 1970. */
  at: z.number().default(0),
});

export interface TicketsParts {
  readonly keys: Pick<KeyStore, "set" | "take">;
  readonly observe: Observe;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

export class Tickets implements TicketIssuer {
  readonly #parts: TicketsParts;

  constructor(parts: TicketsParts) {
    this.#parts = parts;
  }

  async issue({ rooms, user, groups, seconds }: TicketOrder): Promise<string> {
    const code = randomBytes(32).toString("base64url");
    const at = Math.floor(this.#parts.nowMs() / 1_000);
    await this.#parts.keys.set(keyOf(code), JSON.stringify({ rooms, user, groups, at }), seconds);
    return code;
  }

  /** Who shows it; there is no second time. Never rejects. */
  async take(code: string): Promise<IdentityResult> {
    if (!codeForm.test(code)) return { kind: "denied", reason: "ticket_invalid" };
    try {
      const bytes = await this.#parts.keys.take(keyOf(code));
      return bytes ? identityOf(bytes) : { kind: "denied", reason: "ticket_invalid" };
    } catch (error) {
      // A lost bus is known already (readiness is red).
      if (!(error instanceof GatewayError)) this.#parts.observe.report("ticket", error);
      return { kind: "unavailable", reason: "bus_unavailable" };
    }
  }
}

function keyOf(code: string): string {
  return ticketKeyPrefix + createHash("sha256").update(code).digest("base64url");
}

function identityOf(bytes: Buffer): IdentityResult {
  const { rooms, user, groups, at } = stored.parse(JSON.parse(bytes.toString()));
  // Names, not globs: a backend may put words of its users into them.
  const grants = createGrants(new Set(rooms));
  return { kind: "identity", session: undefined, user, groups, issuedAt: at, ...(grants && { grants }) };
}
