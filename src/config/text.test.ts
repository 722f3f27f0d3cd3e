import { describe, expect, test } from "bun:test";
import { createConfigModel } from "./model.ts";
import type { ConfigOption } from "./options.ts";
import { readFlag, readVariable } from "./text.ts";

const options = new Map(createConfigModel().options.map((option) => [option.name, option]));

function option(name: string): ConfigOption {
  const found = options.get(name);
  if (!found) throw new Error(`Expected an option ${name}`);
  return found;
}

describe("text of flags and environment", () => {
  test("WSE-01 numbers and booleans are read, anything else stays text", () => {
    expect(readVariable(option("drain"), " 2.5 ")).toBe(2.5);
    expect(readVariable(option("drain"), "0x10")).toBe("0x10");
    expect(readVariable(option("drain"), "1e3")).toBe("1e3");
    expect(readVariable(option("socketio.pickle"), "Off")).toBe(false);
    expect(readVariable(option("socketio.pickle"), "1")).toBe(true);
    expect(readVariable(option("socketio.pickle"), "maybe")).toBe("maybe");
    expect(readVariable(option("secret"), " 12 ")).toBe(" 12 ");
  });

  test("WSE-02 lists of the environment are split on spaces and commas", () => {
    expect(readVariable(option("origins"), "http://a, http://b  http://c")).toEqual([
      "http://a",
      "http://b",
      "http://c",
    ]);
    expect(readVariable(option("trustedProxies"), ",")).toEqual([]);
  });

  test("DJS-07 secrets and maps are split on spaces alone: a comma may be part of one", () => {
    expect(readVariable(option("identity.secretKeyFallbacks"), " old,key older ")).toEqual([
      "old,key",
      "older",
    ]);
    expect(readVariable(option("ws4redis.allowedChannels"), "a=subscribe-user,echo b=")).toEqual({
      a: "subscribe-user,echo",
      b: "",
    });
  });

  test("WSE-02 each value of a flag is one element", () => {
    expect(readFlag(option("origins"), ["http://a,b", "c d"])).toEqual(["http://a,b", "c d"]);
    expect(readFlag(option("socketio.aliases"), true)).toBe(true);
    expect(readFlag(option("drain"), "3")).toBe(3);
  });

  test("WSE-05 maps are name=value, and the value may hold more of `=`", () => {
    expect(readFlag(option("roomSecrets"), ["dir=a=b", "=x"])).toEqual({ dir: "a=b", "": "x" });
    expect(readVariable(option("roomSecrets"), "dir=a shop=b")).toEqual({ dir: "a", shop: "b" });
    expect(readFlag(option("roomSecrets"), ["dir"])).toBe("dir");
  });

  test("T20 a map is a plain one, whatever its names", () => {
    const map = readFlag(option("roomSecrets"), ["__proto__=x"]);
    expect(Object.getPrototypeOf(map)).toBe(Object.prototype);
    expect(JSON.stringify(map)).toBe('{"__proto__":"x"}');
  });
});
