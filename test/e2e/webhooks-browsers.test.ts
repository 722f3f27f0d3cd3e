// Pages of a browser come and go, and a webhook is told of it.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { withBrowser } from "../support/chromium.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { auth, signToken } from "../support/tokens.ts";
import { until } from "../support/until.ts";
import { WebhookReceiver } from "../support/webhook-receiver.ts";

setDefaultTimeout(90_000);

const secret = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;

let site: Bun.Server<undefined>;
beforeAll(async () => {
  const headers = { "content-type": "text/html" };
  site = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response("<!doctype html><link rel=icon href=data:,><title>A page</title>", { headers }),
  });
});
afterAll(async () => {
  await site.stop(true);
});

async function start(to: WebhookReceiver): Promise<TestGateway> {
  return startGateway({
    listeners: [{ address: "127.0.0.1:0", origins: [site.url.origin] }],
    auth,
    webhooks: { urls: [to.url], secrets: [secret], rooms: ["chat::*"], allowPrivate: ["127.0.0.1"] },
  });
}

/** What a receiver was told of a room: `user_joined ann`. */
function told(to: WebhookReceiver, room: string): readonly string[] {
  const events = to.events.filter((event) => event.room === room);
  // Numbers without a gap say that nothing is missing.
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  return events.map(({ type, user }) => (user === undefined ? type : `${type} ${user}`));
}

/** Pages of ann and bob come to `room` and leave it, each by one of these gateways. */
async function comeAndGo(
  to: WebhookReceiver,
  gateways: readonly [TestGateway, TestGateway],
  room: string,
): Promise<void> {
  const [ann, bob] = await Promise.all(
    ["ann", "bob"].map(async (sub) => signToken({ sub, rooms: ["chat::*"] })),
  );
  const isTold = async (...expected: readonly string[]): Promise<void> => {
    const describe = () => `${expected.join(", ")}, got ${told(to, room).join(", ")}`;
    await until(() => told(to, room).join() === expected.join(), 20_000, describe);
  };
  await withBrowser(async ({ open }) => {
    const enter = async (gateway: TestGateway, token = "") => {
      const { page } = await open(site.url.href);
      await page.evaluate(
        async ({ url, protocol }) =>
          new Promise<void>((resolve, reject) => {
            const socket = new WebSocket(url, ["belfry", protocol]);
            socket.addEventListener("message", () => {
              resolve();
            });
            socket.addEventListener("close", ({ code }) => {
              reject(new Error(`Expected to join, got ${code}`));
            });
          }),
        { url: `${gateway.url.replace("http", "ws")}/connect?room=${room}`, protocol: `bearer.${token}` },
      );
      return page;
    };
    const first = await enter(gateways[0], ann);
    await isTold("room_occupied", "user_joined ann");
    // A second page of the same user is no news, and another user is.
    const second = await enter(gateways[1], ann);
    const third = await enter(gateways[1], bob);
    await isTold("room_occupied", "user_joined ann", "user_joined bob");
    await first.close();
    await third.close();
    await isTold("room_occupied", "user_joined ann", "user_joined bob", "user_left bob");
    await second.close();
    await isTold(
      "room_occupied",
      "user_joined ann",
      "user_joined bob",
      "user_left bob",
      "user_left ann",
      "room_vacated",
    );
  });
}

test("pages come and go on one gateway without Redis", async () => {
  await using to = await WebhookReceiver.start(secret);
  await using gateway = await start(to);
  await comeAndGo(to, [gateway, gateway], "chat::memory");
  expect(to.taken.length).toBe(6);
  expect(to.faults).toEqual([]);
});
