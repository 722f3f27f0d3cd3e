// Plain WebSockets and event streams in a room with a log, over gateways that are processes of their own: one of them is
// killed, Redis crashes, and the clients come back to the other with what they missed.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { apiPublish } from "../support/emit.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";

const secret = "publish-secret-of-this-test";
const room = "log:orders";

let folder: string;
let redis: RedisServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "belfry-log-"));
  redis = await startRedis({ args: ["--appendonly", "yes", "--appendfsync", "always"] });
  const rooms = [{ match: "log:*", history: { size: 100, seconds: 60 } }];
  await writeFile(join(folder, "belfry.json"), JSON.stringify({ redis: redis.url, secret, rooms }));
});

afterAll(async () => {
  await redis.stop();
  await rm(folder, { recursive: true });
});

async function serve(): Promise<ServedGateway> {
  return ServedGateway.start({ args: ["--config", join(folder, "belfry.json")] });
}

async function publish({ url }: ServedGateway, data: number): Promise<string> {
  const { stored = "" } = await apiPublish(url, secret, { room, event: "order", data, key: `order ${data}` });
  expect(stored).not.toBe("");
  return stored;
}

/** A page over a websocket that came with a position. */
async function connect({ url }: ServedGateway, at?: string) {
  const socket = await RawWebSocket.open(url, "/connect");
  socket.send(JSON.stringify({ id: 1, type: "join", room, at }));
  /** The next message; what is told about other rooms than those with a log is passed over. */
  const next = async (): Promise<Record<string, unknown>> => {
    const message = JSON.parse(String(await socket.waitForMessage(5_000))) as Record<string, unknown>;
    return message["type"] === "gap" && message["rooms"] === undefined ? next() : message;
  };
  return { socket, next };
}

/** The lines of an event stream up to the first that fits. */
async function stream(
  { url }: ServedGateway,
  lastEventId?: string,
  query = `room=${encodeURIComponent(room)}`,
) {
  const answer = await fetch(`${url}/connect?${query}`, {
    headers: {
      accept: "text/event-stream",
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    },
  });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    async until(pattern: RegExp): Promise<string> {
      while (!pattern.test(text)) {
        const part = await reader?.read();
        if (part?.value === undefined) throw new Error(`Expected ${pattern}, got the end of ${text}`);
        text += part.value;
      }
      return text;
    },
    close: async () => reader?.cancel(),
  };
}

test("F9 I1 I10 a gateway that is killed: its clients come back to another, by either transport, and miss nothing", async () => {
  await using other = await serve();
  const killed = await serve();
  const page = await connect(killed);
  const events = await stream(killed);
  const { at: start } = await page.next();
  expect(start).toEqual(expect.stringMatching(/^\w+:\d+\.\w+$/));
  await events.until(/event: joined/);
  const first = await publish(other, 1);
  expect(await page.next()).toEqual({ room, event: "order", data: 1, at: first });
  const seen = await events.until(/"data":1[^]*\n\n/);
  const cursors = [...seen.matchAll(/^id: ?(.*)$/gm)].map((match) => match[1]);
  killed.process.kill("SIGKILL");
  await killed.process.stop();
  const missed = [await publish(other, 2), await publish(other, 3)];

  const back = await connect(other, first);
  expect(await back.next()).toMatchObject({ id: 1, type: "joined", room, at: missed[1], recovered: true });
  expect([await back.next(), await back.next()]).toEqual([
    { room, event: "order", data: 2, at: missed[0] },
    { room, event: "order", data: 3, at: missed[1] },
  ]);
  const resumed = await stream(other, cursors.at(-1));
  const text = await resumed.until(/"data":3/);
  expect(text).toContain('"recovered":true,"missed":2');
  expect([...text.matchAll(/"data":(\d)/g)].map((match) => match[1])).toEqual(["2", "3"]);
  await resumed.close();

  // Redis crashes and is back with its data: who is connected goes on, who comes back is given what it missed.
  await redis.restart();
  let last = "";
  for (let tries = 0; last === "" && tries < 100; tries++) {
    last = await publish(other, 4).catch(() => "");
    if (last === "") await Bun.sleep(100);
  }
  expect(await back.next()).toEqual({ room, event: "order", data: 4, at: last });
  const again = await connect(other, missed[0]);
  expect(await again.next()).toMatchObject({ recovered: true, at: last });
  expect([await again.next(), await again.next()].map(({ data }) => data)).toEqual([3, 4]);
  for (const { socket } of [back, again]) socket[Symbol.dispose]();
}, 60_000);

test("I1 I3 I10 a client that has the place of each room shows them in the URL, by either transport", async () => {
  await using gateway = await serve();
  const socket = await RawWebSocket.open(gateway.url, "/connect");
  const place = async (name: string): Promise<string> => {
    socket.send(JSON.stringify({ id: 1, type: "join", room: name }));
    for (;;) {
      const message = JSON.parse(String(await socket.waitForMessage(5_000))) as Record<string, unknown>;
      if (message["type"] === "joined" && message["room"] === name) return String(message["at"]);
    }
  };
  const query = new URLSearchParams();
  for (const name of [room, "time"]) {
    query.append("room", name);
    query.append("at", await place(name));
  }
  await publish(gateway, 31);
  const headers = { authorization: `Bearer ${secret}` };
  expect((await fetch(`${gateway.url}/rooms/time`, { method: "POST", headers, body: "32" })).status).toBe(
    200,
  );

  const first = await stream(gateway, undefined, String(query));
  const seen = await first.until(/data: \{"room":"time"[^]*id: .*\n\n/);
  expect(seen.match(/"recovered":true,"missed":1/g)).toHaveLength(2);
  expect(seen.match(/"data":3\d/g)).toEqual([`"data":31`, `"data":32`]);
  await first.close();
  // The places of all rooms have moved on: nothing comes twice.
  const cursor = [...seen.matchAll(/^id: ?(.*)$/gm)].at(-1)?.[1] ?? "";
  const second = await stream(gateway, cursor, String(query));
  expect(await second.until(/(?:"recovered"[^]*){2}\n\n/)).toMatch(/(?:"recovered":true,"missed":0[^]*){2}/);
  await second.close();

  const back = await RawWebSocket.open(gateway.url, `/connect?${query}`);
  const verdicts = [await back.waitForMessage(5_000), await back.waitForMessage(5_000)].map(String);
  expect(verdicts[0]).toContain('"recovered":true,"missed":1');
  expect(verdicts[1]).toContain('"data":31');
  // Which place is of which room is not known: none is recovered.
  query.append("at", "1.1");
  const third = await stream(gateway, undefined, String(query));
  const lost = await third.until(/(?:"recovered"[^]*){2}\n\n/);
  expect(lost.match(/"recovered":false,"reason":"epoch"/g)).toHaveLength(2);
  await third.close();
  for (const one of [socket, back]) one[Symbol.dispose]();
}, 20_000);

test("F1 I4 a Redis that was emptied: connected clients are told once where the room stands, and come back from there", async () => {
  await using gateway = await serve();
  await publish(gateway, 21);
  const page = await connect(gateway);
  expect(await page.next()).toMatchObject({ type: "joined" });
  const events = await stream(gateway);
  await events.until(/event: joined/);
  await redis.restart({ isEmpty: true });
  const gap = await page.next();
  expect(gap).toEqual({ type: "gap", rooms: [room], at: expect.stringMatching(/^\w+:0\.0$/) });
  const seen = await events.until(/"rooms":.*\n\n/);
  expect(seen.match(/"rooms":/g)).toHaveLength(1);
  const cursor = [...seen.matchAll(/^id: ?(.*)$/gm)].at(-1)?.[1] ?? "";
  const back = await connect(gateway, String(gap["at"]));
  expect(await back.next()).toMatchObject({ recovered: true, missed: 0 });
  const resumed = await stream(gateway, cursor);
  await resumed.until(/"recovered":true,"missed":0/);
  for (const { socket } of [page, back]) socket[Symbol.dispose]();
  for (const one of [events, resumed]) await one.close();
}, 30_000);

test("F1 I10 positions of a Redis that was emptied are told, and nothing is given back", async () => {
  await using gateway = await serve();
  const at = await publish(gateway, 11);
  await redis.command("FLUSHALL");
  const page = await connect(gateway, at);
  expect(await page.next()).toMatchObject({ recovered: false, reason: "epoch" });
  const next = await publish(gateway, 12);
  expect(await page.next()).toMatchObject({ data: 12, at: next });
  page.socket[Symbol.dispose]();
}, 30_000);

test("F2 I10 while Redis is away a client that comes back is told so, and has its position for the next time", async () => {
  await using gateway = await serve();
  const first = await publish(gateway, 31);
  const second = await publish(gateway, 32);
  await redis.kill();
  const page = await connect(gateway, first);
  const told = { type: "joined", recovered: false, reason: "unavailable" };
  expect(await page.next()).toMatchObject({ ...told, at: first });
  page.socket[Symbol.dispose]();
  const other = await connect(gateway, "junk");
  const answer = await other.next();
  expect(answer).toMatchObject(told);
  expect(answer["at"]).toBeUndefined();
  other.socket[Symbol.dispose]();
  await redis.restart();
  for (let tries = 0; tries < 100; tries++) {
    const back = await connect(gateway, first);
    const { recovered } = await back.next();
    if (recovered === true) expect(await back.next()).toMatchObject({ data: 32, at: second });
    back.socket[Symbol.dispose]();
    if (recovered === true) return;
    await Bun.sleep(100);
  }
  expect.unreachable();
}, 30_000);
