import { expect, test } from "bun:test";
import { bearerToken, isUpgrade, textAnswer, withoutEndSlashes } from "./http.ts";

test("SEC-05 an answer is plain text that nobody sniffs or keeps", async () => {
  const answer = textAnswer(403, "Expected something else\n", { "retry-after": "1" });
  expect(answer.status).toBe(403);
  expect(await answer.text()).toBe("Expected something else\n");
  expect(Object.fromEntries(answer.headers)).toEqual({
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "retry-after": "1",
  });
});

test("SEC-05 what is set on one answer stands in no other", () => {
  textAnswer(200, "OK\n").headers.set("connection", "close");
  expect(textAnswer(200, "OK\n").headers.get("connection")).toBeNull();
});

test("SEC-05 no header of the caller's takes these away", () => {
  const answer = textAnswer(400, "x", { "content-type": "text/html", "x-content-type-options": "" });
  expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
});

test.each([
  ["websocket", true],
  ["WebSocket", true],
  ["h2c", false],
  ["websocket, h2c", false],
  ["", false],
])("W4R-10 Upgrade: %p asks for a websocket: %p", (upgrade, expected) => {
  expect(isUpgrade(new Request("http://h/", { headers: { upgrade } }))).toBe(expected);
  expect(isUpgrade(new Request("http://h/"))).toBe(false);
});

test.each([
  ["Bearer abc", "abc"],
  ["bearer   a b ", "a b"],
  ["Bearer", undefined],
  ["Bearer ", undefined],
  ["Bearerabc", undefined],
  ["Basic abc", undefined],
  ["", undefined],
])("SEC-11 Authorization: %p shows the token %p", (authorization, expected) => {
  expect(bearerToken(new Request("http://h/", { headers: { authorization } }))).toBe(expected);
});

test.each([
  ["/ws/", "/ws"],
  ["/ws", "/ws"],
  ["//", ""],
  ["", ""],
  ["/a/b///", "/a/b"],
])("the path %p is mounted at %p", (path, expected) => {
  expect(withoutEndSlashes(path)).toBe(expected);
});
