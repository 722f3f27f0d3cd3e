import { expect, test } from "bun:test";
import type { EnterRequest, Verdict } from "../core/access.ts";
import { createClientId } from "../core/client-id.ts";
import { Hub } from "../core/hub.ts";
import { anonymous } from "../core/identity.ts";
import type { Identity } from "../core/identity.ts";
import { defaultLimits } from "../core/limits.ts";
import { silent } from "../core/observe.ts";
import { RoomAccess } from "./room-access.ts";
import { RoomSecrets } from "./room-secrets.ts";

const hub = new Hub({ limits: defaultLimits, observe: silent, topics: { publish: () => false }, send() {} });
const secrets = new RoomSecrets({
  keys: { get: async () => [] },
  keyPrefixes: [],
  configured: new Map([
    ["shop", "right"],
    ["user:john", "right"],
  ]),
  limits: defaultLimits,
  observe: silent,
  now: () => 0,
  isExempt: () => true,
});
const access = new RoomAccess({ hub, secrets });
const john: Identity = { kind: "identity", session: "s1", user: "john", groups: ["staff"] };

async function enter(room: string, more: Partial<EnterRequest> = {}): Promise<Verdict> {
  const request = { namespace: "/", room, identity: anonymous, secret: undefined, address: "", client: {} };
  return access.enter({ ...request, ...more });
}

test("WSE-03 SEC-10 identity and secret are both asked, each opens what it stands for", async () => {
  expect(await enter("time")).toBe("allowed");
  expect(await enter("shop::orders")).toBe("secret_wrong");
  expect(await enter("shop::orders", { secret: "right" })).toBe("allowed");
  expect(await enter("shop::orders", { identity: john })).toBe("secret_wrong");
  expect(await enter("user:john::orders", { identity: john })).toBe("allowed");
  expect(await enter("user:john::orders", { secret: "right" })).toBe("allowed");
  expect(await enter("user:jane::orders", { identity: john, secret: "right" })).toBe("secret_wrong");
  expect(await enter("group:staff::news", { identity: john })).toBe("allowed");
  expect(await enter("session:s1::cart", { identity: john })).toBe("allowed");
});

test("WSE-07 the room of another client is closed, whatever is shown; its own is not", async () => {
  const id = createClientId();
  expect(await enter(id, { identity: john, secret: "right" })).toBe("room_of_another");
  expect(await enter(id, { id })).toBe("allowed");
});

test("a request that shows no secret is decided at once", () => {
  const request = { namespace: "/", identity: anonymous, secret: undefined, address: "", client: {} };
  expect(access.enter({ ...request, room: "time" })).toBe("allowed");
  expect(access.enter({ ...request, room: "shop::orders" })).toBe("secret_wrong");
});
