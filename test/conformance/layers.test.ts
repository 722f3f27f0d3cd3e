// Who may import whom (docs/architecture.md) is written in .oxlintrc.json as patterns, and a pattern that the linter cannot read
// forbids nothing and says nothing. So each arrow is tried: one import that is allowed, one that is not.

import { expect, test } from "bun:test";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "../..");

const allowed: readonly (readonly [file: string, imported: string])[] = [
  ["core/a.ts", "../base/glob.ts"],
  ["server/a.ts", "../core/hub.ts"],
  ["proofs/a.ts", "../server/route.ts"],
  ["brokers/redis/a.ts", "../presence.ts"],
  ["auth/django/a.ts", "../result.ts"],
  ["recovery/a.ts", "../peers/peers.ts"],
  ["recovery/a.ts", "../brokers/log.ts"],
  ["dialects/native/a.ts", "../../recovery/recovery.ts"],
  ["dialects/native/a.ts", "../../presence/presence.ts"],
  ["dialects/native/a.ts", "../../server/route.ts"],
  ["dialects/socketio/a.ts", "./recovery/missed.ts"],
  ["api/a.ts", "../presence/presence.ts"],
  ["cli/a.ts", "../recovery/recovery.ts"],
  ["cli/a.ts", "../dialects/registry.ts"],
];

const forbidden: readonly (readonly [file: string, imported: string])[] = [
  ["base/a.ts", "../core/hub.ts"],
  ["vocabulary/a.ts", "../base/glob.ts"],
  ["files/a.ts", "../base/glob.ts"],
  ["core/a.ts", "../server/route.ts"],
  ["core/a.ts", "../files/named-file.ts"],
  ["core/a.ts", "zod"],
  ["codec/a.ts", "../proofs/access.ts"],
  ["codec/a.ts", "bun"],
  ["observe/a.ts", "../brokers/log.ts"],
  ["peers/a.ts", "../server/listener.ts"],
  ["server/a.ts", "../proofs/access.ts"],
  ["outbound/a.ts", "../server/listener.ts"],
  ["proofs/a.ts", "../server/listener.ts"],
  ["proofs/a.ts", "zod"],
  ["brokers/a.ts", "../dialects/dialect.ts"],
  ["brokers/redis/a.ts", "../../presence/presence.ts"],
  ["brokers/a.ts", "../webhooks/sender.ts"],
  ["auth/a.ts", "../brokers/log.ts"],
  ["auth/django/a.ts", "../../dialects/dialect.ts"],
  ["recovery/a.ts", "../peers/bus-peers.ts"],
  ["recovery/a.ts", "../brokers/redis/bus.ts"],
  ["presence/a.ts", "../peers/peers.ts"],
  ["webhooks/a.ts", "../presence/registrar.ts"],
  ["dialects/native/a.ts", "bun"],
  ["dialects/native/a.ts", "@redis/client"],
  ["dialects/native/a.ts", "../socketio/packet.ts"],
  ["dialects/native/a.ts", "../../brokers/log.ts"],
  ["dialects/native/a.ts", "../../recovery/tape.ts"],
  ["dialects/native/a.ts", "../../server/listener.ts"],
  ["dialects/a.ts", "../presence/registrar.ts"],
  ["api/a.ts", "../presence/registrar.ts"],
  ["api/a.ts", "../recovery/recovery.ts"],
  ["config/a.ts", "../gateway/gateway.ts"],
  ["config/a.ts", "../dialects/native/packet.ts"],
  ["cli/demo/a.ts", "../../recovery/tape.ts"],
  ["cli/a.ts", "../dialects/native/packet.ts"],
  ["gateway/a.ts", "../dialects/native/packet.ts"],
];

/** The imports of these that the linter refuses. */
async function refused(
  imports: readonly (readonly [string, string])[],
): Promise<readonly (readonly [string, string])[]> {
  const folder = await mkdtemp(join(tmpdir(), "belfry-layers-"));
  try {
    const config: object = JSON.parse(await readFile(join(root, ".oxlintrc.json"), "utf8"));
    // Types say nothing about folders.
    await writeFile(join(folder, ".oxlintrc.json"), JSON.stringify({ ...config, options: {} }));
    const files = imports.map(([file], at) => file.replace("a.ts", `import-${at}.ts`));
    for (const [at, [, imported]] of imports.entries()) {
      const path = join(folder, "src", files[at] ?? "");
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `export { x } from ${JSON.stringify(imported)};\n`);
    }
    const linter = Bun.spawn([join(root, "node_modules/.bin/oxlint"), "--format", "unix"], {
      cwd: folder,
      stdout: "pipe",
    });
    const lines = (await new Response(linter.stdout).text()).split("\n");
    return imports.filter((_, at) =>
      lines.some((line) => line.includes(`src/${files[at]}:`) && line.includes("no-restricted-imports")),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("what the architecture allows is allowed", async () => {
  expect(await refused(allowed)).toEqual([]);
});

test("what it does not allow is refused, each by itself", async () => {
  expect(await refused(forbidden)).toEqual([...forbidden]);
});
