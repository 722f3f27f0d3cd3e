// `belfry webhooks` against a gateway in this process, with a receiver that takes nothing.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { runCommand } from "../../test/support/command-line.ts";
import { startGateway } from "../../test/support/gateway.ts";
import type { TestGateway } from "../../test/support/gateway.ts";
import { RawWebSocket } from "../../test/support/raw.ts";
import { until } from "../../test/support/until.ts";
import { WebhookReceiver } from "../../test/support/webhook-receiver.ts";

const secret = "publish-secret-of-the-test";
const signing = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
let receiver: WebhookReceiver;
let gateway: TestGateway;
beforeAll(async () => {
  receiver = await WebhookReceiver.start(signing);
  const webhooks = { urls: [receiver.url], secrets: [signing], allowPrivate: ["127.0.0.1"], retry: 1 };
  gateway = await startGateway({ secret, webhooks });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
});

const run = async (url: string, ...args: readonly string[]) =>
  runCommand(["webhooks", "--url", url, ...args], { env: { BELFRY_SECRET: secret } });

test("it shows what waits, and what was given up", async () => {
  const nothing = await run(gateway.url);
  expect(nothing.out.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
    ["URL", "WAITING", "DEAD LETTERS"],
    [receiver.url, "0", "0"],
  ]);
  receiver.behaviour = 500;
  using socket = await RawWebSocket.open(gateway.url, "/connect?room=time");
  await socket.waitForMessage();
  await until(async () => (await run(gateway.url)).out.includes("room_occupied"), 10_000);
  const { out, code } = await run(gateway.url);
  expect(code).toBe(0);
  const [, counts = "", , head = "", row = ""] = out.split("\n");
  expect(counts.split(/ {2,}/)).toEqual([receiver.url, "0", "1"]);
  expect(head.split(/ {2,}/)).toEqual(["ID", "EVENT", "ROOM", "USER", "SEQ", "GIVEN UP"]);
  expect(row.split(/ {2,}/).slice(1)).toEqual([
    "room_occupied",
    "time",
    "-",
    "1",
    "Expected an answer 2xx within 1 s, got status 500",
  ]);
  expect((await run(gateway.url, "--letters", "0")).out).not.toContain("room_occupied");
  const json = JSON.parse((await run(gateway.url, "--json")).out) as { readonly webhooks: readonly object[] };
  expect(json.webhooks[0]).toMatchObject({ url: receiver.url, waiting: 0, deadLetters: 1 });
});

test("a gateway without webhooks, one without an API, a wrong secret and a wrong number", async () => {
  await using none = await startGateway({ secret });
  expect((await run(none.url)).out).toBe("The gateway has no webhooks.");
  await using closed = await startGateway({ secret, listeners: [{ address: "127.0.0.1:0", api: false }] });
  expect((await run(closed.url)).err).toContain("got 404: the listener has `api: false`");
  expect((await run(none.url, "--secret", "wrong-secret-of-the-test")).err).toContain("refused (401)");
  expect((await run(none.url, "--letters", "many")).err).toContain("Expected --letters as a number");
});
