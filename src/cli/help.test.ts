// Help as it stands on a terminal of 80 columns: readable there, and under `--as` about that system alone.

import { describe, expect, test } from "bun:test";
import { runCommand } from "../../test/support/command-line.ts";

async function help(command: string): Promise<readonly string[]> {
  const { out, err } = await runCommand([...command.split(" ").filter(Boolean), "--help"]);
  expect(err).toBe("");
  return out.split("\n");
}

const commands = [
  "",
  "serve",
  "demo",
  "publish",
  "tail",
  "config",
  "config print",
  "config check",
  "webhooks",
  "rooms",
  "room",
  "who",
  "kick",
  "config env",
  "config schema",
  "config docs",
  "serve --as ws-emit",
  "serve --as ws-hub",
  "serve --as ws4redis",
  "serve --as websocket-channels",
];

describe("80 columns", () => {
  test.each(commands)("WSE-01 belfry %s --help", async (command) => {
    const lines = await help(command);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.filter((line) => line !== line.trimEnd())).toEqual([]);
  });

  test("WSE-01 choices and defaults stand in the description, which begins at one column", async () => {
    const lines = await help("serve");
    const at = lines.findIndex((line) => line.includes("--identity-hashing-algorithm"));
    expect(lines.slice(at, at + 3)).toEqual([
      "  --identity-hashing-algorithm <choice>",
      "                                DEFAULT_HASHING_ALGORITHM (DJS-07) (one of",
      "                                sha256, sha1; default: sha256)",
    ]);
    expect(lines.length).toBeLessThan(470);
  });
});

describe("belfry serve --as X --help", () => {
  const rows = [
    ["ws-emit", "--channel", ["--ws-hub-", "--ws4redis-", "--identity-", "--limits-", "--open-publish"]],
    ["ws-hub", "--ws-hub-client-key", ["--socketio-", "--identity-", "--flask-secret"]],
    ["ws4redis", "--identity-session-engine", ["--socketio-", "--ws-hub-", "--root"]],
    ["websocket-channels", "--open-publish", ["--socketio-", "--identity-", "--broadcast-only"]],
  ] as const;

  test.each([...rows])("WSE-01 WSC-12 %s: its own and no other's", async (name, own, others) => {
    const text = (await help(`serve --as ${name}`)).join("\n");
    expect(text).toContain(own);
    for (const other of others) expect(text).not.toContain(other);
    expect(text).toContain(`docs/migrate/${name}.md`);
  });

  test("WSE-01 its defaults and its names in the environment", async () => {
    const text = (await help("serve --as ws-emit")).join("\n").replace(/\s+/g, " ");
    expect(text).toContain("(default: http://localhost:7788)");
    expect(text).toContain("CORS Origins that may connect, separated by spaces");
    expect((await help("serve")).join("\n")).not.toContain("localhost:7788");
  });
});
