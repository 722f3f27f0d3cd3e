import { expect, test } from "bun:test";
import { presenceMessage } from "./presence.ts";

const numbers = { epoch: "e", version: 7, total: 2 };

test("a state has its users, and infos stand as they came, digit by digit", () => {
  const users = [{ user: 'a"', info: '{"n":12345678901234567890}' }, { user: "b" }];
  expect(presenceMessage("r", { kind: "state", ...numbers, users, anonymous: 3 })).toBe(
    '{"type":"presence","room":"r","epoch":"e","version":7,"total":2,"anonymous":3,"users":[{"user":"a\\"","info":{"n":12345678901234567890}},{"user":"b"}]}',
  );
});

test("a room that is too large to be listed has no users", () => {
  const text = presenceMessage("r", { kind: "state", ...numbers, users: undefined, anonymous: 0 });
  expect(text).toBe('{"type":"presence","room":"r","epoch":"e","version":7,"total":2,"anonymous":0}');
});

test("an info that is no JSON, from whatever program, breaks no message", () => {
  const joined = [{ user: "a", info: '{"x":1},"left":["b"]' }];
  const text = presenceMessage("r", { kind: "change", ...numbers, from: 6, joined, left: ["c"] });
  expect(JSON.parse(text)).toEqual({
    type: "presence_change",
    room: "r",
    ...numbers,
    from: 6,
    joined: [{ user: "a" }],
    left: ["c"],
  });
});
