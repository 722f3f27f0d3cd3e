import { describe, expect, test } from "bun:test";
import type { z } from "zod";
import { dialects } from "../dialects/registry.ts";
import type { DialectName } from "../dialects/registry.ts";
import { houseProblems } from "./house-rules.ts";
import { createConfigSchema } from "./schema.ts";

const configSchema = createConfigSchema(dialects);

type Input = z.input<typeof configSchema>;
type Identity = NonNullable<Input["identity"]>;

/** What is wrong between the sections: which option, and a sentence. */
function problems(config: Input): readonly (readonly [path: string, text: string])[] {
  const result = configSchema.safeParse({
    listeners: [{ dialects: ["ws4redis"] }],
    redis: "redis://h",
    ...config,
  });
  if (!result.success) return result.error.issues.map(({ path, message }) => [path.join("."), message]);
  return houseProblems(result.data, dialects).map(({ path, message }) => [path.join("."), message]);
}

describe("an identity that nobody can find out", () => {
  test.each(["db", "file", "django.contrib.sessions.backends.db"] as const)(
    "DJS-08 SEC-02 sessions in %s are refused where a dialect asks who its visitors are",
    (sessionEngine) => {
      const [[path, text] = [], ...more] = problems({ identity: { sessionEngine } });
      expect(path).toBe("identity");
      expect(text).toMatch(/^Expected a `sessionEngine` that can be read from outside of Django/);
      expect(more).toEqual([]);
    },
  );

  test("SEC-02 Django's default is `db`: whoever says nothing is told", () => {
    expect(problems({})).toHaveLength(1);
  });

  test("SEC-02 where nobody asks, it does not matter", () => {
    const spoken: DialectName[] = ["socketio", "ws-hub", "websocket-channels"];
    expect(problems({ listeners: [{ dialects: spoken }] })).toEqual([]);
    expect(
      problems({ listeners: [{ dialects: spoken, origins: "*" }], identity: { sessionEngine: "cache" } }),
    ).toEqual([]);
  });

  test("SEC-02 one listener that asks is enough", () => {
    const listeners = [
      { address: ":1", dialects: ["socketio" as const] },
      { address: ":2", dialects: ["socketio" as const, "ws4redis" as const] },
    ];
    expect(problems({ listeners })).toHaveLength(1);
  });

  test.each<[string, Identity]>([
    ["a callback", { callbackUrl: "http://127.0.0.1/who" }],
    ["a token", { jwt: { algorithm: "HS256", secret: "x".repeat(32) } }],
    ["none", { sessionEngine: "none" }],
  ])("DJS-01 %s does instead of sessions", (_, identity) => {
    expect(problems({ identity })).toEqual([]);
  });
});

describe("pages of any site", () => {
  const any = { listeners: [{ dialects: ["ws4redis" as const], origins: "*" }] };

  test.each<[string, Identity]>([
    ["sessions", { sessionEngine: "cache" }],
    ["signed cookies", { sessionEngine: "signed_cookies", secretKey: "s" }],
    ["a callback", { callbackUrl: "http://127.0.0.1/who" }],
    ["a token in a cookie", { jwt: { algorithm: "HS256", secret: "x".repeat(32), cookie: "token" } }],
  ])("W4R-16 SEC-08 `*` with %s refuses to start", (_, identity) => {
    expect(problems({ ...any, identity })).toEqual([
      [
        "listeners.0.origins",
        "Expected a list of origins for ws4redis, which knows its visitors by their cookies, got `*`: any site could act in their name (W4R-16)",
      ],
    ]);
  });

  test.each<[string, Identity]>([
    ["nobody has an identity", { sessionEngine: "none" }],
    ["tokens come in a header", { jwt: { algorithm: "HS256", secret: "x".repeat(32) } }],
  ])("W4R-16 `*` is fine where %s", (_, identity) => {
    expect(problems({ ...any, identity })).toEqual([]);
  });

  test("W4R-16 lists, the own origin and nobody are fine", () => {
    for (const origins of [["https://example.org"], [], undefined]) {
      const listeners = [{ dialects: ["ws4redis" as const], origins }];
      expect(problems({ listeners, identity: { sessionEngine: "cache" } })).toEqual([]);
    }
  });

  test("W4R-16 only the listener that is open is named, once for each", () => {
    const listeners = [
      { address: ":1", dialects: ["ws4redis" as const] },
      { address: ":2", dialects: ["socketio" as const], origins: "*" },
      { address: ":3", dialects: ["ws4redis" as const, "socketio" as const], origins: "*" },
    ];
    const found = problems({ listeners, identity: { sessionEngine: "cache" } });
    expect(found.map(([path]) => path)).toEqual(["listeners.2.origins"]);
  });
});

describe("where user names are", () => {
  const named = (username: string, more: Input = {}): Input => ({
    ...more,
    identity: { sessionEngine: "cache", username },
  });

  test.each([
    ["hash:user:names", "the dialect `ws4redis`"],
    ["hash:websocket:names", "the dialect `websocket-channels`"],
    ["hash:ws-hub:names", "the dialect `ws-hub`"],
    ["hash:broadcast:{id}", "the dialect `ws4redis`"],
    ["hash:ws-emit::names", "the room secrets (`secretKeys`)"],
  ])("SEC-03 DJS-09 %s lies under %s: whoever writes there would name users", (username, owner) => {
    const [[path, text] = []] = problems(named(username));
    expect(path).toBe("identity");
    expect(text).toStartWith(
      `Expected the Redis key of \`identity.username\` outside of the names of ${owner}, got`,
    );
  });

  test("SEC-03 also before the first letter that differs", () => {
    // `us{id}` could become `user:…`.
    expect(problems(named("hash:us{id}"))).toHaveLength(1);
    expect(problems(named("hash:{id}"))).toHaveLength(1);
  });

  test("SEC-03 under the prefix that there is, not the one that there might be", () => {
    expect(problems(named("hash:app:user:names", { ws4redis: { prefix: "app" } }))).toHaveLength(1);
    expect(problems(named("hash:app:user:names"))).toEqual([]);
    expect(problems(named("hash:user:names", { ws4redis: { prefix: "app" } }))).toEqual([]);
  });

  test("SEC-03 under the session store it refuses, too", () => {
    expect(problems(named("hash::1:names"))).toHaveLength(1);
  });

  test.each(["pk", "session:ws4redis:username", "hash:names", "hash:names:{id}"])(
    "DJS-09 %s is fine",
    (username) => {
      expect(problems(named(username))).toEqual([]);
    },
  );
});

test("RTE-08 overlaps are said with the rest", () => {
  const config = { ws4redis: { prefix: "ws-emit:" } };
  const texts = problems({ ...config, identity: { sessionEngine: "db" } }).map(([, text]) => text);
  expect(texts).toHaveLength(2);
  expect(texts[0]).toStartWith("Expected Redis names of one owner each");
});
