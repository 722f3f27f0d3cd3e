// Centrifugo in a run: history, positioning and recovery on in every channel, kept in Redis, and pages with its own client.

import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../support/ports.ts";
import { RunningProcess, run } from "../../support/process.ts";
import { CentrifugeClient } from "../centrifuge-client.ts";
import { persistently } from "../publishers.ts";
import type { System } from "../system.ts";

const version = "v6.9.1";
const folder = join(import.meta.dir, "../../../.cache/bench");
const program = join(folder, "centrifugo");
const buildMs = 600_000;

export const centrifugo: System = {
  title: `Centrifugo ${version}`,
  absence,
  async serve(redisPort) {
    const port = await freePort();
    const config = join(mkdtempSync(join(tmpdir(), "centrifugo-")), "config.json");
    writeFileSync(config, JSON.stringify(configuration(port, redisPort)));
    const server = new RunningProcess([program, "--config", config]);
    const url = `http://127.0.0.1:${port}`;
    await untilHealthy(url, server);
    return {
      url,
      async kill() {
        server.kill("SIGKILL");
        await server.exited;
      },
      async end() {
        await server.stop();
      },
    };
  },
  client: async (parts) => CentrifugeClient.start(parts),
  publishers: (parts) =>
    ["a", "b", "c"].map((way) =>
      persistently({ ...parts, name: `${parts.room}-${way}` }, (id) => ({
        path: "/api/publish",
        body: JSON.stringify({ channel: parts.room, data: { id }, idempotency_key: id }),
        storedIn,
      })),
    ),
};

/** Builds it on first use. */
async function absence(): Promise<string | undefined> {
  if (existsSync(program)) return undefined;
  if (Bun.which("go") === null) return "no `go` on this machine";
  mkdirSync(folder, { recursive: true });
  const command = ["go", "install", `github.com/centrifugal/centrifugo/v6@${version}`];
  const { code } = await run(command, { env: { GOBIN: folder }, timeoutMs: buildMs });
  return code === 0 ? undefined : `\`${command.join(" ")}\` failed`;
}

function configuration(port: number, redisPort: number): object {
  const channel = {
    history_size: 10_000,
    history_ttl: "600s",
    force_positioning: true,
    force_recovery: true,
    allow_subscribe_for_client: true,
    allow_subscribe_for_anonymous: true,
  };
  return {
    http_server: { address: "127.0.0.1", port },
    client: { insecure: true, allowed_origins: ["*"] },
    http_api: { insecure: true },
    health: { enabled: true },
    engine: { type: "redis", redis: { address: [`redis://127.0.0.1:${redisPort}`] } },
    channel: { without_namespace: channel, namespaces: [{ name: "log", ...channel }] },
    shutdown: { timeout: "2s" },
  };
}

async function untilHealthy(url: string, server: RunningProcess): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const isUp = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return;
    if (!server.isRunning || performance.now() > deadline)
      throw new Error(`Expected a healthy server, got:\n${server.output}`);
    await Bun.sleep(20);
  }
}

/** A refusal comes with status 200. */
function storedIn(answer: string): string | undefined {
  const { error, result } = JSON.parse(answer) as {
    readonly error?: unknown;
    readonly result?: { readonly offset: number; readonly epoch: string };
  };
  if (error !== undefined || !result) throw new Error(`Expected it to be taken, got ${answer}`);
  return `${result.epoch}:${result.offset}`;
}
