// Help as it stands on a terminal of 80 columns: readable there, and under `--as` about that system alone.

import { describe, expect, test } from "bun:test";
import { createConfigModel } from "../config/model.ts";
import { runCommand } from "../../test/support/command-line.ts";

async function help(command: string, flag = "--help"): Promise<readonly string[]> {
  const { code, out, err } = await runCommand([...command.split(" ").filter(Boolean), flag]);
  expect([code, err]).toEqual([0, ""]);
  return out.split("\n");
}

const helpAll = async (command: string): Promise<readonly string[]> => help(command, "--help-all");

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
    const lines = await helpAll("serve");
    const at = lines.findIndex((line) => line.includes("--identity-hashing-algorithm"));
    expect(lines.slice(at, at + 3)).toEqual([
      "  --identity-hashing-algorithm <choice>",
      "                                DEFAULT_HASHING_ALGORITHM (one of sha256, sha1;",
      "                                default: sha256)",
    ]);
    expect(lines.length).toBeLessThan(470);
    expect(lines.filter((line) => line.length > 80 || /\]\(|[A-Z]-\d\d/.test(line))).toEqual([]);
  });
});

describe("--help shows what most people set, --help-all everything", () => {
  const flagsIn = (lines: readonly string[]): readonly string[] =>
    lines.flatMap((line) => /^  (?:-\w, )?(--[\w-]+)/.exec(line)?.[1] ?? []);

  test("every option of the config has its flag in one, and its group in the other", async () => {
    const [short, full] = [await help("serve"), await helpAll("serve")];
    const model = createConfigModel();
    const shown = new Set(flagsIn(short));
    expect(new Set(flagsIn(full)).isSupersetOf(new Set(model.options.map(({ flag }) => flag)))).toBe(true);
    for (const flag of ["--address", "--redis", "--secret-file", "--rooms", "--cors", "--log-level"])
      expect(shown).toContain(flag);
    const hidden = model.options.filter(({ flag }) => !shown.has(flag));
    expect(hidden.length).toBeGreaterThan(100);
    const groups = short.flatMap((line) => /^  (--[\w-]+-)\*/.exec(line)?.[1] ?? []);
    const given = new Set(["socketio.channels"]);
    const strays = hidden.filter(
      ({ name, flag }) => !given.has(name) && !groups.some((group) => flag.startsWith(group)),
    );
    expect(strays).toEqual([]);
    expect(short.length).toBeLessThan(120);
    expect(short.join("\n")).toContain("Examples:");
  });

  test.each(["config print", "config check", "config rule", "serve --as ws-hub"])("%s", async (command) => {
    expect(flagsIn(await help(command))).not.toContain("--limits-name-bytes");
    expect(flagsIn(await helpAll(command))).toContain("--limits-name-bytes");
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
