// Asking again who a visitor is, on a clock of the test's own.

import { describe, expect, test } from "bun:test";
import { anonymous } from "../../core/identity.ts";
import type { Identity } from "../../core/identity.ts";
import type { FoundIdentity, IdentityRequest, IdentityResult } from "../../proofs/identity-source.ts";
import { IdentityRecheck, isSameIdentity } from "./identity-recheck.ts";

const john: Identity = { ...anonymous, user: "john", session: "s".repeat(32), groups: ["staff", "chatters"] };
const asked: IdentityRequest = {
  facility: "news",
  channels: ["subscribe-user"],
  path: "/ws/news",
  query: "subscribe-user",
  origin: undefined,
  remote: "192.0.2.7",
};
const minute = 60_000;

/** What becomes of john when the next answer is this. */
async function afterwards(answer: IdentityResult, isPublic = false) {
  const clock = { now: 1_000 };
  const requests: Request[] = [];
  const answered = Promise.withResolvers<void>();
  const identity = {
    readsCookies: true,
    recheckMs: minute,
    async identify(request: Request) {
      requests.push(request);
      queueMicrotask(answered.resolve);
      return answer;
    },
  };
  const headers = { cookie: "sessionid=x", authorization: "Bearer t", "x-other": "y" };
  const request = new Request("http://127.0.0.1/ws/news?subscribe-user", { headers });
  const recheck = new IdentityRecheck(
    { identity, now: () => clock.now },
    { request, identityRequest: asked, identity: john, isPublic },
    minute,
  );
  let changes = 0;
  const tick = (now: number): void => {
    clock.now = now;
    recheck.tick(now, () => void changes++);
  };
  tick(1_000 + 0.79 * minute);
  const early = requests.length;
  tick(1_000 + minute);
  await answered.promise;
  await Promise.resolve();
  return { early, requests, changes: () => changes, tick };
}

test("DJS-12 nobody is asked early, and then with what the visitor proved itself with, no more", async () => {
  const { early, requests } = await afterwards(john);
  expect(early).toBe(0);
  expect(requests.map(({ url, headers }) => ({ url, headers: [...headers.keys()].sort() }))).toEqual([
    { url: "http://127.0.0.1/ws/news?subscribe-user", headers: ["authorization", "cookie"] },
  ]);
});

test("DJS-12 the same visitor stays, and is asked again a minute later", async () => {
  const visit = await afterwards({ ...john, groups: ["chatters", "staff"] });
  expect(visit.changes()).toBe(0);
  visit.tick(1_000 + 1.5 * minute);
  expect(visit.requests).toHaveLength(1);
  visit.tick(1_000 + 2 * minute);
  expect(visit.requests).toHaveLength(2);
});

test.each<[string, IdentityResult]>([
  ["logged out", anonymous],
  ["somebody else", { ...john, user: "mary" }],
  ["of fewer groups", { ...john, groups: ["staff"] }],
  ["of other groups", { ...john, groups: ["staff", "admins"] }],
  ["with other channels", { ...john, channels: [] }],
  ["in another session", { ...john, session: "t".repeat(32) }],
  ["denied", { kind: "denied", reason: "callback_denied" }],
])("DJS-12 who is %s has to come anew", async (_, answer) => {
  expect((await afterwards(answer)).changes()).toBe(1);
});

test("DJS-12 SEC-02 who could not be asked about this time was known before, and stays", async () => {
  expect((await afterwards({ kind: "unavailable", reason: "session_unavailable" })).changes()).toBe(0);
});

test("DJS-12 SEC-02 a session store that is down turns nobody away who hears public broadcasts alone", async () => {
  expect((await afterwards(anonymous, true)).changes()).toBe(0);
  expect((await afterwards(anonymous, false)).changes()).toBe(1);
  expect((await afterwards({ ...john, channels: [] }, true)).changes()).toBe(1);
  expect((await afterwards({ kind: "denied", reason: "callback_denied" }, true)).changes()).toBe(1);
});

describe("who is still the same", () => {
  test("DJS-12 the order of groups and channels says nothing", () => {
    expect(isSameIdentity(john, { ...john, groups: ["chatters", "staff"] })).toBe(true);
    const one = { ...john, channels: ["subscribe-user", "publish-user"] };
    expect(isSameIdentity(one, { ...john, channels: one.channels.toReversed() })).toBe(true);
  });

  test.each<[string, Partial<FoundIdentity>]>([
    ["another name", { user: "mary" }],
    ["another session", { session: "S".repeat(32) }],
    ["a group less", { groups: ["staff"] }],
    ["another group", { groups: ["staff", "z"] }],
    ["channels of its own", { channels: [] }],
  ])("DJS-12 %s is somebody else", (_, change) => {
    expect(isSameIdentity(john, { ...john, ...change })).toBe(false);
    expect(isSameIdentity({ ...john, ...change }, john)).toBe(false);
  });
});
