// The files of packaging/ as an administrator uses them, unmodified: the units before systemd's own checker, and
// their commands run. The snippets for proxies are in proxies.test.ts.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, RunningProcess } from "../support/process.ts";
import { startRedis } from "../support/redis.ts";
import { needTool } from "../support/tools.ts";

const packaging = join(import.meta.dir, "../../packaging");

/** Each unit with what it has and the plain one has not; what is left out is the same in all. */
const units: Readonly<Record<string, readonly string[]>> = {
  "belfry.service": ["Description=Belfry realtime gateway", "ExecStart=belfry serve"],
  "belfry-ws-emit.service": [
    "Description=Belfry realtime gateway, as ws-emit",
    "Conflicts=ws-emit.service",
    "EnvironmentFile=-/etc/default/ws-emit",
    "ExecStart=belfry serve --as ws-emit",
  ],
  "belfry-ws-hub.service": [
    "Description=Belfry realtime gateway, as ws-hub",
    "Conflicts=ws-hub.service",
    "LoadCredential=config.yaml:/etc/ws-hub/config.yaml",
    "ExecStart=belfry serve --as ws-hub --config ${CREDENTIALS_DIRECTORY}/config.yaml",
  ],
  "belfry-ws4redis.service": [
    "Description=Belfry realtime gateway, as ws4redis",
    "EnvironmentFile=-/etc/default/ws4redis",
    "ExecStart=belfry serve --as ws4redis",
  ],
  "belfry-websocket-channels.service": [
    "Description=Belfry realtime gateway, as websocket-channels",
    "EnvironmentFile=-/etc/default/websocket-channels",
    "ExecStart=belfry serve --as websocket-channels",
  ],
};
const unitNames = Object.keys(units);

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "belfry-packaging-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("npm packs what runs and is read, and no tests", async () => {
  const { code, stdout } = await run(["npm", "pack", "--dry-run", "--json"], { cwd: join(packaging, "..") });
  expect(code).toBe(0);
  const [packed] = JSON.parse(stdout) as [{ readonly files: readonly { readonly path: string }[] }];
  const paths = packed.files.map(({ path }) => path);
  expect(paths.filter((path) => /(^|[./])tests?[./]/.test(path))).toEqual([]);
  const needed = [
    "bin/belfry",
    "src/cli/main.ts",
    "src/gateway/gateway.ts",
    "README.md",
    "LICENSE",
    "docs/operations.md",
    "client/dist/client.js",
    "client/dist/client.d.ts",
  ];
  expect(paths).toEqual(expect.arrayContaining([...needed, "packaging/haproxy/belfry.cfg"]));
});

describe("systemd", () => {
  // The checker is part of systemd: there is none elsewhere.
  if (process.platform === "linux") {
    test.each(unitNames)("%s passes systemd's own check", async (unit) => {
      const root = join(folder, `root-${unit}`);
      mkdirSync(join(root, "usr/local/bin"), { recursive: true });
      cpSync("/usr/lib/systemd/system", join(root, "usr/lib/systemd/system"), { recursive: true });
      cpSync(join(packaging, "systemd", unit), join(root, "etc/systemd/system", unit));
      writeFileSync(join(root, "usr/local/bin/belfry"), "#!/bin/sh\n");
      chmodSync(join(root, "usr/local/bin/belfry"), 0o755);
      const { code, stdout, stderr } = await run([
        needTool("systemd"),
        "verify",
        "--man=no",
        `--root=${root}`,
        unit,
      ]);
      expect({ code, text: stdout + stderr }).toEqual({ code: 0, text: "" });
    });
  }

  test("WSE-01 the units are those of the folder, and differ in what they are for, not in how they are locked up", async () => {
    const present = readdirSync(join(packaging, "systemd")).filter((name) => name.endsWith(".service"));
    expect(present.toSorted()).toEqual(unitNames.toSorted());
    const plain = await settingsOf("belfry.service");
    const common = without(plain, units["belfry.service"]);
    for (const [name, own] of Object.entries(units)) {
      const settings = await settingsOf(name);
      expect(without(settings, common)).toEqual(own);
      expect(without(common, settings)).toEqual([]);
    }
  });

  test.each(unitNames)("WSE-01 HUB-01 WSC-12 W4R-01 the command of %s, run as it stands", async (unit) => {
    await using redis = await startRedis({ password: "hunter2" });
    const command = (await settingsOf(unit)).find((line) => line.startsWith("ExecStart="))?.slice(10);
    const credentials = join(folder, `credentials-${unit}`);
    mkdirSync(credentials);
    writeFileSync(join(credentials, "config.yaml"), "clientKey: token\n");
    // What systemd would put there: the folders of commands, the credentials, and /etc/default/*.
    const env = {
      PATH: `${join(packaging, "../bin")}:${process.env["PATH"]}`,
      CREDENTIALS_DIRECTORY: credentials,
      BELFRY_ADDRESS: "127.0.0.1:0",
      BELFRY_REDIS: redis.url,
      ...(unit.includes("ws4redis") ? { SESSION_ENGINE: "none" } : {}),
    };
    await using gateway = new RunningProcess(["sh", "-c", `exec ${command}`], { cwd: "/", env });
    const [, dialects] = await gateway.waitFor(/"event":"listening","url":"[^"]+","dialects":"([^"]+)"/);
    const [, profile = ""] = /^belfry-(.*)\.service$/.exec(unit) ?? [];
    expect(dialects).toBe(profile === "" ? "socketio native" : profile === "ws-emit" ? "socketio" : profile);
    expect(gateway.output.includes('"event":"emulating"')).toBe(profile !== "");
    expect(await gateway.stop()).toBe(0);
    expect(gateway.output).not.toContain("hunter2");
  });
});

function without(lines: readonly string[] = [], others: readonly string[] = []): readonly string[] {
  return lines.filter((line) => !others.includes(line));
}

/** The lines of a unit that set something. */
async function settingsOf(unit: string): Promise<readonly string[]> {
  const text = await Bun.file(join(packaging, "systemd", unit)).text();
  return text.split("\n").filter((line) => /^[A-Za-z]+=/.test(line));
}
