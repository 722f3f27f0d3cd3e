// Connection state recovery with unchanged pages: socket.io-client 4.6 to 4.8 come back, over both transports, and miss
// nothing, or are told that they may.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { portOf } from "../support/ports.ts";
import { apiPublish, emit } from "../support/emit.ts";
import { startGateway } from "../support/gateway.ts";
import type { GatewayConfig, TestGateway } from "../support/gateway.ts";
import { ReturningClient, returningClients } from "../support/returning-client.ts";

setDefaultTimeout(60_000);

const secret = "a publish secret";

const open = async (more: GatewayConfig = {}): Promise<TestGateway> =>
  startGateway({ secret, socketio: { recovery: true }, ...more });

/** A backend says it; undefined: to everyone. */
async function say({ url }: TestGateway, room: string | undefined, data: unknown): Promise<void> {
  await emit(url, { event: "update", room, data, secret });
}

test("with `tape.seconds: 0` no page is recovered, also in a room with a log", async () => {
  await using gateway = await open({
    tape: { seconds: 0 },
    rooms: [{ match: "log:*", history: { size: 10, seconds: 60 } }],
  });
  const [version, transport] = returningClients.at(-1) ?? ["4.8", "websocket"];
  await using page = await ReturningClient.open({ version, transport, port: portOf(gateway) });
  await page.ask("join", { room: "log:time" });
  await apiPublish(gateway.url, secret, { room: "log:time", event: "update", data: 1 });
  await page.waitFor(2);
  await page.cutOff();
  await page.comeBack();
  const seen = await page.waitFor(4);
  expect(seen.filter(([name]) => name === "connect")).toEqual([
    ["connect", false],
    ["connect", false],
  ]);
});

describe.each(returningClients)("without Redis, socket.io-client %s over %s", (version, transport) => {
  const connect = async (gateway: TestGateway): Promise<ReturningClient> =>
    ReturningClient.open({ version, transport, port: portOf(gateway) });

  test("a page that was cut off has its id and rooms again, and gets what it missed, once and in order", async () => {
    await using gateway = await open();
    await using page = await connect(gateway);
    await page.ask("join", { room: "time" });
    await say(gateway, "time", 1);
    await page.waitFor(2);
    await page.cutOff();
    for (const [room, data] of [
      ["time", 2],
      [undefined, 3],
      ["elsewhere", 4],
      [page.ids[0], 5],
    ] as const) {
      await say(gateway, room, data);
    }
    await page.comeBack();
    await say(gateway, "time", 6);
    expect(await page.waitFor(8)).toEqual([
      ["connect", false],
      ["update", 1, "<offset>"],
      ["disconnect"],
      ...[2, 3, 5].map((data) => ["update", data, "<offset>"]),
      ["connect", true],
      ["update", 6, "<offset>"],
    ]);
    expect(page.ids[1]).toBe(page.ids[0]);
    expect(await gateway.metric("belfry_returns_total", 'reason="recovered"')).toBe(1);
  });
});
