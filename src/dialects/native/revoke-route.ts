// `POST /api/revoke`: a backend takes rights back before they end (docs/auth.md): those of a user, of one token, or of clients
// that showed an earlier secret of a room-space. Behind the publish secret, as all doors of backends are.

import { z } from "zod";
import type { Route } from "../../server/route.ts";
import type { BackendContext } from "../dialect.ts";
import { revocationKinds } from "../../proofs/revocations.ts";
import type { Revocation } from "../../proofs/revocations.ts";
import { backendDoor, bodyInvalid, demandReady, readOrder } from "../kit/backend-post.ts";
import type { BackendDoor } from "../kit/backend-post.ts";
import { answer } from "../../base/problem.ts";

export const revokePath = "/api/revoke";

/** Longest body, bytes. */
const maxBytes = 16 * 1024;

const name = z.string().min(1).max(256);

const daySeconds = 86_400;
const usualSeconds = 30 * daySeconds;

/** The members of an order, for people. */

/** What the route takes and answers, by the names that they have in the OpenAPI document (operations.ts). */
export const revokeSchemas = {
  RevokeOrder: z
    .strictObject({
      user: name.optional().describe("Its connections end, and what was issued to it before is refused"),
      token: name.optional().describe("The id of a token (`jti`): its connections end, and it is refused"),
      space: name
        .optional()
        .describe("A room-space with another secret now: clients that showed an earlier one leave its rooms"),
      before: z
        .int()
        .min(0)
        .max(Number.MAX_SAFE_INTEGER)
        .optional()
        .describe(
          "With `user`: what was issued until then is refused (`iat`, seconds since 1970); until now without it",
        ),
      seconds: z
        .int()
        .min(1)
        .max(366 * daySeconds)
        .optional()
        .describe("It is refused for so long, which is as long as tokens live at most; 30 days without it"),
    })
    .describe("One of `user`, `token` and `space` must be there"),
  Revoked: z
    .strictObject({
      ended: z
        .int()
        .min(0)
        .describe("Connections that were closed, or left a room, on the gateways that answered"),
      answered: z.array(z.string()).describe("Ids of the gateways that carried it out"),
      silent: z
        .array(z.string())
        .describe("Ids of those that did not answer in time: they carry it out when they reach Redis"),
    })
    .describe("It is kept, and refused from now on"),
};

export function revokeRoute(context: BackendContext, door: Omit<BackendDoor, "maxBytes">): Route {
  const revoke = backendDoor(context, { ...door, maxBytes }, async (body) => {
    const revocation = revocationOf(body);
    demandReady(context.bus);
    return answer(200, await context.revoker.revoke(revocation));
  });
  return { path: revokePath, isPrefix: false, fetch: revoke };
}

function revocationOf(body: Uint8Array): Revocation {
  const expected = "Expected an object with `user`, `token` or `space`";
  const order = readOrder(body, revokeSchemas.RevokeOrder, expected);
  const { before, seconds = usualSeconds } = order;
  const named = revocationKinds.flatMap((kind) =>
    order[kind] === undefined ? [] : [[kind, order[kind]] as const],
  );
  const [first] = named;
  if (!first || named.length > 1) throw bodyInvalid("Expected one of `user`, `token` and `space`");
  const [kind, text] = first;
  if (before !== undefined && kind !== "user") throw bodyInvalid("Expected `before` with `user` alone");
  const nowMs = Date.now();
  return {
    kind,
    name: text,
    before: before ?? Math.floor(nowMs / 1_000),
    untilMs: nowMs + seconds * 1_000,
  };
}
