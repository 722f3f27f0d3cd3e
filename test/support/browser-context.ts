// What dialects that ask for no identity never use of their context, for tests that put one together by hand.

import type { BrowserContext } from "../../src/core/dialect.ts";
import { anonymous } from "../../src/core/identity.ts";

export const withoutIdentity: Pick<BrowserContext, "identity" | "listen" | "isForeignName" | "isOpenRoom"> = {
  identity: { readsCookies: false, recheckMs: undefined, identify: async () => anonymous },
  listen: () => Promise.reject(new Error("Expected nobody to listen")),
  isForeignName: () => false,
  isOpenRoom: () => false,
};
