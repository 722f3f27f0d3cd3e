// `npm run test:image`: carries out the Dockerfile in fresh Debian roots, and then does with the result what a user of WS-HUB
// does with its image: a config.yaml at /root, a client that a listener puts into a group, the health check, `docker stop`.
// It needs root, `debootstrap` and Debian's and npm's registries; it takes some minutes, so `npm test` leaves it out.

import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { freePort } from "../test/support/ports.ts";
import { run, RunningProcess } from "../test/support/process.ts";
import { RawWebSocket } from "../test/support/raw.ts";
import { startRedis } from "../test/support/redis.ts";
import { readDockerfile } from "./image/dockerfile.ts";
import type { Copy, Dockerfile, Stage } from "./image/dockerfile.ts";
import { build, freshRoot, inside } from "./image/root.ts";
import type { Inside } from "./image/root.ts";

const checkout = join(import.meta.dirname, "..");
const patienceMs = 20_000;

function say(text: string): void {
  console.log(`image: ${text}`);
}

function demand(isRight: boolean, sentence: string): void {
  if (!isRight) throw new Error(`Expected ${sentence}`);
  say(sentence);
}

/** The root of each stage by its name. */
type Roots = Map<string, string>;

/** Carries out the steps of a stage. @returns the place in which its last step left off. */
async function carryOut({ suite, name, steps }: Stage, roots: Roots): Promise<Inside> {
  const root = await freshRoot(suite, name || "image");
  roots.set(name, root);
  const env: Record<string, string> = {};
  const place = { root, cwd: "/", env };
  for (const step of steps) {
    if (step.kind === "run") {
      say(`RUN ${step.command.slice(0, 100)}`);
      await build(place, step.command);
    } else if (step.kind === "copy") copy(step.copy, place, roots);
    else if (step.kind === "env") Object.assign(env, step.values);
    else {
      place.cwd = step.path;
      mkdirSync(join(root, step.path), { recursive: true });
    }
  }
  return place;
}

/** As Docker: a file or folder to its place, several into a folder; all of it belongs to root. */
function copy({ from, sources, target }: Copy, { root, cwd }: Inside, roots: Roots): void {
  const start = from === undefined ? checkout : (roots.get(from) ?? "");
  const end = target.startsWith("/") ? join(root, target) : join(root, cwd, target);
  for (const source of sources) {
    const place = target.endsWith("/") ? join(end, basename(source)) : end;
    cpSync(join(start, source), place, { recursive: true, verbatimSymlinks: true });
  }
}

/** A file of the host at a path of the container, as `-v` does. */
function mount(root: string, path: string, text: string): void {
  writeFileSync(join(root, path), text);
  chmodSync(join(root, path), 0o644);
}

/** What `docker run -v config.yaml` is expected to do. */
async function judge(image: Inside, file: Dockerfile): Promise<void> {
  await using redis = await startRedis();
  const port = await freePort();
  // Docker writes one, too.
  mount(image.root, "/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
  mount(
    image.root,
    "/root/config.yaml",
    `address: ":${port}"\nredis:\n  address: "localhost:${redis.port}"\nwebSocket:\n  maxMessageSize: 256\n`,
  );
  const env = { ...image.env, HEALTH_URL: `http://127.0.0.1:${port}/-/health/live` };
  const place = { ...image, env, user: file.user };
  const check = async (): Promise<number> => (await run(inside(place, file.healthcheck))).code;
  demand((await check()) === 1, "the health check to fail while nothing runs");
  await using gateway = new RunningProcess(inside(place, [...file.entrypoint, ...file.command]));
  await gateway.waitFor(/"event":"listening"/, patienceMs);
  demand((await check()) === 0, "the health check to pass once it runs");
  const status = readFileSync(`/proc/${gateway.pid}/status`, "utf8");
  demand(/^Uid:\t(10001\t){3}10001$/m.test(status), "the process to belong to a user who is not root");
  demand(/^Name:\t(bun|bun\.exe)$/m.test(status), "the gateway itself to be the container's process");
  const url = `http://127.0.0.1:${port}`;
  using client = await RawWebSocket.open(url, "/ws?session_key=123456");
  await until(async () => (await redis.command("PUBLISH", "ws-hub:groups-new:123456", "news")) === 1);
  await redis.command("PUBLISH", "ws-hub:group-data:news", "hello");
  demand((await client.waitForMessage(patienceMs)) === "hello", "a client to hear its group");
  const start = performance.now();
  const code = await gateway.stop(9_000);
  demand(code === 0 && performance.now() - start < 9_000, "SIGTERM to end it in the time of `docker stop`");
  await judgeFiles(place);
}

/** Nothing that runs can be written by whoever runs it. */
async function judgeFiles(place: Inside): Promise<void> {
  const find = ["find", "/opt", "/root", "-writable", "-not", "-type", "l"];
  const { stdout } = await run(inside(place, find));
  demand(stdout === "", "no file of it to be writable for that user");
  const { size } = statSync(join(place.root, "/opt/belfry/node_modules/bun/bin/bun.exe"));
  demand(size > 1_000_000, "the runtime itself, not a placeholder");
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new Error(`Expected within ${patienceMs} ms: ${holds.toString()}`);
    await Bun.sleep(20);
  }
}

async function main(): Promise<void> {
  const missing = ["debootstrap", "unshare", "chroot"].filter((name) => Bun.which(name) === null);
  if (process.getuid?.() !== 0 || missing.length > 0) {
    throw new Error(
      `Expected to be root on a Debian with debootstrap, got ${missing.join(", ") || "no root"}`,
    );
  }
  const file = readDockerfile(readFileSync(join(checkout, "Dockerfile"), "utf8"));
  const roots: Roots = new Map();
  try {
    let image: Inside | undefined;
    for (const stage of file.stages) image = await carryOut(stage, roots);
    if (image) await judge(image, file);
  } finally {
    for (const root of roots.values()) rmSync(root, { recursive: true, force: true });
  }
}

await main();
