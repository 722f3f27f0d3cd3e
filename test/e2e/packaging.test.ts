// The files of packaging/ as an administrator uses them, unmodified: the units before systemd's own checker, the nginx
// snippet in a real nginx between real clients and the gateway.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { include, Nginx } from "../support/nginx.ts";
import { Page } from "../support/page.ts";
import type { PageOptions } from "../support/page.ts";
import { run, RunningProcess } from "../support/process.ts";
import { rawRequest } from "../support/raw.ts";
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
    "src/gateway.ts",
    "README.md",
    "LICENSE",
    "docs/operations.md",
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
    expect(dialects).toBe(profile === "" || profile === "ws-emit" ? "socketio" : profile);
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

describe("nginx", () => {
  let gateway: TestGateway;
  let nginx: Nginx;
  let url: string;

  beforeAll(async () => {
    gateway = await startGateway({
      listeners: [{ address: "127.0.0.1:0", trustedProxies: ["127.0.0.1"] }],
      secret: "ding",
      limits: { connectionsPerAddress: 2 },
    });
    nginx = await Nginx.start({
      upstreams: { belfry: new URL(gateway.url).host },
      server: include("belfry.conf"),
    });
    ({ url } = nginx);
  });

  afterAll(async () => {
    await nginx[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  const ring = async (room: string, data: unknown): Promise<void> => {
    const body = JSON.stringify({ secret: "ding", event: "bell", room, data });
    const answer = await fetch(`${gateway.url}/emit`, { method: "POST", body });
    expect(answer.status).toBe(200);
  };

  const ways: readonly (readonly [string, PageOptions])[] = [
    ["polling", { transports: ["polling"] }],
    ["websocket", { transports: ["websocket"] }],
    ["polling, then the upgrade", { transports: ["polling", "websocket"] }],
  ];

  test.each(ways)(
    "EIO-06 EIO-13 a page connects, joins and hears at once through the proxy: %s",
    async (title, options) => {
      using page = await Page.connect(url, options);
      const { engine } = page.socket.io;
      if (title.includes("upgrade") && engine.transport.name !== "websocket") {
        const upgraded = Promise.withResolvers<void>();
        engine.once("upgrade", () => {
          upgraded.resolve();
        });
        await upgraded.promise;
      }
      expect(engine.transport.name).toBe(title === "polling" ? "polling" : "websocket");
      await page.join("tower");
      for (let count = 0; count < 3; count++) {
        await ring("tower", { count });
        expect(await page.next()).toEqual(["bell", { count }]);
      }
    },
  );

  test.each([["polling"], ["websocket"]])("a large event of a client passes: %s", async (transport) => {
    using page = await Page.connect(url, { transports: [transport] });
    const padding = "x".repeat(990_000);
    expect(await page.socket.timeout(10_000).emitWithAck("join", { room: "big", padding })).toBeUndefined();
    await ring("big", 1);
    expect(await page.next()).toEqual(["bell", 1]);
  });

  test("SEC-15 a client counts by the address that the proxy saw", async () => {
    using first = await Page.connect(url, from("203.0.113.9"));
    using second = await Page.connect(url, from("203.0.113.9"));
    const refused = await Page.connect(url, from("203.0.113.9")).then(() => "connected", String);
    expect(refused).toContain("error");
    using other = await Page.connect(url, from("203.0.113.10"));
    expect([first, second, other].every((page) => page.socket.connected)).toBe(true);
  });

  test("EIO-18 the site's own pages may connect, those of another site may not", async () => {
    const handshake = async (origin: string): Promise<number> => {
      const answer = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, {
        headers: { Origin: origin },
      });
      return answer.status;
    };
    expect(await handshake(url)).toBe(200);
    expect(await handshake("http://elsewhere.example")).toBe(400);
  });

  test("publishing, health and metrics are not passed on", async () => {
    for (const path of ["/emit", "/-/metrics", "/-/health/ready"]) {
      const answer = await fetch(url + path, { method: path === "/emit" ? "POST" : "GET" });
      expect([path, answer.status]).toEqual([path, 404]);
    }
    for (const out of ["..", "%2e%2e", ".%2E", "./..", "x/../..", "%2e./%2e"]) {
      const answer = await rawRequest(url, { path: `/socket.io/${out}/-/metrics` });
      expect([out, [400, 404].includes(answer.status)]).toEqual([out, true]);
    }
    // Where nginx sees a name, URLs see a way up.
    for (const path of [String.raw`/socket.io/..\-/metrics`, String.raw`/socket.io\..\-/metrics`]) {
      const answer = await rawRequest(url, { path });
      expect([path, answer.status]).toEqual([path, 400]);
    }
  });
});

/** A client with a proxy of its own before ours. */
function from(address: string): PageOptions {
  return { extraHeaders: { "X-Forwarded-For": address } };
}
