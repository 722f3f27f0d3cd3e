// What dialects that ask for no identity, and whose clients say nothing, never use of their context, for tests that put one together by hand; and a check
// of a secret without any limit.

import { publishSecret } from "../../src/auth/constant-time.ts";
import type { SecretCheck } from "../../src/core/access.ts";
import type { BrowserContext } from "../../src/core/dialect.ts";
import { anonymous } from "../../src/core/identity.ts";

export function unlimitedCheck(secret: string): SecretCheck {
  const isRight = publishSecret(secret);
  return async (candidate) => (isRight(candidate) ? "right" : "wrong");
}

export const withoutIdentity: Pick<
  BrowserContext,
  "identity" | "listen" | "isForeignName" | "isOpenRoom" | "guardSecret" | "voice"
> = {
  identity: { readsCookies: false, recheckMs: undefined, identify: async () => anonymous },
  listen: () => Promise.reject(new Error("Expected nobody to listen")),
  isForeignName: () => false,
  isOpenRoom: () => false,
  guardSecret: unlimitedCheck,
  voice: { say: () => Promise.reject(new Error("Expected no client to speak")) },
};
