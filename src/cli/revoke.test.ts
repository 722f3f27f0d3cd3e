// `belfry revoke` against a gateway in this process.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { runCommand } from "../../test/support/command-line.ts";
import { startGateway } from "../../test/support/gateway.ts";
import type { TestGateway } from "../../test/support/gateway.ts";
import { RawWebSocket } from "../../test/support/raw.ts";
import { auth, nowSeconds, signToken } from "../../test/support/tokens.ts";

const secret = "publish-secret-of-the-test";
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ auth, secret });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const run = async (...args: readonly string[]) =>
  runCommand(["revoke", "--url", gateway.url, ...args], { env: { BELFRY_SECRET: secret } });

test("T28 it puts a user out, and says how many", async () => {
  const token = await signToken({ sub: "john", iat: nowSeconds() });
  using socket = await RawWebSocket.open(gateway.url, "/connect?room=user:john::a", {
    Authorization: `Bearer ${token}`,
  });
  await socket.waitForMessage();
  const { code, out } = await run("--user", "john", "--for", "15m");
  expect(out).toBe("Taken back. Connections that were put out: 1. Gateways that answered: 1");
  expect(code).toBe(0);
  expect((await socket.waitForClose()).code).toBe(4501);
});

test("it asks the listener whose dialect has the door", async () => {
  const two = [
    { address: "127.0.0.1:0", dialects: ["socketio" as const] },
    { address: "127.0.0.1:0", dialects: ["native" as const] },
  ];
  await using several = await startGateway({ listeners: two, secret });
  const folder = mkdtempSync(join(tmpdir(), "belfry-revoke-"));
  const listeners = two.map(({ dialects }, index) => ({
    address: new URL(several.gateway.urls[index] ?? "").host,
    dialects,
  }));
  const file = join(folder, "belfry.json");
  await Bun.write(file, JSON.stringify({ listeners, secret }));
  const { code, out, err } = await runCommand(["revoke", "-c", file, "--user", "john"]);
  rmSync(folder, { recursive: true });
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain("Gateways that answered: 1");
});

test.each([
  [[], "Expected one of --user, --token and --space, got 0"],
  [["--user", "a", "--token", "b"], "Expected one of --user, --token and --space, got 2"],
  [["--user", "a", "--for", "1w"], "Expected --for as a number and s, m, h or d"],
  [["--user", "a", "--secret", "wrong-secret-of-the-test"], "refused (401)"],
])("%j is refused: %s", async (args, expected) => {
  const { code, err } = await run(...args);
  expect(err).toContain(expected);
  expect(code).toBe(1);
});

test("SEC-11 a gateway without a publish secret has no such door", async () => {
  await using closed = await startGateway();
  const { err } = await runCommand(["revoke", "--url", closed.url, "--user", "a"], {
    env: { BELFRY_SECRET: secret },
  });
  expect(err).toContain("got 404: The HTTP API is off, because this gateway has no publish secret");
});
