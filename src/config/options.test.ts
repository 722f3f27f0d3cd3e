import { readFile } from "node:fs/promises";
import { describe, expect, test } from "bun:test";
import { defaultLimits } from "../core/limits.ts";
import { dialects } from "../dialects/registry.ts";
import { configurationPage } from "./docs.ts";
import { createConfigModel } from "./model.ts";
import { fileVariableOf } from "./options.ts";
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
      "identity.secretKey",
      "identity.secretKeyFallbacks",
      "identity.jwt.secret",
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
