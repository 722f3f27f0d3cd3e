// What dialects that ask for no identity, and whose clients say nothing, never use of their context, for tests that put one together by hand; and a check
// of a secret without any limit.

import { publishSecret } from "../../src/auth/constant-time.ts";
import { RoomAccess } from "../../src/auth/room-access.ts";
import type { SecretRequest } from "../../src/auth/room-secrets.ts";
import type { Access, SecretCheck, EnterVerdict } from "../../src/core/access.ts";
import type { BrowserContext } from "../../src/core/dialect.ts";
import type { Hub } from "../../src/core/hub.ts";
import { anonymous } from "../../src/core/identity.ts";
import { nothingKept } from "../../src/core/recovery.ts";
import { noRules } from "../../src/core/room-rules.ts";

export function unlimitedCheck(secret: string): SecretCheck {
  const isRight = publishSecret(secret);
  return async (candidate) => (isRight(candidate) ? "right" : "wrong");
}

export const withoutIdentity: Pick<
  BrowserContext,
  | "identity"
  | "listen"
  | "isForeignName"
  | "isOpenRoom"
  | "rules"
  | "guardSecret"
  | "voice"
  | "mayJudge"
  | "recovery"
> = {
  identity: { readsCookies: false, recheckMs: undefined, identify: async () => anonymous },
  listen: () => Promise.reject(new Error("Expected nobody to listen")),
  isForeignName: () => false,
  isOpenRoom: () => false,
  mayJudge: () => true,
  rules: noRules,
  guardSecret: unlimitedCheck,
  recovery: nothingKept,
  voice: { say: () => Promise.reject(new Error("Expected no client to speak")) },
};

/** The rule of rooms with secrets of the test's own; without a word, none is ever right. */
export function accessWith(
  hub: Hub,
  mayJoin: (request: SecretRequest) => EnterVerdict | Promise<EnterVerdict> = () => "secret_wrong",
): Access {
  return new RoomAccess({ hub, secrets: { mayJoin, hintIfUnset() {} }, rules: noRules });
}
