import { describe, expect, test } from "bun:test";
import type { EnterRequest, EnterVerdict } from "../proofs/access.ts";
import { createClientId } from "../base/client-id.ts";
import { Hub } from "../core/hub.ts";
import { anonymous } from "../core/identity.ts";
import type { Identity } from "../core/identity.ts";
import { defaultLimits } from "../vocabulary/limits.ts";
import { silent } from "../core/observe.ts";
import { createRoomRules } from "../config/room-rules.ts";
import { noRules } from "../vocabulary/room-rules.ts";
import type { JoinWay } from "../vocabulary/room-rules.ts";
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
/** Nothing was taken back. */
const revocations = { isRevoked: () => false, count: 0 };
const access = new RoomAccess({ hub, secrets, rules: noRules, revocations });
const john: Identity = { kind: "identity", session: "s1", user: "john", groups: ["staff"] };

async function enter(room: string, more: Partial<EnterRequest> = {}): Promise<EnterVerdict> {
  const request = { namespace: "/", room, identity: anonymous, secret: undefined, address: "", client: {} };
  return access.judge({ ...request, ...more });
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
  expect(access.judge({ ...request, room: "time" })).toBe("allowed");
  expect(access.judge({ ...request, room: "shop::orders" })).toBe("secret_wrong");
});

describe("ways in", () => {
  const nick: Identity = { kind: "identity", session: undefined, user: "nick", groups: [] };
  const stranger: Identity = { kind: "identity", session: "s2", user: undefined, groups: ["staff"] };

  /** Who gets in, of those who try. */
  async function admitted(join: readonly JoinWay[], room: string): Promise<readonly string[]> {
    const rules = createRoomRules([{ match: "*", join }]);
    const ruled = new RoomAccess({ hub, secrets, rules, revocations });
    const tries = {
      anonymous: { identity: anonymous, secret: undefined },
      secret: { identity: anonymous, secret: "right" },
      wrong: { identity: anonymous, secret: "wrong" },
      john: { identity: john, secret: undefined },
      nick: { identity: nick, secret: undefined },
      staff: { identity: stranger, secret: undefined },
    };
    const names = Object.entries(tries).map(async ([name, shown]) => {
      const verdict = await ruled.judge({ namespace: "/", room, address: "", client: {}, ...shown });
      return verdict === "allowed" ? [name] : [];
    });
    return (await Promise.all(names)).flat();
  }

  const everyone = ["anonymous", "secret", "wrong", "john", "nick", "staff"];
  test.each<[JoinWay[], string, string[]]>([
    [["anyone"], "time", everyone],
    [["anyone"], "shop::orders", everyone],
    [["secret"], "shop::orders", ["secret"]],
    [["secret"], "user:john::inbox", ["secret"]],
    [["secret"], "time", []],
    [["user"], "time", ["john", "nick"]],
    [["user"], "shop::orders", ["john", "nick"]],
    [["user"], "user:john::inbox", ["john"]],
    [["user"], "group:staff::news", ["john"]],
    [["user"], "session:s1::cart", ["john"]],
    [["group:staff"], "time", ["john", "staff"]],
    [["group:staff"], "user:nick::inbox", ["john", "staff"]],
    [["group:admins"], "time", []],
    [["grant"], "time", []],
    [["grant"], "user:john::inbox", []],
    [["secret", "group:staff"], "shop::orders", ["secret", "john", "staff"]],
    [["grant", "user"], "time", ["john", "nick"]],
  ])("SEC-10 join: %j admits to %s %j", async (join, room, expected) => {
    expect(await admitted(join, room)).toEqual(expected);
  });

  test("a refusal by a rule says so, and the secret is asked for only where it may be right", () => {
    const rules = createRoomRules([{ match: "*", join: ["grant"] }]);
    const ruled = new RoomAccess({ hub, secrets, rules, revocations });
    const request = { namespace: "/", identity: john, secret: "right", address: "", client: {} };
    expect(ruled.judge({ ...request, room: "shop::orders" })).toBe("closed");
    const id = createClientId();
    expect(ruled.judge({ ...request, room: id })).toBe("room_of_another");
  });
});
