// The specification of the native dialect, src/dialects/native/README.md, held against a gateway: each block behind an
// `example` comment is said and heard as it stands. Positions are left out there, and here.
//
//   <!-- example: heard, PUBLISH belfry:time {"now":1} -->       a websocket in the room `time` hears the block then
//   <!-- example: heard, emit update to time [1,2] -->           the same, said as a Flask backend says it
//   <!-- example: conversation /connect -->                      what a client says (→) and what comes back (←)
//   <!-- example: stream /connect?room=time, PUBLISH ... -->     the events of a stream, up to what is published

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { native } from "../support/dialects/native.ts";
import { socketio } from "../support/dialects/socketio.ts";
import { Site } from "../support/dialects/site.ts";
import { EventStreamClient } from "../support/event-stream.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";

const page = readFileSync(join(import.meta.dir, "../../src/dialects/native/README.md"), "utf8");
const examples = [...page.matchAll(/<!-- example: (.+) -->\n\n```\w*\n([^]*?)\n```/g)].map(
  ([, mark = "", block = ""]) => ({ mark, block }),
);

let redis: RedisServer;
let site: Site;

beforeAll(async () => {
  redis = await startRedis();
  site = await Site.open(redis, [socketio, native], { roomSecrets: { shop: "right" } });
});

afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await redis.stop();
});

/** Carries out the part of a mark that a backend says. */
async function say(order: string): Promise<void> {
  const [, channel, payload] = /^PUBLISH (\S+) (.*)$/.exec(order) ?? [];
  const [, event, room, data] = /^emit (\S+) to (\S+) (.*)$/.exec(order) ?? [];
  if (channel !== undefined) await site.backend.publish(channel, payload ?? "");
  else {
    const fields = `"method":"emit","namespace":"/","event":"${event}","room":"${room}","data":${data}`;
    await site.backend.publish("flask-socketio", `{${fields}}`);
  }
}

/** Without positions, and as compact as the gateway writes. */
function compact(json: string): string {
  return JSON.stringify(JSON.parse(json), (key, value: unknown) => (key === "at" ? undefined : value));
}

async function hear(order: string, block: string): Promise<void> {
  using socket = await RawWebSocket.open(site.url, "/connect?room=time");
  await socket.waitForMessage();
  await say(order);
  expect(compact(String(await socket.waitForMessage()))).toBe(compact(block));
}

async function converse(path: string, block: string): Promise<void> {
  using socket = await RawWebSocket.open(site.url, path);
  for (const line of block.split("\n")) {
    const text = line.slice(2);
    if (line.startsWith("→ ")) socket.send(text);
    else expect(compact(String(await socket.waitForMessage()))).toBe(compact(text));
  }
}

async function listen(mark: string, block: string): Promise<void> {
  const [path = "", order = ""] = mark.split(/, (.*)/);
  using stream = await EventStreamClient.open(`${site.url}${path}`);
  const expected = block.split("\n\n");
  const heard = [await stream.next()];
  await say(order);
  while (heard.length < expected.length) heard.push(await stream.next());
  const shown = heard.map(({ type, data }) =>
    [...(type === "message" ? [] : [`event: ${type}`]), `data: ${compact(data)}`].join("\n"),
  );
  expect(shown).toEqual(expected);
}

test("there are examples", () => {
  expect(examples.length).toBeGreaterThanOrEqual(4);
});

test.each(examples.map(({ mark, block }) => [mark, block] as const))("%s", async (mark, block) => {
  const [kind = "", rest = ""] = mark.split(/[ ,]+(.*)/);
  if (kind === "heard") await hear(rest, block);
  else if (kind === "conversation") await converse(rest, block);
  else await listen(rest, block);
});
