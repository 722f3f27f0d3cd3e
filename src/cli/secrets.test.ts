// What a command says when it fails, or prints a config: nothing of the secrets in it. The whole process says no more
// (test/e2e/secrets.test.ts).

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../test/support/command-line.ts";

const canary = "canary-of-a-failed-command-7b1f";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "belfry-cli-secrets-"));
});
afterAll(async () => rm(folder, { recursive: true }));

const redisUrls: readonly (readonly [title: string, url: string])[] = [
  ["no port", `redis://:${canary}@127.0.0.1:port`],
  ["a bad escape", `redis://:${canary}%zz@127.0.0.1:1`],
  ["no host", `redis://:${canary}@`],
  ["another scheme", `amqp://:${canary}@127.0.0.1:1`],
  ["no scheme", `:${canary}@127.0.0.1:1`],
  ["a bad database", `redis://:${canary}@127.0.0.1:1/x${canary}`],
];

async function outputOf(
  args: readonly string[],
  { env = {}, code = 1 }: { readonly env?: Readonly<Record<string, string>>; readonly code?: number } = {},
): Promise<string> {
  const ran = await runCommand([...args, "-v"], { env });
  expect(ran.code).toBe(code);
  expect(ran.out + ran.err).not.toBe("");
  return ran.out + ran.err;
}

test.each(redisUrls)("T17 SEC-04 a URL of Redis with %s", async (_, url) => {
  const env = { BELFRY_REDIS: url };
  expect(await outputOf(["serve", "-a", "127.0.0.1:0"], { env })).not.toContain(canary);
});

test("T17 SEC-04 a room secret without a space", async () => {
  const env = { BELFRY_ROOM_SECRETS: canary };
  expect(await outputOf(["serve", "-a", "127.0.0.1:0"], { env })).not.toContain(canary);
});

const configs: readonly (readonly [title: string, text: string])[] = [
  ["a secret of the wrong type", `secret: [${canary}]`],
  ["a secret that is too long", `secret: ${canary.repeat(300)}`],
  ["a room secret of the wrong type", `roomSecrets: { a: [${canary}] }`],
  ["room secrets as a list", `roomSecrets: ["a=${canary}"]`],
  ["a secret under a wrong name", `secrett: ${canary}`],
  ["broken YAML at the secret", `secret: &${canary} *${canary}x`],
  ["a secret twice", `secret: ${canary}\nsecret: ${canary}2`],
  ["broken JSON", `{"secret": "${canary}", `],
];

test.each(configs)("T17 SEC-04 a config with %s", async (_, text) => {
  const path = join(folder, "belfry.yaml");
  await writeFile(path, text);
  expect(await outputOf(["serve", "-a", "127.0.0.1:0", "-c", path])).not.toContain(canary);
});

test.each([
  ["print", `auth: { issuers: [{ algorithm: HS256, issuer: a, secret: ${canary}-and-more }] }`],
  ["check", `secret: ${canary}\nredis: redis://u:${canary}@127.0.0.1:1/2`],
])("T17 SEC-04 config %s", async (command, text) => {
  const path = join(folder, "good.yaml");
  await writeFile(path, text);
  expect(await outputOf(["config", command, "-c", path], { code: 0 })).not.toContain(canary);
});
