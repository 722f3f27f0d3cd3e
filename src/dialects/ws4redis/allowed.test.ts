import { expect, test } from "bun:test";
import { compileAllowed, isRule } from "./query.ts";
import { channelNames } from "./query.ts";

test("W4R-13 without rules all that is asked for is allowed", () => {
  expect(compileAllowed({})("anything", channelNames)).toEqual(channelNames);
  expect(compileAllowed({})("anything", [])).toEqual([]);
});

test("W4R-13 a rule leaves what it names of what is asked for, and adds nothing", () => {
  const allowed = compileAllowed({ news: "subscribe-broadcast, subscribe-user" });
  expect(allowed("news", ["subscribe-user", "publish-user"])).toEqual(["subscribe-user"]);
  expect(allowed("news", ["publish-user"])).toEqual([]);
  expect(allowed("news", [])).toEqual([]);
});

test("W4R-13 SEC-02 with any rule, a facility without one is for nobody", () => {
  const allowed = compileAllowed({ "news*": "subscribe-broadcast" });
  expect(allowed("newsroom", ["subscribe-broadcast"])).toEqual(["subscribe-broadcast"]);
  for (const facility of ["new", "News", "", "a/news", "__proto__"])
    expect(allowed(facility, ["subscribe-broadcast"])).toBeUndefined();
});

test("W4R-13 the first glob that matches decides, an empty rule refuses", () => {
  const allowed = compileAllowed({
    "chat/private*": "",
    "chat/*": "subscribe-broadcast",
    "*": "subscribe-user",
  });
  const asked = ["subscribe-broadcast", "subscribe-user"] as const;
  expect(allowed("chat/private/1", asked)).toBeUndefined();
  expect(allowed("chat/1", asked)).toEqual(["subscribe-broadcast"]);
  expect(allowed("else", asked)).toEqual(["subscribe-user"]);
});

test("W4R-13 a rule is names, separated by spaces or commas", () => {
  for (const text of [
    "",
    " ",
    "subscribe-user",
    "subscribe-user,publish-user",
    " subscribe-user \n publish-group,",
  ])
    expect(isRule(text)).toBe(true);
  for (const text of ["echo", "subscribe-users", "*", "Subscribe-User", "subscribe-user;publish-user"])
    expect(isRule(text)).toBe(false);
});

test("W4R-13 T21 long facilities against hostile globs take no time", () => {
  const allowed = compileAllowed(
    Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`*a*b*${at}*c*d`, "subscribe-user"])),
  );
  const start = performance.now();
  expect(allowed("ab".repeat(128), ["subscribe-user"])).toBeUndefined();
  expect(performance.now() - start).toBeLessThan(1_000);
});
