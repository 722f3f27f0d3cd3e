// The files of packaging/ as an administrator uses them, unmodified: the units before systemd's own checker, the nginx
// snippet in a real nginx between real clients and the gateway.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { Page } from "../support/page.ts";
import type { PageOptions } from "../support/page.ts";
import { freePort } from "../support/ports.ts";
import { RunningProcess, run } from "../support/process.ts";
import { needTool } from "../support/tools.ts";

const packaging = join(import.meta.dir, "../../packaging");
const units = ["belfry.service", "belfry-ws-emit.service"] as const;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "belfry-packaging-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("systemd", () => {
  // The checker is part of systemd: there is none elsewhere.
  if (process.platform === "linux") {
    test.each(units)("%s passes systemd's own check", async (unit) => {
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

  test("WSE-01 the two units differ in what they are for, not in how they are locked up", async () => {
    const [plain, wsEmit] = await Promise.all(units.map(settingsOf));
    expect(without(plain, wsEmit)).toEqual(["Description=Belfry realtime gateway", "ExecStart=belfry serve"]);
    expect(without(wsEmit, plain)).toEqual([
      "Description=Belfry realtime gateway, as ws-emit",
      "Conflicts=ws-emit.service",
      "EnvironmentFile=-/etc/default/ws-emit",
      "ExecStart=belfry serve --as ws-emit",
    ]);
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
  let nginx: RunningProcess;
  let url: string;

  beforeAll(async () => {
    gateway = await startGateway({
      listeners: [{ address: "127.0.0.1:0", trustedProxies: ["127.0.0.1"] }],
      secret: "ding",
      limits: { connectionsPerAddress: 2 },
    });
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    nginx = await startNginx(port, new URL(gateway.url).host);
  });

  afterAll(async () => {
    await nginx.stop();
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
  });
});

/** A client with a proxy of its own before ours. */
function from(address: string): PageOptions {
  return { extraHeaders: { "X-Forwarded-For": address } };
}

/** A real nginx with our snippet included as it is, and around it the least that it needs. */
async function startNginx(port: number, upstream: string): Promise<RunningProcess> {
  const prefix = join(folder, "nginx");
  mkdirSync(join(prefix, "empty"), { recursive: true });
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  writeFileSync(
    join(prefix, "nginx.conf"),
    `daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${name};`).join("\n  ")}
  upstream belfry {
    server ${upstream};
    keepalive 32;
  }
  server {
    listen 127.0.0.1:${port};
    root empty;
    include ${join(packaging, "nginx/belfry.conf")};
  }
}
`,
  );
  const nginx = new RunningProcess([needTool("nginx"), "-p", prefix, "-c", "nginx.conf", "-e", "stderr"]);
  const deadline = performance.now() + 10_000;
  for (;;) {
    const isUp = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (isUp) return nginx;
    if (!nginx.isRunning || performance.now() > deadline) {
      throw new Error(`Expected nginx on port ${port}, got:\n${nginx.output}`);
    }
    await Bun.sleep(20);
  }
}
