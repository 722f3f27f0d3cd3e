import { readFile } from "node:fs/promises";
import { describe, expect, test } from "bun:test";
import { defaultLimits } from "../vocabulary/limits.ts";
import { dialects } from "../dialects/registry.ts";
import { configurationPage } from "./docs.ts";
import { createConfigModel } from "./model.ts";
import { fileVariableOf, readFlag, readVariable } from "./options.ts";
import type { ConfigOption } from "./options.ts";
import { maskUrl, show } from "./problems.ts";

const model = createConfigModel();
const { options } = model;
const byName = new Map(options.map((option) => [option.name, option]));

function names(name: string): readonly unknown[] {
  return [byName.get(name)?.flag, byName.get(name)?.variable];
}

describe("options derived from the schema", () => {
  test("WSE-01 names of flags and environment", () => {
    expect(names("redis")).toEqual(["--redis", "BELFRY_REDIS"]);
    expect(names("secretFile")).toEqual(["--secret-file", "BELFRY_SECRET_FILE"]);
    expect(names("address")).toEqual(["--address", "BELFRY_ADDRESS"]);
    expect(names("origins")).toEqual(["--cors", "BELFRY_ORIGINS"]);
    expect(names("socketio.pingInterval")).toEqual([
      "--socketio-ping-interval",
      "BELFRY_SOCKETIO_PING_INTERVAL",
    ]);
    expect(names("socketio.channels")).toEqual(["--channel", "BELFRY_SOCKETIO_CHANNELS"]);
    expect(names("log.level")).toEqual(["--log-level", "BELFRY_LOG_LEVEL"]);
    expect(names("identity.jwt.secret")).toEqual(["--identity-jwt-secret", "BELFRY_IDENTITY_JWT_SECRET"]);
    expect(names("websocket-channels.openPublish")).toEqual([
      "--websocket-channels-open-publish",
      "BELFRY_WEBSOCKET_CHANNELS_OPEN_PUBLISH",
    ]);
  });

  test("WSE-01 no two options share a name", () => {
    // That of the publish secret's file is an option of its own, which says the same.
    const held = options.filter(({ name, fileForm }) => fileForm !== undefined && name !== "secret");
    const fileVariables = held.map(({ variable }) => fileVariableOf(variable));
    expect(byName.get("secretFile")?.variable).toBe(fileVariableOf(byName.get("secret")?.variable ?? ""));
    for (const names of [
      options.map((o) => o.name),
      options.map((o) => o.flag),
      options.map((o) => o.variable).concat(fileVariables),
    ]) {
      expect(new Set(names).size).toBe(names.length);
    }
  });

  test("SEC-06 every limit and every dialect's option is one, described and bounded", () => {
    const wanted = [
      ...Object.keys(defaultLimits).map((key) => `limits.${key}`),
      ...Object.entries(dialects).flatMap(([name, dialect]) =>
        Object.keys(dialect.options.shape).map((key) => `${name}.${key}`),
      ),
    ];
    expect(wanted.filter((name) => !byName.has(name))).toEqual([]);
    expect(options.filter(({ description }) => description === "")).toEqual([]);
    const unbounded = options.filter(({ kind, expected }) => kind === "number" && !/\d/.test(expected));
    expect(unbounded).toEqual([]);
  });

  test("SEC-04 secrets are known as such", () => {
    expect(options.filter(({ isSecret }) => isSecret).map(({ name }) => name)).toEqual([
      "secret",
      "roomSecrets",
      "auth.jwt.secret",
      "auth.jwt.secretFallbacks",
      "auth.issuers",
      "auth.hook.secrets",
      "identity.secretKey",
      "identity.secretKeyFallbacks",
      "identity.jwt.secret",
      "webhooks.secrets",
      "ws-hub.adminToken",
    ]);
  });

  test("WSE-01 the JSON Schema knows every section and allows no other", () => {
    const schema = model.json;
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties ?? {})).toEqual(
      expect.arrayContaining(["listeners", "redis", "limits", "log", ...Object.keys(dialects)]),
    );
  });
});

describe("values for people", () => {
  test("SEC-04 the password of a URL is masked", () => {
    expect(maskUrl("redis://user:p@ss@host:1/0")).toBe("redis://user:***@host:1/0");
    expect(maskUrl("rediss://:pass@host")).toBe("rediss://:***@host");
    expect(maskUrl("unix:///run/redis.sock?db=1&password=pass&x=1")).toBe(
      "unix:///run/redis.sock?db=1&password=***&x=1",
    );
    expect(maskUrl("redis://host/0")).toBe("redis://host/0");
  });

  test("SEC-04 a text that may be a mistyped URL with a password is not shown", () => {
    expect(show("redis:/x:hunter2@host")).toBe("a text of 21 characters, not shown");
    expect(show("x".repeat(100))).toBe(`"${"x".repeat(59)}...`);
  });
});

test("WSE-01 docs/configuration.md is what the schema says: belfry config docs > docs/configuration.md", async () => {
  const committed = await readFile(new URL("../../docs/configuration.md", import.meta.url), "utf8");
  expect(committed).toBe(configurationPage(model));
});

function option(name: string): ConfigOption {
  const found = byName.get(name);
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
