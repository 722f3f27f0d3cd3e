// What the fifth dialect (test/dialects/echo) proves of the ports beside the suite: publishing with a receipt, frames for
// each room, event streams, and secrets of room-spaces.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { echo } from "../../support/dialects/echo.ts";
import { socketio } from "../../support/dialects/socketio.ts";
import { admitted } from "../../support/dialects/ear.ts";
import { Site } from "../../support/dialects/site.ts";
import { RawWebSocket } from "../../support/raw.ts";
import { startRedis } from "../../support/redis.ts";
import type { RedisServer } from "../../support/redis.ts";
import { until } from "../../support/until.ts";

let redis: RedisServer;
let site: Site;

beforeAll(async () => {
  redis = await startRedis();
  site = await Site.open(redis, [socketio, echo], { roomSecrets: { shop: "right" } });
});

afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await redis.stop();
});

/** The events of a stream, one text each. */
async function* eventsOf(response: Response): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      if (block.startsWith("data: ")) yield block.slice("data: ".length);
    }
  }
}

async function stream(query: string): Promise<Response> {
  return fetch(`${site.url}/echo?${query}`, { headers: { accept: "text/event-stream" } });
}

test("a client in two rooms hears a message to both twice, each with its room; others hear it once", async () => {
  using socket = await RawWebSocket.open(site.url, "/echo?room=one&room=two");
  using page = admitted(await socketio.enter(site, "one"));
  const order = { method: "emit", event: "update", data: 1, namespace: "/", room: ["one", "two"] };
  await site.backend.publish("flask-socketio", JSON.stringify(order));
  const heard = [await socket.waitForMessage(), await socket.waitForMessage()];
  expect(heard.map(String).toSorted()).toEqual([
    '{"room":"one","event":"update","data":1}',
    '{"room":"two","event":"update","data":1}',
  ]);
  expect(await page.take(1)).toEqual(['42["update",1]']);
});

test("a publish answers how many heard it here, and reaches the other dialects through the broker", async () => {
  using socket = await RawWebSocket.open(site.url, "/echo?room=receipt");
  using page = admitted(await socketio.enter(site, "receipt"));
  const headers = { authorization: `Bearer ${site.secret}` };
  const url = `${site.url}/echo?room=receipt`;
  const answer = await fetch(url, { method: "POST", headers, body: "hello" });
  expect(await answer.json()).toEqual({ delivered: 2 });
  expect(await socket.waitForMessage()).toBe('{"room":"receipt","event":"message","data":"hello"}');
  expect(await page.take(1)).toEqual(['42["message","hello"]']);
  expect((await fetch(url, { method: "POST", body: "hello" })).status).toBe(401);
});

test("SEC-16 what a client says stays in its dialect, is told how many heard it, and needs the room", async () => {
  using speaker = await RawWebSocket.open(site.url, "/echo?room=said");
  using page = admitted(await socketio.enter(site, "said"));
  speaker.send('{"id":1,"room":"said","data":{"n":1}}');
  const replies = [await speaker.waitForMessage(), await speaker.waitForMessage()];
  expect(replies.map(String).toSorted()).toEqual([
    '{"id":1,"delivered":1}',
    '{"room":"said","event":"message","data":"{\\"n\\":1}"}',
  ]);
  for (const junk of ['{"id":2,"room":"elsewhere"}', "junk"]) speaker.send(junk);
  expect(await speaker.waitForMessage()).toBe('{"id":2,"error":"room"}');
  expect(await speaker.waitForMessage()).toBe('{"error":"room"}');
  await socketio.callAll(site, [page], "(end)");
  expect(await page.until("(end)")).toEqual([]);
});

test("an event stream hears its rooms like a websocket, and ends with the client", async () => {
  const response = await stream("room=time&room=news");
  await until(async () => (await site.gateway.metric("belfry_connections", 'transport="stream"')) === 1);
  const events = eventsOf(response)[Symbol.asyncIterator]();
  await echo.redisDoor.say(site, "news", "two\nlines");
  expect((await events.next()).value).toBe('{"room":"news","event":"message","data":"two\\nlines"}');
  await echo.redisDoor.say(site, "time", "12:00");
  expect((await events.next()).value).toBe('{"room":"time","event":"message","data":"12:00"}');
  await events.return?.();
  await until(async () => (await site.gateway.metric("belfry_connections", 'transport="stream"')) === 0);
});

test("WSE-03 SEC-10 the one rule for rooms holds for websockets and streams: the secret opens, nothing else", async () => {
  for (const [query, status] of [
    ["room=shop::orders", 403],
    ["room=shop::orders&secret=wrong", 403],
    ["room=shop::orders&secret=right", 200],
    [`room=${"x".repeat(257)}`, 400],
  ] as const) {
    const response = await stream(query);
    expect(response.status).toBe(status);
    await response.body?.cancel();
    const socket = await RawWebSocket.tryOpen(site.url, `/echo?${query}`);
    expect(socket instanceof RawWebSocket ? 200 : socket.status).toBe(status);
    if (socket instanceof RawWebSocket) socket[Symbol.dispose]();
  }
});
