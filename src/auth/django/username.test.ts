import { describe, expect, test } from "bun:test";
import type { SessionField } from "./session-value.ts";
import { findUsername, readUsernameMapping, userId, usernameKeyPrefix } from "./username.ts";

const session = (fields: Record<string, SessionField>) => (name: string) =>
  Object.hasOwn(fields, name) ? fields[name] : undefined;

/** Redis as two maps: strings by key, fields by `key/field`. */
function storeOf(values: Record<string, string | Buffer>) {
  const asked: string[] = [];
  const get = (key: string): Buffer | undefined => {
    asked.push(key);
    return Object.hasOwn(values, key) ? Buffer.from(values[key] ?? "") : undefined;
  };
  return {
    asked,
    getBytes: async (keys: readonly string[]) => keys.map(get),
    getField: async (key: string, field: string) => get(`${key}/${field}`),
  };
}

async function nameBy(
  mapping: string | undefined,
  fields: Record<string, SessionField>,
  values = {},
  id = "7",
) {
  const store = storeOf(values);
  const name = await findUsername(id, session(fields), { mapping: readUsernameMapping(mapping), store });
  return { name, asked: store.asked };
}

const prefix = (text: string): string | undefined => usernameKeyPrefix(readUsernameMapping(text));

describe("user names", () => {
  test("DJS-09 without a mapping there is none", async () => {
    expect(await nameBy(undefined, { "ws4redis:username": "john" })).toEqual({ name: undefined, asked: [] });
  });

  test("DJS-09 pk: the primary key is the name", async () => {
    expect((await nameBy("pk", {})).name).toBe("7");
  });

  test("DJS-09 session:<key>: what the app put there, if it is a text", async () => {
    const mapping = "session:ws4redis:username";
    expect((await nameBy(mapping, { "ws4redis:username": "john" })).name).toBe("john");
    for (const other of ["", 7n, ["john"]]) {
      expect((await nameBy(mapping, { "ws4redis:username": other })).name).toBeUndefined();
    }
    expect((await nameBy(mapping, {})).name).toBeUndefined();
  });

  test("DJS-09 hash:<redis key>: a field of the hash", async () => {
    const values = { "names/7": "jøhn", "names/8": Buffer.of(0xff), "names/9": "" };
    expect(await nameBy("hash:names", {}, values)).toEqual({ name: "jøhn", asked: ["names/7"] });
    for (const id of ["8", "9", "10"])
      expect((await nameBy("hash:names", {}, values, id)).name).toBeUndefined();
    expect((await nameBy("hash:app:names", {}, { "app:names/7": "john" })).name).toBe("john");
  });

  test("DJS-09 hash:<key with {id}>: a string for each user", async () => {
    const values = { "app:user:7:name": "john" };
    expect(await nameBy("hash:app:user:{id}:name", {}, values)).toEqual({
      name: "john",
      asked: ["app:user:7:name"],
    });
  });

  test("DJS-09 SEC-03 a primary key that is no safe name reaches no other key", async () => {
    for (const id of ["7:name", "a\nb", "x".repeat(151), "_broadcast_"]) {
      expect(await nameBy("hash:app:user:{id}", {}, {}, id)).toEqual({ name: undefined, asked: [] });
    }
    expect((await nameBy("hash:u{id}", {}, {}, "{id}$&")).asked).toEqual(["u{id}$&"]);
  });

  test("DJS-09 anything else is no mapping", () => {
    for (const text of ["", "PK", "session", "session:", "hash:", "hash", "user:x", ":x"]) {
      expect(readUsernameMapping(text)).toBeUndefined();
    }
  });

  test("DJS-09 SEC-03 what its Redis names begin with", () => {
    expect(prefix("hash:app:names")).toBe("app:names");
    expect(prefix("hash:app:{id}:name:{id}")).toBe("app:");
    expect(prefix("pk")).toBeUndefined();
    expect(prefix("session:x")).toBeUndefined();
  });

  test("DJS-09 the primary key is a text or a whole number", () => {
    expect(userId(session({ _auth_user_id: "7" }))).toBe("7");
    expect(userId(session({ _auth_user_id: 7n }))).toBe("7");
    for (const other of ["", ["7"]]) expect(userId(session({ _auth_user_id: other }))).toBeUndefined();
    expect(userId(session({}))).toBeUndefined();
  });
});
