import { expect, test } from "bun:test";
import { defaultLimits } from "../vocabulary/limits.ts";
import { JsonText } from "./operation.ts";
import type { ApiContext } from "./operation.ts";
import { showPresence } from "./presence.ts";

test("infos stay the text that they are, and one that another program left in the store and is no JSON is left out", async () => {
  const users = [
    { user: "ada", info: '{"n":12345678901234567890}' },
    { user: "bob", info: "{broken" },
    { user: "cid" },
  ];
  const context = {
    limits: defaultLimits,
    presence: {
      isTold: () => true,
      read: async () => ({ kind: "state", epoch: "e", version: 3, users, total: 3, anonymous: 1 }),
      users: async () => ({ users, next: "7" }),
    },
  } as unknown as ApiContext;
  const asked = { names: { room: "a" }, query: new URLSearchParams(), body: undefined };
  const answer = await showPresence.carryOut(context, asked);
  expect(answer instanceof JsonText && answer.json).toBe(
    '{"users":[{"user":"ada","info":{"n":12345678901234567890}},{"user":"bob"},{"user":"cid"}],"next":"7","total":3,"anonymous":1}',
  );
});
