// A fresh Debian on disk, and programs inside it: what a container is to Docker, by debootstrap, chroot and a mount
// namespace. What this machine needs to reach its mirrors is lent to the steps of the build, never to what runs then.

import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../../test/support/process.ts";

/** Mirrors may be slow, ms. */
const patienceMs = 1_800_000;
const cache = join(import.meta.dirname, "../../.cache/image");
/** How this machine resolves names, asks its mirrors, and whom it trusts; where it has them. */
const lent = ["/etc/resolv.conf", "/etc/hosts", "/etc/apt/apt.conf.d"];
const certificates = "/etc/ssl/certs/ca-certificates.crt";
const lentCertificates = "/run/lent-certificates.crt";

/** /proc and /dev for one command; they are gone with it. */
const enter = 'mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && root=$0 && exec chroot "$@"';

export interface Inside {
  readonly root: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** @default root */
  readonly user?: string;
}

/** The command line that runs a program inside, as one process. */
export function inside({ root, cwd, env, user = "0:0" }: Inside, command: readonly string[]): string[] {
  const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const settings = [path, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
  const change = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', cwd];
  const mounts = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", enter, root];
  return [...mounts, `--userspec=${user}`, root, "/usr/bin/env", "-i", ...settings, ...change, ...command];
}

/** A copy of a new Debian of that release, made once and kept in `.cache`. */
export async function freshRoot(suite: string, name: string): Promise<string> {
  const base = join(cache, suite);
  if (!existsSync(base)) {
    const draft = `${base}.${process.pid}`;
    mkdirSync(cache, { recursive: true });
    await must(["debootstrap", "--variant=minbase", suite, draft]);
    renameSync(draft, base);
  }
  const root = join(cache, `${name}.${process.pid}`);
  rmSync(root, { recursive: true, force: true });
  await must(["cp", "-a", base, root]);
  return root;
}

/** Carries out one RUN. */
export async function build(place: Inside, command: string): Promise<void> {
  const { root, env } = place;
  const isTaken = (path: string): boolean => existsSync(join(root, path));
  const files = lent.filter((path) => existsSync(path));
  const before = new Map(files.filter(isTaken).map((path) => [path, `${join(root, path)}.kept`]));
  for (const [path, kept] of before) renameSync(join(root, path), kept);
  for (const path of [...files, certificates]) lend(root, path);
  try {
    const trusting = { ...env, NODE_EXTRA_CA_CERTS: lentCertificates };
    await must(inside({ ...place, env: trusting }, ["/bin/sh", "-c", command]));
  } finally {
    for (const path of [...files, lentCertificates])
      rmSync(join(root, path), { recursive: true, force: true });
    for (const [path, kept] of before) renameSync(kept, join(root, path));
  }
}

function lend(root: string, path: string): void {
  const target = join(root, path === certificates ? lentCertificates : path);
  if (!existsSync(path)) return;
  mkdirSync(dirname(target), { recursive: true });
  cpSync(path, target, { recursive: true, dereference: true });
}

async function must(command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command, { timeoutMs: patienceMs });
  if (code === 0) return stdout;
  const shown = command.join(" ").slice(-300);
  throw new Error(
    `Expected \`${shown}\` to succeed, got status ${code}:\n${(stdout + stderr).slice(-4_000)}`,
  );
}
