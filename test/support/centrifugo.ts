// Centrifugo, which stands beside Belfry in runs of faults and in benchmarks: built from the Go module proxy on first use, and
// set up with history, positioning and recovery in every channel, kept in Redis.

import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./process.ts";

export const centrifugoVersion = "v6.9.1";
const folder = join(import.meta.dir, "../../.cache/bench");
export const centrifugoProgram = join(folder, "centrifugo");
const buildMs = 600_000;

/** Builds it where it is not there. @returns why it cannot be had on this machine; undefined: it is there. */
export async function buildCentrifugo(): Promise<string | undefined> {
  if (existsSync(centrifugoProgram)) return undefined;
  if (Bun.which("go") === null) return "no `go` on this machine";
  mkdirSync(folder, { recursive: true });
  const command = ["go", "install", `github.com/centrifugal/centrifugo/v6@${centrifugoVersion}`];
  const { code } = await run(command, { env: { GOBIN: folder }, timeoutMs: buildMs });
  return code === 0 ? undefined : `\`${command.join(" ")}\` failed`;
}

/** @returns the path of a config file; channels that begin with `log:` are in a namespace of their own. */
export function writeCentrifugoConfig(port: number, redisPort: number): string {
  const channel = {
    history_size: 10_000,
    history_ttl: "600s",
    force_positioning: true,
    force_recovery: true,
    allow_subscribe_for_client: true,
    allow_subscribe_for_anonymous: true,
  };
  const config = {
    http_server: { address: "127.0.0.1", port },
    client: { insecure: true, allowed_origins: ["*"] },
    http_api: { insecure: true },
    health: { enabled: true },
    uni_sse: { enabled: true },
    engine: { type: "redis", redis: { address: [`redis://127.0.0.1:${redisPort}`] } },
    channel: { without_namespace: channel, namespaces: [{ name: "log", ...channel }] },
    shutdown: { timeout: "2s" },
  };
  const path = join(mkdtempSync(join(tmpdir(), "centrifugo-")), "config.json");
  writeFileSync(path, JSON.stringify(config));
  return path;
}

/** Until it answers. */
export async function untilHealthy(url: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const isUp = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return;
    if (performance.now() > deadline) throw new Error(`Expected Centrifugo at ${url} within 20 s, got none`);
    await Bun.sleep(20);
  }
}
