// Clients of the native dialect that come back, over both transports, to either of two gateways on one Redis: each misses
// nothing, hears nothing twice, or is told that something may be missing (I1, I3, I10).

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { apiPublish } from "../support/emit.ts";
import { native } from "../support/dialects/native.ts";
import { socketio } from "../support/dialects/socketio.ts";
import { Site } from "../support/dialects/site.ts";
import { EventStreamClient } from "../support/event-stream.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

let redis: RedisServer;
let one: Site;
let two: Site;

beforeAll(async () => {
  redis = await startRedis();
  const config = {
    rooms: [{ match: "log-*", history: { size: 100, seconds: 60 } }],
    native: { heartbeat: 1 },
  };
  // The same dialects: positions are those of one set of subscriptions.
  const open = async (): Promise<Site> => Site.open(redis, [native, socketio], config);
  [one, two] = await Promise.all([open(), open()]);
  // Both have a position once the first canary came.
  for (const site of [one, two]) {
    await until(async () => {
      using socket = await RawWebSocket.open(site.url, "/connect?room=begin");
      return String(await socket.waitForMessage()).includes('"at":"');
    }, 20_000);
  }
});

afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  await redis.stop();
});

interface Message {
  readonly id?: number;
  readonly type?: string;
  readonly room?: string;
  readonly data?: unknown;
  readonly at?: string;
  readonly recovered?: boolean;
  readonly reason?: string;
}

/** The next message, heartbeats left out. */
async function next(socket: RawWebSocket): Promise<Message> {
  for (;;) {
    const message = JSON.parse(String(await socket.waitForMessage())) as Message;
    if (message.type !== "at") return message;
  }
}

async function join(socket: RawWebSocket, room: string, at?: string): Promise<Message> {
  socket.send(JSON.stringify({ id: 1, type: "join", room, at }));
  return next(socket);
}

const tape = async (room: string, text: string): Promise<void> =>
  void (await one.backend.publish(`belfry:${room}`, text));

const post = async (room: string, data: unknown) => apiPublish(one.url, one.secret, { room, data });

describe("over a websocket", () => {
  test("F12 I3 a client gets on the other gateway what it missed on the first one, once and in order", async () => {
    let at: string | undefined;
    {
      using socket = await RawWebSocket.open(one.url, "/connect");
      expect((await join(socket, "time")).recovered).toBeUndefined();
      await tape("time", "heard");
      const heard = await next(socket);
      expect(heard.data).toBe("heard");
      at = heard.at;
    }
    const missed = Array.from({ length: 20 }, (_, index) => index);
    for (const index of missed) {
      await tape("time", `${index}`);
      await tape("elsewhere", `${index}`);
    }
    using back = await RawWebSocket.open(two.url, "/connect");
    expect(await join(back, "time", at)).toMatchObject({
      type: "joined",
      room: "time",
      recovered: true,
      missed: 20,
    });
    await tape("time", "20");
    const heard = [];
    while (heard.length < 21) heard.push((await next(back)).data);
    expect(heard).toEqual([...missed, 20]);
  });

  test("a heartbeat takes the place of the position of a quiet room", async () => {
    using socket = await RawWebSocket.open(one.url, "/connect?room=quiet");
    await next(socket);
    const { type, at } = JSON.parse(String(await socket.waitForMessage())) as Message;
    expect(type).toBe("at");
    using back = await RawWebSocket.open(two.url, "/connect");
    expect(await join(back, "quiet", at)).toMatchObject({ recovered: true, missed: 0 });
  });

  test("I10 T28 junk as a position recovers nothing, and a room that may not be joined replays nothing", async () => {
    using socket = await RawWebSocket.open(one.url, "/connect");
    const junk = ["junk", "", "a.1", "-", "x".repeat(5_000), "a:1", "\0", "__proto__"];
    for (const [index, at] of junk.entries())
      expect(await join(socket, `j${index}`, at)).toMatchObject({ type: "joined", recovered: false });
    socket.send('{"id":9,"type":"join","room":"shop::orders","at":"a.1"}');
    expect(await next(socket)).toMatchObject({ id: 9, error: { code: "secret_wrong" } });
  });

  test("a room with a log: publishing says where it stands, history and recovery read it", async () => {
    using socket = await RawWebSocket.open(one.url, "/connect?room=log-a");
    const { at } = await next(socket);
    const { stored, delivered } = await post("log-a", { n: 1 });
    expect(delivered).toBe(1);
    expect(await next(socket)).toMatchObject({ room: "log-a", event: "message", data: { n: 1 }, at: stored });
    await post("log-a", { n: 2 });
    socket.send('{"id":4,"type":"history","room":"log-a","limit":1}');
    await next(socket);
    expect(await next(socket)).toMatchObject({
      id: 4,
      type: "history",
      more: true,
      publications: [{ room: "log-a", data: { n: 2 } }],
    });
    using back = await RawWebSocket.open(two.url, "/connect");
    expect(await join(back, "log-a", at)).toMatchObject({ recovered: true });
    expect([(await next(back)).data, (await next(back)).data]).toEqual([{ n: 1 }, { n: 2 }]);
    socket.send('{"id":5,"type":"history","room":"log-a","since":"elsewhere:1"}');
    expect(await next(socket)).toMatchObject({ id: 5, error: { code: "position_unknown" } });
  });
});

describe("over an event stream", () => {
  /** The next event, of type and data alone. */
  async function heard(stream: EventStreamClient): Promise<string> {
    const { type, data } = await stream.next();
    const { room, data: value, recovered } = JSON.parse(data) as Message;
    return type === "message" ? `${room} ${JSON.stringify(value)}` : `${type} ${room} ${recovered}`;
  }

  test.each([
    ["rooms without a log", ["time", "news"]],
    ["rooms with a log beside others", ["time", "news", "log-b", "log-é&="]],
  ])(
    "F12 I3 %s: the browser's own Last-Event-ID recovers all of them, on the other gateway",
    async (_, rooms) => {
      const query = rooms.map((room) => `room=${encodeURIComponent(room)}`).join("&");
      const say = async (text: string): Promise<void> => {
        for (const room of rooms) await (room.startsWith("log-") ? post(room, text) : tape(room, text));
      };
      let id = "";
      {
        using stream = await EventStreamClient.open(`${one.url}/connect?${query}`);
        for (const room of rooms) expect(await heard(stream)).toBe(`joined ${room} undefined`);
        await say("first");
        const firsts = [];
        while (firsts.length < rooms.length) firsts.push(await heard(stream));
        expect(firsts.toSorted()).toEqual(rooms.map((room) => `${room} "first"`).toSorted());
        id = stream.lastEventId;
      }
      await say("second");
      await say("third");
      for (const [site, headers, more] of [
        [two, { "last-event-id": id }, ""],
        [one, {}, `&cursor=${encodeURIComponent(id)}`],
      ] as const) {
        using back = await EventStreamClient.open(`${site.url}/connect?${query}${more}`, headers);
        for (const room of rooms) expect(await heard(back)).toBe(`joined ${room} true`);
        const missed = [];
        const ids = [];
        while (missed.length < 2 * rooms.length) {
          missed.push(await heard(back));
          ids.push(back.lastEventId);
        }
        const expected = ["second", "third"].flatMap((text) => rooms.map((room) => `${room} "${text}"`));
        expect(missed.toSorted()).toEqual(expected.toSorted());
        // Cut behind any event: the rest comes, and nothing again.
        for (const [at, cut] of ids.entries()) {
          using again = await EventStreamClient.open(`${site.url}/connect?${query}`, {
            "last-event-id": cut,
          });
          for (const room of rooms) expect(await heard(again)).toBe(`joined ${room} true`);
          const rest = [];
          while (rest.length < missed.length - at - 1) rest.push(await heard(again));
          expect([...missed.slice(0, at + 1), ...rest].toSorted()).toEqual(expected.toSorted());
        }
      }
    },
  );

  test("I3 as many rooms with a log as one stream may have come back with the room beside them; one more is refused", async () => {
    const logged = Array.from({ length: 256 }, (_, index) => `log-chat-long-room-name-${index}`);
    const query = (rooms: readonly string[]): string =>
      rooms.map((room) => `room=${encodeURIComponent(room)}`).join("&");
    const rooms = [...logged, "many-time"];
    const url = (site: Site, more = ""): string => `${site.url}/connect?${query(rooms)}${more}`;
    let id = "";
    {
      using stream = await EventStreamClient.open(url(one));
      for (const room of rooms) expect(await heard(stream)).toBe(`joined ${room} undefined`);
      await post(logged[255] ?? "", "first");
      expect(await heard(stream)).toBe(`${logged[255]} "first"`);
      id = stream.lastEventId;
    }
    expect(id.length).toBeLessThan(24 * rooms.length);
    await post(logged[255] ?? "", "second");
    await tape("many-time", "third");
    using back = await EventStreamClient.open(url(two), { "last-event-id": id });
    for (const room of rooms) expect(await heard(back)).toBe(`joined ${room} true`);
    expect([await heard(back), await heard(back)]).toEqual([`${logged[255]} "second"`, 'many-time "third"']);
    const headers = { accept: "text/event-stream" };
    const refused = await fetch(`${url(one)}&room=log-257`, { headers });
    expect([refused.status, await refused.text()]).toEqual([
      400,
      "Expected at most 256 rooms with a history in one stream, got 257: open more streams, or a websocket\n",
    ]);
  });

  test("a publication to several rooms: who may have got a part of it is told that something may be missing", async () => {
    const order = { method: "emit", event: "e", data: 1, namespace: "/", room: ["m1", "m2"] };
    using stream = await EventStreamClient.open(`${one.url}/connect?room=m1&room=m2`);
    await heard(stream);
    await heard(stream);
    await one.backend.publish("flask-socketio", JSON.stringify(order));
    await heard(stream);
    const [cut] = [stream.lastEventId];
    using back = await EventStreamClient.open(`${two.url}/connect?room=m1&room=m2`, { "last-event-id": cut });
    expect([await heard(back), await heard(back)]).toEqual(["joined m1 false", "joined m2 false"]);
    using alone = await EventStreamClient.open(`${two.url}/connect?room=m1`, { "last-event-id": cut });
    expect(await heard(alone)).toBe("joined m1 true");
  });

  test("F12 quiet rooms: a heartbeat moves the id on and is no event", async () => {
    using stream = await EventStreamClient.open(`${one.url}/connect?room=still`);
    await heard(stream);
    const before = stream.lastEventId;
    const event = stream.next();
    await until(() => stream.lastEventId !== before, 20_000);
    await tape("still", "now");
    expect((await event).data).toContain('"data":"now"');
  });

  test("a cursor that is junk recovers nothing", async () => {
    for (const cursor of ["junk", "%", "a=b", "&x", "&%ff=a:1", "x".repeat(9_000), "-", "a.1*"]) {
      using stream = await EventStreamClient.open(
        `${one.url}/connect?room=a&cursor=${encodeURIComponent(cursor)}`,
      );
      expect(await heard(stream)).toBe("joined a false");
    }
  });
});

test("I4 who is connected while the gateway is cut off from Redis hears of a gap within 5 s after healing", async () => {
  using socket = await RawWebSocket.open(one.url, "/connect?room=cut");
  await next(socket);
  using stream = await EventStreamClient.open(`${one.url}/connect?room=cut`);
  await stream.next();
  const { at } = await next(await RawWebSocket.open(one.url, "/connect?room=cut"));
  await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
  expect(await next(socket)).toMatchObject({ type: "gap" });
  expect((await stream.next()).type).toBe("gap");
  using back = await RawWebSocket.open(one.url, "/connect");
  expect(await join(back, "cut", at)).toMatchObject({ recovered: false });
});

test("T10 F13 a stream that is not read is ended as slow, and its room goes on", async () => {
  const { hostname, port } = new URL(one.url);
  using reader = await RawWebSocket.open(one.url, "/connect?room=slow");
  await next(reader);
  const slow = async (): Promise<number> =>
    one.gateway.metric("belfry_disconnections_total", 'dialect="native",reason="slow"');
  const before = await slow();
  const idler = await Bun.connect({ hostname, port: Number(port), socket: { data: () => undefined } });
  idler.write("GET /connect?room=slow HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
  await until(async () => (await one.gateway.metric("belfry_connections", 'transport="stream"')) > 0, 20_000);
  idler.pause();
  const padding = "x".repeat(100_000);
  for (let count = 0; count < 200; count++) {
    await tape("slow", `${count} ${padding}`);
    expect(String((await next(reader)).data)).toStartWith(`${count} `);
  }
  await until(async () => (await slow()) === before + 1, 20_000);
  idler.end();
});
