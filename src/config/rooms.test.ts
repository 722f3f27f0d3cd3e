import { describe, expect, test } from "bun:test";
import { dialects } from "../dialects/registry.ts";
import { loadConfig } from "./load.ts";
import { createConfigSchema } from "./schema.ts";
import { findWarnings } from "./warnings.ts";

async function load(rooms: unknown) {
  return loadConfig({ env: { BELFRY_ROOMS: typeof rooms === "string" ? rooms : JSON.stringify(rooms) } });
}

async function problemsOf(rooms: unknown): Promise<string> {
  return load(rooms).then(
    () => "",
    (error: unknown) => (error instanceof Error ? error.message : ""),
  );
}

describe("rooms", () => {
  test("WSE-01 the environment and a flag take the list as JSON", async () => {
    const rules = [
      { match: "a", join: ["user", "group:b c"], publish: "none", history: { size: 1, seconds: 2 } },
    ];
    expect((await load(rules)).config.rooms).toEqual(rules as never);
    const flags = new Map([["rooms", JSON.stringify(rules)]]);
    expect((await loadConfig({ flags })).config.rooms).toEqual(rules as never);
  });

  const from = "(environment BELFRY_ROOMS)";
  const list =
    'Expected `rooms` to be a list of up to 1000 sections, such as [{"match":"orders::*","join":["user"]}]';
  test.each<[unknown, string]>([
    ["[{]", `${list}, got text that is no JSON: "[{]" ${from}`],
    [{ match: "a" }, `${list}, got one section without a list ${from}`],
    [
      [{}],
      `Expected \`rooms[0].match\` to be text of 1-256 characters, got nothing (environment BELFRY_ROOMS)`,
    ],
    [
      [{ match: "a", join: ["anyone", "everyone"] }],
      'Expected a way into a room, `anyone`, `secret`, `user`, `token`, `group:<name>` or `grant`, got "everyone" (`rooms[0].join[1]`, environment BELFRY_ROOMS)',
    ],
    [
      [{ match: "a", join: ["group:"] }],
      'Expected a way into a room, `anyone`, `secret`, `user`, `token`, `group:<name>` or `grant`, got "group:" (`rooms[0].join[0]`, environment BELFRY_ROOMS)',
    ],
    [
      [{ match: "a", publish: "nobody" }],
      `Expected \`rooms[0].publish\` to be one of "backends", "members", "none", got "nobody" ${from}`,
    ],
    [
      [{ match: "a", history: { size: 0, seconds: 1 } }],
      `Expected \`rooms[0].history.size\` to be a whole number from 1 to 100000, got 0 ${from}`,
    ],
    [
      [{ match: "a", history: { size: 1 } }],
      `Expected \`rooms[0].history.seconds\` to be a whole number from 1 to 2592000, got nothing ${from}`,
    ],
    [
      [{ match: "a", slow: "latest" }],
      `Unknown option \`rooms[0].slow\` ${from}: expected one of \`match\`, \`join\`, \`publish\`, \`history\`, \`presence\``,
    ],
    [[{ match: "a", histroy: {} }], `Unknown option \`rooms[0].histroy\` ${from}: did you mean \`history\`?`],
  ])("%j is refused with a sentence", async (rooms, sentence) => {
    expect(await problemsOf(rooms)).toBe(sentence);
  });

  test("SEC-16 openRooms goes on working, with a sentence at the start", () => {
    const schema = createConfigSchema(dialects);
    expect(findWarnings(schema.parse({ openRooms: ["a"] }), dialects)).toMatchObject([
      { code: "open_rooms" },
    ]);
    expect(findWarnings(schema.parse({ rooms: [{ match: "a", publish: "members" }] }), dialects)).toEqual([]);
  });
});
