// `belfry token` and `belfry token check`, without a process: what is signed is accepted, and each refusal has its sentence.

import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { nowSeconds, signToken } from "../../test/support/tokens.ts";
import { runProgram } from "./program.ts";

const secret = "the secret of the tokens of all tests";
const hmac = { BELFRY_AUTH_JWT_ALGORITHM: "HS256", BELFRY_AUTH_JWT_SECRET: secret };
const strict = { ...hmac, BELFRY_AUTH_JWT_ISSUER: "https://id.example", BELFRY_AUTH_JWT_AUDIENCE: "chat" };

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "belfry-token-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function run(args: readonly string[], env: Readonly<Record<string, string>> = hmac, input = "") {
  let out = "";
  const code = await runProgram(["token", ...args], {
    env,
    isTerminal: false,
    print: (text) => void (out += text),
    complain: (text) => void (out += text),
    readInput: async () => input,
  });
  return { code, out };
}

test("what it signs is accepted by a gateway with the same config, and says what it opens", async () => {
  const claims = ["--user", "john", "--group", "staff", "--room", "chat::*", "a::b", "--publish", "a::b"];
  const { out: token, code } = await run([...claims, "--expires", "15m"], strict);
  expect(code).toBe(0);
  const checked = await run(["check"], strict, `${token}\n`);
  expect(checked.out).toMatch(
    /^The token is accepted\.\nUser: {4}john\nGroups: {2}staff\nRooms: {3}chat::\*, a::b\nPublish: a::b\nEnds: {4}20\d\d-/,
  );
  expect(checked.code).toBe(0);
});

test("other algorithms are signed by a private key in a file, and checked by the public one", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519", {
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const env = { BELFRY_AUTH_JWT_ALGORITHM: "EdDSA", BELFRY_AUTH_JWT_PUBLIC_KEY: publicKey };
  const path = join(folder, "key.pem");
  await writeFile(path, privateKey);
  const { out: token } = await run(["--user", "john", "--key", path], env);
  expect((await run(["check", token], env)).code).toBe(0);
  expect((await run(["--user", "john"], env)).out).toContain("Expected --key with the private key for EdDSA");
  expect((await run(["--key", path])).out).toContain("Expected no --key for HS256");
  expect((await run(["--key", join(folder, "none")], env)).out).toContain("got no such file");
  await writeFile(path, "junk");
  expect((await run(["--key", path], env)).out).toContain(
    "Expected --key to be a private key (PKCS 8, PEM) for EdDSA",
  );
});

const named = { iss: "https://id.example", aud: "chat" };
test.each<[string, () => Promise<string>, RegExp]>([
  ["no token", async () => "junk", /three parts with dots between them, got 1/],
  ["broken", async () => "a.b.c", /can be read/],
  ["alg none", async () => "eyJhbGciOiJub25lIn0.e30.", /another algorithm than HS256/],
  [
    "another secret",
    async () => signToken(named, "another secret of more than 32 bytes"),
    /not that of the configured key/,
  ],
  [
    "expired",
    async () => signToken({ ...named, exp: nowSeconds() - 100 }),
    /It has expired: `exp` is 20\d\d-/,
  ],
  ["not yet", async () => signToken({ ...named, nbf: nowSeconds() + 100 }), /not valid before 20\d\d-/],
  ["no issuer", async () => signToken({ aud: "chat" }), /It has no `iss`/],
  [
    "another issuer",
    async () => signToken({ ...named, iss: "x" }),
    /another than the configured issuer https:\/\/id\.example/,
  ],
  [
    "another audience",
    async () => signToken({ ...named, aud: "mail" }),
    /does not name the configured audience chat/,
  ],
  ["no end", async () => signToken({ ...named, exp: undefined }), /It has no `exp`/],
  [
    "claims",
    async () => signToken({ ...named, rooms: "a", groups: 1 }),
    /The form of `groups` and `rooms` is another/,
  ],
])("a token that is refused: %s", async (_, sign, sentence) => {
  const token = await sign();
  const { code, out } = await run(["check", token], strict);
  expect(code).toBe(1);
  expect(out).toMatch(/^belfry: The token is refused\. /);
  expect(out).toMatch(sentence);
  // T17: neither the token nor the secret is said.
  if (token.length > 20) expect(out).not.toContain(token.split(".")[1] || "-----");
  expect(out).not.toContain(secret);
});

test("both read the config file that they are given", async () => {
  const path = join(folder, "belfry.yaml");
  await writeFile(path, `auth:\n  jwt:\n    algorithm: HS256\n    secret: ${JSON.stringify(secret)}\n`);
  const { out: token } = await run(["-c", path, "--user", "john"], {});
  expect(await run(["check", "-c", path, token], {})).toMatchObject({ code: 0 });
  expect(
    await run(["check", token, "--auth-jwt-algorithm", "HS256", "--auth-jwt-secret", secret], {}),
  ).toMatchObject({
    code: 0,
  });
});

test("without `auth.jwt`, and with a time that is none, it says what is expected", async () => {
  expect((await run([], {})).out).toContain("Expected `auth.jwt` in the configuration");
  expect((await run(["--expires", "soon"])).out).toContain("such as 15m");
  const short = { ...hmac, BELFRY_AUTH_JWT_SECRET: "short" };
  expect((await run([], short)).out).toContain("Expected `secret` of HS256 to have at least 32 bytes");
});
