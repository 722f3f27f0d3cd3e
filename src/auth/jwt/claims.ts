// What a token says of its bearer: from claims to an identity (docs/auth.md). What is there and of another form refuses the
// whole token: a part of its rights would be another token.

import { z } from "zod";
import type { IdentityResult } from "../../proofs/identity-source.ts";
import { createGrants } from "../granted-rooms.ts";
import { boundGroups } from "../result.ts";
import { clockTolerance } from "./verifier.ts";

/** Rooms that one token may name; each is a name or a glob. */
const maxGrantedRooms = 100;

const roomList = z.array(z.string().min(1).max(512)).max(maxGrantedRooms).default([]);
const name = z.string().min(1).max(256).optional();

/** `info` is bounded as JSON text, characters. */
const maxInfoLength = 1_024;

const claims = z.object({
  exp: z.number(),
  iat: z.number().default(0),
  sub: name,
  groups: z.array(z.string()).default([]),
  rooms: roomList,
  rooms_publish: roomList,
  info: z
    .unknown()
    .transform((value) => JSON.stringify(value))
    .refine((text) => text.length <= maxInfoLength)
    .optional(),
  sid: name,
  jti: name,
});

/** The claims that are of another form than here, by name; an empty list where all are right. */
export function claimFaults(payload: unknown): readonly string[] {
  const { error } = claims.safeParse(payload);
  return [...new Set(error?.issues.map(({ path: [first] }) => String(first)) ?? [])];
}

export function identityOf(payload: unknown): IdentityResult {
  const read = claims.safeParse(payload);
  if (!read.success) return { kind: "denied", reason: "jwt_claims" };
  const { exp, iat, sub, groups, rooms, rooms_publish: publish, info, sid, jti } = read.data;
  const grants = createGrants(rooms, publish);
  return {
    kind: "identity",
    session: sid,
    user: sub,
    groups: boundGroups(groups),
    expiresAtMs: (exp + clockTolerance) * 1_000,
    issuedAt: iat,
    ...(grants && { grants }),
    ...(info !== undefined && { info }),
    ...(jti !== undefined && { tokenId: jti }),
  };
}
