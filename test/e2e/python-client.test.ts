// A python-socketio client on the browser side, synchronous (requests, websocket-client) and asynchronous (aiohttp): it
// gives up on an answer of more than 16 packets, so a burst shows whether it gets them in portions.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { emit } from "../support/emit.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { PythonProgram } from "../support/python.ts";

const secret = "ding";
const burst = 200;

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ secret });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

async function say(event: string, data: unknown, room = "time"): Promise<void> {
  await emit(gateway.url, { secret, event, room, data });
}

describe.each([
  ["polling", "sync"],
  ["polling", "async"],
  ["websocket", "sync"],
  ["websocket", "async"],
])("%s %s", (transport, kind) => {
  test("EIO-06 SIO-08 a Python client joins, hears the whole of a burst, each event once, and stays", async () => {
    await using client = await PythonProgram.start("socketio-client", "client", [
      gateway.url,
      transport,
      kind,
    ]);
    expect(await client.run("answer = call('join', {'room': 'time'})")).toBeNull();
    const counts = Array.from({ length: burst }, (_, count) => count);
    await Promise.all(counts.map((count) => say("tick", count)));
    for (const count of counts) await client.waitFor(new RegExp(`^heard \\["tick", ${count}\\]$`, "m"));
    expect(client.output.match(/^heard \["tick"/gm)).toHaveLength(burst);
    await say("still", "here");
    await client.waitFor(/^heard \["still", "here"\]$/m);
    expect(client.output).not.toContain("(disconnect)");
    await client.run("stop()");
  });
});
