import { describe, expect, test } from "bun:test";
import { ChannelsGateway } from "../../../test/support/channels-gateway.ts";
import { until } from "../../../test/support/until.ts";
import { handshakeHeaders, RawConnection, requestBytes } from "../../../test/support/raw.ts";
import type { RawWebSocket } from "../../../test/support/raw.ts";
import { createClientId } from "../../base/client-id.ts";
import { Connection } from "../../core/membership.ts";
import type { Route } from "../../server/route.ts";
import { toRooms } from "../raw/format.ts";
import { RawPublication } from "../../codec/raw-publication.ts";
import { publicationWith } from "../../../test/support/publication.ts";

/** A path of so many segments. */
function path(segments: number): string {
  return Array.from({ length: segments }, () => "x").join("/");
}

/** Another dialect's route on the same port. */
function neighbour(mount: string, accepts: NonNullable<Route["accepts"]>): Route {
  return {
    path: mount,
    isPrefix: true,
    accepts,
    fetch: () => new Response("neighbour", { status: 299 }),
    upgrade: () => new Response("neighbour", { status: 299 }),
  };
}

/** What comes to each, when a mark is published to everyone behind all the rest. */
async function heardBy(
  gateway: ChannelsGateway,
  clients: Readonly<Record<string, RawWebSocket>>,
): Promise<Record<string, unknown>> {
  const mark = crypto.randomUUID();
  await gateway.bus.publish("websocket:/", mark);
  const heard: Record<string, unknown> = {};
  for (const [name, client] of Object.entries(clients)) {
    const messages: unknown[] = [];
    for (;;) {
      const message = await client.waitForMessage();
      if (message === mark) break;
      messages.push(message);
    }
    heard[name] = messages;
  }
  return heard;
}

describe("the tree", () => {
  test("WSC-03 WSC-01 a name reaches its channel, a trailing slash everyone below, `/` everyone", async () => {
    await using gateway = await ChannelsGateway.start();
    using root = await gateway.join("");
    using users = await gateway.join("users");
    using one = await gateway.join("users/1");
    using deep = await gateway.join("users/1/x");
    using other = await gateway.join("usersX/1");
    const clients = { root, users, one, deep, other };
    for (const name of ["users", "users/", "users/1", "users/1/", "/users//1", "users//", "", "/", "//"]) {
      await gateway.bus.publish(`websocket:${name}`, name === "" ? "empty" : name);
    }
    expect(await heardBy(gateway, clients)).toEqual({
      root: ["/", "//"],
      users: ["users", "/", "//"],
      one: ["users/", "users/1", "/users//1", "users//", "/", "//"],
      deep: ["users/", "users/1/", "users//", "/", "//"],
      other: ["/", "//"],
    });
  });

  test("WSC-04 WSC-01 empty segments are dropped on both sides", async () => {
    await using gateway = await ChannelsGateway.start();
    using plain = await gateway.join("a/b");
    using doubled = await gateway.join("a//b");
    using leading = await gateway.join("//a/b///");
    await gateway.bus.publish("websocket:a/b", "1");
    await gateway.bus.publish("websocket://a///b", "2");
    await gateway.bus.publish("websocket:a/", "3");
    const all = ["1", "2", "3"];
    expect(await heardBy(gateway, { plain, doubled, leading })).toEqual({
      plain: all,
      doubled: all,
      leading: all,
    });
  });

  test("WSC-04 the root channel's own messages reach nobody", async () => {
    await using gateway = await ChannelsGateway.start();
    using root = await gateway.join("");
    using other = await gateway.join("x");
    root.send("anyone?");
    await until(() => gateway.observed.includes("ignored name_empty"));
    expect(await heardBy(gateway, { root, other })).toEqual({ root: [], other: [] });
  });

  test("WSC-04 SEC-06 32 segments are taken, 33 refused, and none of a client's topics is left behind", async () => {
    await using gateway = await ChannelsGateway.start({ limits: { nameBytes: 64 } });
    using deep = await gateway.join(path(32));
    await gateway.bus.publish(`websocket:${path(32)}`, "here");
    await gateway.bus.publish(`websocket:${path(31)}/`, "below");
    expect(await heardBy(gateway, { deep })).toEqual({ deep: ["here", "below"] });
    expect((await gateway.refusal(`/ws/${path(33)}`)).status).toBe(400);
    expect((await gateway.refusal(`/ws/${"é".repeat(33)}`)).status).toBe(400);
    expect((await gateway.refusal(`/ws/${"x".repeat(65)}`)).status).toBe(400);
    expect(gateway.hub.roomCount).toBe(1);
    deep[Symbol.dispose]();
    await until(() => gateway.hub.roomCount === 0 && gateway.admitted === 0);
    expect(gateway.connected).toBe(0);
  });
});

describe("names", () => {
  test("WSC-01 percent signs are decoded once, plus stays, the query is ignored", async () => {
    await using gateway = await ChannelsGateway.start();
    const names: readonly (readonly [encoded: string, channel: string])[] = [
      ["a%2Fb", "a/b"],
      ["a%252Fb", "a%2Fb"],
      ["a+b", "a+b"],
      ["a%2Bb", "a+b"],
      ["a%20b", "a b"],
      ["caf%C3%A9", "café"],
      ["caf%C3%A9%2F%E2%82%AC/", "café/€"],
      ["100%", "100%"],
      ["%zz%4", "%zz%4"],
      ["a?subscribe=1", "a"],
      ["%3F%23%5C%00%0A", "?#\\\0\n"],
      ["a:b", "a:b"],
      ["..%2F..%2Fx", "../../x"],
      ["__proto__", "__proto__"],
    ];
    for (const [encoded, channel] of names) {
      using client = await gateway.join(encoded);
      await gateway.bus.publish(`websocket:${channel}`, `to ${channel}`);
      expect(await heardBy(gateway, { client })).toEqual({ client: [`to ${channel}`] });
      client.send("mine");
      expect(await client.waitForMessage()).toBe("mine");
    }
  });

  test("WSC-01 T15 bytes that are not UTF-8 are refused, never joined to another channel", async () => {
    await using gateway = await ChannelsGateway.start();
    // The last one is the character that stands for unreadable bytes in decoded names.
    for (const encoded of ["%FF", "a%C3", "%C0%AF", "%ED%A0%80", "%F4%90%80%80", "%EF%BF%BD"]) {
      expect((await gateway.refusal(`/ws/${encoded}`)).status).toBe(400);
    }
    expect(gateway.observed).toEqual(Array.from({ length: 6 }, () => "refused name_invalid"));
    gateway.observed.length = 0;
    for (const name of ["\uFFFD", "a/\uD800", "\uFFFD/"]) await gateway.bus.publish(`websocket:${name}`, "x");
    await until(() => gateway.observed.length === 3);
    expect(gateway.observed).toEqual(Array.from({ length: 3 }, () => "skipped name_invalid"));
  });

  test("WSC-01 a proxy's raw bytes: UTF-8 is the channel, anything else is refused, with and without root mode", async () => {
    await using gateway = await ChannelsGateway.start({ options: { root: true } });
    for (const mount of ["/ws", ""]) {
      using client = await gateway.open(`${mount}/café/€`);
      await gateway.bus.publish("websocket:café/€", "here");
      expect(await client.waitForMessage()).toBe("here");
      using connection = await RawConnection.open(gateway.url);
      const request = requestBytes(gateway.url, { path: `${mount}/caf\xff`, headers: handshakeHeaders() });
      connection.write(Buffer.from(request.toString(), "latin1"));
      expect((await connection.response()).status).toBe(400);
    }
  });

  test("SEC-10 WSE-07 T16 rooms with a room-space and other clients' ids are refused alike", async () => {
    await using gateway = await ChannelsGateway.start();
    const bodies = new Set<string>();
    for (const encoded of ["shop::orders", "a/x%3A%3Ay", "::", "ws-hub::all", createClientId()]) {
      const { status, text } = await gateway.refusal(`/ws/${encoded}`);
      expect(status).toBe(403);
      bodies.add(text);
    }
    expect(bodies.size).toBe(1);
    expect(gateway.connected).toBe(0);
    expect(gateway.admitted).toBe(0);
  });

  test("T15 SEC-10 150 spellings: the verdict is the one of the room that is meant, and no spelling reaches another", async () => {
    await using gateway = await ChannelsGateway.start();
    using bait = await gateway.join("team/secret");
    const parts = [
      "secret",
      "Secret",
      "SECRET",
      "s\u00e9cret",
      "se\u0301cret",
      "\uff53ecret",
      "secret\0",
      " secret",
    ];
    const joints = [
      "/",
      "::",
      ":",
      ":/:",
      "\uff1a\uff1a",
      "%3A%3A",
      "\u2236\u2236",
      "%2F",
      "\\",
      ";",
      "::::",
      "/../",
      "*",
      "?",
      "\r\n",
    ];
    const variants = parts.flatMap((part) => joints.map((joint) => `team${joint}${part}`));
    const spellings = [...variants, ...variants.slice(0, 30).map((variant) => `//${variant}//`)];
    expect(spellings.length).toBeGreaterThanOrEqual(150);
    let refusals = 0;
    for (const name of spellings) {
      const encoded = encodeURIComponent(name);
      if (name.includes("::")) {
        expect((await gateway.refusal(`/ws/${encoded}`)).status).toBe(403);
        refusals++;
        continue;
      }
      using client = await gateway.join(encoded);
      client.send(name);
      expect(await client.waitForMessage()).toBe(name);
      // Only the very same name, empty segments aside, is the bait's channel.
      if (/^\/*team\/secret\/*$/.test(name)) expect(await bait.waitForMessage()).toBe(name);
    }
    expect(refusals).toBeGreaterThan(16);
    expect(await heardBy(gateway, { bait })).toEqual({ bait: [] });
  });

  test("SEC-05 no refusal repeats the request", async () => {
    await using gateway = await ChannelsGateway.start({ options: { root: true } });
    for (const path of ["/ws/%FFcanary", "/ws/canary::x", `/ws/${"canary/".repeat(33)}`]) {
      const { text, headers } = await gateway.refusal(path);
      expect(text).not.toContain("canary");
      expect(headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    }
  });
});

describe("messages", () => {
  test("WSC-02 WSC-05 a client's message comes back to everyone on its channel, the sender included", async () => {
    await using gateway = await ChannelsGateway.start();
    using sender = await gateway.join("users/1");
    using reader = await gateway.join("users/1/");
    using below = await gateway.join("users/1/x");
    using above = await gateway.join("users");
    sender.send("hi");
    sender.send("");
    sender.send(Buffer.from("text in a binary frame"));
    sender.send(Buffer.of(0, 0xff, 1));
    sender.send("\uFEFF€");
    const all = ["hi", "text in a binary frame", Buffer.of(0, 0xff, 1), "\uFEFF€"];
    for (const client of [sender, reader]) expect(await client.waitForMessages(4)).toEqual(all);
    expect(await heardBy(gateway, { below, above })).toEqual({ below: [], above: [] });
  });

  test("WSC-02 the transcript: users/1 says hi, users/ is told to all", async () => {
    await using gateway = await ChannelsGateway.start();
    using client = await gateway.join("users/1");
    using parent = await gateway.join("users");
    client.send("hi");
    expect(await client.waitForMessage()).toBe("hi");
    expect((await gateway.post("/publish", '{"users/": "all"}')).text).toBe("OK");
    expect(await heardBy(gateway, { client, parent })).toEqual({ client: ["all"], parent: [] });
  });

  test("SEC-06 WSC-10 a message over the limit closes with 1009, the others go on", async () => {
    await using gateway = await ChannelsGateway.start({ options: { maxMessage: 100 } });
    using loud = await gateway.join("x");
    using quiet = await gateway.join("x");
    loud.send("é".repeat(50));
    expect(await quiet.waitForMessage()).toBe("é".repeat(50));
    loud.send("é".repeat(51));
    expect((await loud.waitForClose()).code).toBe(1009);
    expect(await heardBy(gateway, { quiet })).toEqual({ quiet: [] });
    expect(gateway.observed).toContain("disconnected too_large");
  });

  test("SEC-16 what is said in channels stays in the dialect, unless the room is open", async () => {
    await using gateway = await ChannelsGateway.start({ openRooms: ["news/*", "lobby"] });
    const heard: string[] = [];
    const add = foreignConnection(gateway, heard);
    for (const room of ["lobby", "news/1", "users/1", "users/", "news/", "", "/", "users"]) add(room);
    using client = await gateway.join("users/1");
    client.send("private");
    expect(await client.waitForMessage()).toBe("private");
    for (const name of ["users/", "news/", "/", "", "lobby", "news/1", "/news//1/", "users"]) {
      await gateway.bus.publish(`websocket:${name}`, name);
    }
    expect(await heardBy(gateway, { client })).toEqual({ client: ["users/", "/"] });
    expect(heard).toEqual(["lobby", "news/1"]);
  });

  test("SEC-16 what others say in a room is heard on its channel, never on a tree", async () => {
    await using gateway = await ChannelsGateway.start();
    using client = await gateway.join("users/1");
    for (const room of ["users/", "users", "/", "", "users/1"]) {
      gateway.hub.deliver(new RawPublication(toRooms([room]), Buffer.from(`said in ${room}`)));
    }
    gateway.hub.deliver({ ...event, rooms: ["users/1"] });
    gateway.hub.deliver({ ...event, rooms: undefined });
    const heard = await heardBy(gateway, { client });
    expect(heard).toEqual({
      client: ["said in users/1", '{"event":"update","data":{"n":9007199254740993}}'],
    });
  });
});

const event = publicationWith({ event: "update", args: ['{"n":9007199254740993}'] });

/** Adds members of another dialect to rooms of the hub; they note what they hear. */
function foreignConnection(gateway: ChannelsGateway, heard: string[]): (room: string) => void {
  const format = {
    dialect: "other",
    name: "other",
    encode: ({ raw }: { readonly raw?: Uint8Array }) => [raw ? Buffer.from(raw).toString() : "?"],
  };
  const client = {
    isOnTopics: false,
    isWritable: true,
    bufferedBytes: 0,
    send: (frames: readonly (string | Uint8Array)[]) => void heard.push(...frames.map(String)),
    subscribe: () => undefined,
    unsubscribe: () => undefined,
    fallBehind: () => undefined,
  };
  const agent = { disconnect: () => undefined, request: () => undefined };
  const connection = new Connection({ id: createClientId(), namespace: "/", format, carrier: client, agent });
  gateway.hub.enter(connection);
  return (room) => {
    gateway.hub.join(connection, room);
  };
}

describe("life", () => {
  test("WSC-10 pings every 30 s; who answers none is gone, who answers stays; nothing else is ever sent", async () => {
    const clock = { now: 0 };
    await using gateway = await ChannelsGateway.start({ now: () => clock.now });
    using dead = await gateway.join("y");
    using alive = await gateway.join("x");
    await until(() => gateway.connected === 2);
    const pings = { dead: 0, alive: 0 };
    while (clock.now < 300_000) {
      clock.now += 500;
      gateway.tick();
      if (clock.now % 30_000 !== 0) continue;
      await nextPing(alive);
      pings.alive++;
      alive.sendFrame(10, "");
      await pongTurn(gateway, alive);
      if (clock.now < 75_000) {
        await nextPing(dead);
        pings.dead++;
      }
    }
    expect(pings).toEqual({ dead: 2, alive: 10 });
    expect((await dead.waitForClose()).code).toBe(1006);
    expect(gateway.observed).toEqual(["disconnected ping_timeout"]);
    expect(gateway.connected).toBe(1);
  });

  test("WSC-10 after a pause of the process, answers that wait unread still count", async () => {
    const clock = { now: 0 };
    await using gateway = await ChannelsGateway.start({ now: () => clock.now });
    using client = await gateway.join("x");
    await until(() => gateway.connected === 1);
    clock.now = 200;
    gateway.tick();
    clock.now = 100_000;
    gateway.tick();
    expect(gateway.observed).toEqual([]);
    client.sendFrame(10, "");
    await pongTurn(gateway, client);
    clock.now += 250;
    gateway.tick();
    expect(gateway.observed).toEqual([]);
    expect(gateway.connected).toBe(1);
  });

  test("SEC-14 WSC-10 a shutdown closes with 1001", async () => {
    await using gateway = await ChannelsGateway.start();
    using client = await gateway.join("x");
    await until(() => gateway.connected === 1);
    await gateway.drain();
    expect((await client.waitForClose()).code).toBe(1001);
    await until(() => gateway.admitted === 0);
  });

  test("SEC-06 a full gateway answers 503; a place comes back when its client is gone", async () => {
    await using gateway = await ChannelsGateway.start({ limits: { connections: 1 } });
    using first = await gateway.join("x");
    expect((await gateway.refusal("/ws/x")).status).toBe(503);
    first[Symbol.dispose]();
    await until(() => gateway.admitted === 0);
    using second = await gateway.join("x");
    second.send("in");
    expect(await second.waitForMessage()).toBe("in");
  });

  test("SEC-06 a client that never reads is closed as slow, its neighbours hear everything", async () => {
    const limits = { sendQueueBytes: 256 * 1024 };
    await using gateway = await ChannelsGateway.start({ limits });
    using slow = await gateway.join("x");
    using good = await gateway.join("x");
    await until(() => gateway.connected === 2);
    slow.connection.pause();
    const message = "x".repeat(64 * 1024);
    let sent = 0;
    while (gateway.connected === 2 && sent < 1_000) {
      await gateway.bus.publish("websocket:x", message);
      sent++;
      expect(await good.waitForMessage()).toBe(message);
    }
    expect(gateway.observed).toEqual(["disconnected slow"]);
  });

  test("SEC-08 T1 origins are not asked for, unless the option wants it", async () => {
    const foreign = { Origin: "https://evil.example" };
    await using open = await ChannelsGateway.start();
    using client = await open.join("x", foreign);
    client.send("in");
    expect(await client.waitForMessage()).toBe("in");
    await using strict = await ChannelsGateway.start({ options: { checkOrigin: true } });
    expect((await strict.refusal("/ws/x", foreign)).status).toBe(403);
    using own = await strict.join("x", { Origin: strict.url });
    own.send("in");
    expect(await own.waitForMessage()).toBe("in");
  });

  test("HUB-17 WSC-10 no subprotocol is ever selected, and no first message sent", async () => {
    await using gateway = await ChannelsGateway.start();
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/ws/x`, "chat");
    const { promise, resolve } = Promise.withResolvers<string>();
    socket.addEventListener("close", () => {
      resolve("closed");
    });
    socket.addEventListener("open", () => {
      resolve(socket.protocol);
    });
    // A client that offered one and got none may give up: RFC 6455 section 4.1 lets it.
    expect(["", "closed"]).toContain(await promise);
    socket.close();
  });
});

/** The next ping of the gateway. */
async function nextPing(client: RawWebSocket): Promise<void> {
  await client.connection.read((received) => {
    if (received.length < 2) return undefined;
    if (received.readUInt8(0) !== 0x89) throw new Error(`Expected a ping, got ${received.toString("hex")}`);
    return { result: undefined, length: 2 + (received.readUInt8(1) & 0x7f) };
  });
}

/** Returns when the gateway has read what the client sent so far. */
async function pongTurn(gateway: ChannelsGateway, client: RawWebSocket): Promise<void> {
  const before = gateway.hub.roomCount;
  // An empty message means nothing (WSC-02); one to the own channel comes back and shows that all before was read.
  client.send("read");
  expect(await client.waitForMessage()).toBe("read");
  expect(gateway.hub.roomCount).toBe(before);
}

describe("routes", () => {
  test("WSC-09 RTE-04 a request without an upgrade gets 426, whatever its method", async () => {
    await using gateway = await ChannelsGateway.start({ options: { root: true } });
    for (const method of ["GET", "POST", "HEAD", "DELETE", "OPTIONS"]) {
      const response = await fetch(`${gateway.url}/ws/x`, { method });
      expect(response.status).toBe(426);
      expect(response.headers.get("upgrade")).toBe("websocket");
    }
  });

  test("WSC-01 RTE-07 upgrades elsewhere are refused, but in root mode every path is a channel", async () => {
    await using gateway = await ChannelsGateway.start();
    for (const path of ["/", "/users/1", "/wsx", "/ws", "/publish"]) {
      expect([400, 404]).toContain((await gateway.refusal(path)).status);
    }
    await using root = await ChannelsGateway.start({ options: { root: true } });
    const channels: readonly (readonly [path: string, channel: string])[] = [
      ["/users/1", "users/1"],
      ["//users%2F1/", "users/1"],
      ["/ws/users/1", "users/1"],
      ["/ws", "ws"],
      ["/emit", "emit"],
      ["/status?x=1", "status"],
    ];
    for (const [path, channel] of channels) {
      using client = await root.open(path);
      await root.bus.publish(`websocket:${channel}`, channel);
      expect(await heardBy(root, { client })).toEqual({ client: [channel] });
    }
    using everyone = await root.open("/");
    expect(await heardBy(root, { everyone })).toEqual({ everyone: [] });
  });

  test("WSC-01 with the mount at the root, a name that begins with ws/ is exact too", async () => {
    await using gateway = await ChannelsGateway.start({ options: { path: "/", root: true } });
    using client = await gateway.open("/ws/1");
    await gateway.bus.publish("websocket:1", "wrong");
    await gateway.bus.publish("websocket:ws/1", "right");
    expect(await heardBy(gateway, { client })).toEqual({ client: ["right"] });
  });

  test("RTE-01 RTE-03 RTE-06 a neighbour's parameters and paths are left to it", async () => {
    const tokens = neighbour("/ws", (_request, { query }) =>
      query.has("subscribe-broadcast") || query.has("session_key") ? "yes" : "otherwise",
    );
    const status = neighbour("/status", () => "yes");
    await using gateway = await ChannelsGateway.start({
      options: { root: true },
      routes: [tokens, status],
    });
    for (const path of ["/ws/x?subscribe-broadcast", "/ws/?session_key=1", "/status/1"]) {
      expect((await gateway.refusal(path)).status).toBe(299);
    }
    // A key means nothing below /ws/, tokens of nobody's neighbour neither.
    for (const path of ["/ws/x", "/ws/x?t=1", "/ws/"]) {
      using client = await gateway.open(path);
      expect(await heardBy(gateway, { client })).toEqual({ client: [] });
    }
    await using alone = await ChannelsGateway.start();
    for (const path of ["/ws/x?subscribe-broadcast", "/ws/x?%20ECHO%20=1", "/ws/?session_key=1"]) {
      using client = await alone.open(path);
      expect(await heardBy(alone, { client })).toEqual({ client: [] });
    }
  });

  test("RTE-02 RTE-03 whatever the query, a dialect that knows its own request goes first, wherever it stands in the list", async () => {
    await using gateway = await ChannelsGateway.start();
    const [route] = gateway.browser.routes;
    const suits = (target: string): string | undefined => {
      const url = new URL(target, gateway.url);
      const exchange = {
        path: url.pathname,
        query: url.searchParams,
        address: "",
        countedAs: "",
        origin: undefined,
      };
      return route?.accepts?.(new Request(url), {
        ...exchange,
        isOriginAllowed: true,
        isOwnOrigin: true,
        isScriptAllowed: () => true,
        hold: () => undefined,
      });
    };
    for (const query of ["", "?session_key=1", "?subscribe-broadcast", "?xecho"]) {
      expect(suits(`/ws/x${query}`)).toBe("likely");
      expect(suits(`/ws/${query}`)).toBe("likely");
    }
    expect(suits("/ws")).toBe("no");
  });
});
