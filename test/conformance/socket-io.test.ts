// The Socket.IO layer and the events of ws-emit (compat sections 2 and 3), packet by packet over raw websockets, for
// both protocols. What the official socket.io-protocol suite checks is in here too.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createClient } from "@redis/client";
import { until } from "../support/until.ts";
import { flaskEmit, flaskPublish } from "../support/flask.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { PollingClient } from "../support/polling-client.ts";
import { RawWebSocket } from "../support/raw.ts";
import type { RawMessage } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const version4 = "/socket.io/?EIO=4&transport=websocket";
const version3 = "/socket.io/?EIO=3&transport=websocket";
/** Protocol 5 rides on Engine.IO 4, protocol 4 and older on 3. */
const bothVersions = [
  [5, version4],
  [4, version3],
] as const;
const connectReply = /^40\{"sid":"([A-Za-z0-9_-]{20})"\}$/;

let redis: RedisServer;
let gateway: TestGateway;
/** Publishes in the order of its calls, on one connection. */
let bus: ReturnType<typeof createClient>;

beforeAll(async () => {
  redis = await startRedis();
  gateway = await startGateway({ redis: redis.url, limits: { failedJoinsPerMinute: 1_000 } });
  bus = createClient({ url: redis.url });
  await bus.connect();
});

afterAll(async () => {
  bus.destroy();
  await gateway[Symbol.asyncDispose]();
  await redis.stop();
});

/** A raw websocket with the id that it has in `/`. */
interface Client extends Disposable {
  readonly socket: RawWebSocket;
  readonly sid: string;
}

const connect = async (path: string = version4, url = gateway.url): Promise<Client> => {
  const socket = await RawWebSocket.open(url, path);
  const open = String(await socket.waitForMessage());
  if (path.includes("EIO=4")) socket.send("40");
  const reply = String(await socket.waitForMessage());
  const engineSid = /"sid":"([^"]+)"/.exec(open)?.[1] ?? "";
  return {
    socket,
    sid: connectReply.exec(reply)?.[1] ?? engineSid,
    [Symbol.dispose]() {
      socket[Symbol.dispose]();
    },
  };
};

/** Joins another namespace. @returns the id there. */
const connectTo = async ({ socket }: Client, namespace: string): Promise<string> => {
  socket.send(`40${namespace},`);
  return /"sid":"([^"]+)"/.exec(String(await socket.waitForMessage()))?.[1] ?? "";
};

const publish = async (message: object): Promise<void> => flaskPublish(bus, message);

const emit = async (event: string, data: unknown, more: object = {}): Promise<void> =>
  flaskEmit(bus, [event, data], more);

/** Is the client in the room? What is sent to the room comes before what is sent to everyone, or not at all. */
const isIn = async ({ socket }: Client, room: string, namespace = "/"): Promise<boolean> => {
  const token = crypto.randomUUID();
  await emit("in", token, { room, namespace });
  await emit("out", token, { namespace });
  let isMember = false;
  for (;;) {
    const packet = String(await socket.waitForMessage());
    if (packet.includes(`["out","${token}"]`)) return isMember;
    isMember ||= packet.includes(`["in","${token}"]`);
  }
};

/** Sends packets, and then an event whose acknowledgement comes last. @returns what came before it. */
const answersTo = async (
  { socket }: Client,
  ...packets: readonly RawMessage[]
): Promise<readonly RawMessage[]> => {
  for (const packet of packets) socket.send(packet);
  socket.send('42999["leave",{"room":"nowhere"}]');
  const answers: RawMessage[] = [];
  for (;;) {
    const answer = await socket.waitForMessage();
    if (answer === "43999[]") return answers;
    answers.push(answer);
  }
};

const join = (id: number, argument: object): string => `42${id}["join",${JSON.stringify(argument)}]`;

describe("connecting", () => {
  test("SIO-01 SIO-02 protocol 5: nothing is connected until asked, then each namespace has a sid of its own", async () => {
    using socket = await RawWebSocket.open(gateway.url, version4);
    const open = String(await socket.waitForMessage());
    socket.send("40");
    const [, first = ""] = connectReply.exec(String(await socket.waitForMessage())) ?? [];
    socket.send('40/chat,{"token":"123"}');
    const second = /^40\/chat,\{"sid":"([A-Za-z0-9_-]{20})"\}$/.exec(
      String(await socket.waitForMessage()),
    )?.[1];
    expect(first).not.toBe("");
    expect(second).not.toBe(first);
    expect(open).not.toContain(first);
  });

  test("SIO-01 protocol 5: auth may be any object, and is ignored", async () => {
    for (const auth of ['{"token":"123"}', "{}", '{"__proto__":{"sid":"x"}}', '{"sid":"abc","offset":"1"}']) {
      using socket = await RawWebSocket.open(gateway.url, version4);
      await socket.waitForMessage();
      socket.send(`40${auth}`);
      expect(String(await socket.waitForMessage())).toMatch(connectReply);
    }
  });

  test("SIO-03 protocol 4: `/` is connected unasked, over websocket and polling, without a payload", async () => {
    using socket = await RawWebSocket.open(gateway.url, version3);
    const [open, connected] = await socket.waitForMessages(2);
    expect(open).toStartWith("0{");
    expect(connected).toBe("40");
    const polling = await PollingClient.open(gateway.url, { query: "EIO=3&b64=1" });
    expect((await polling.poll()).text).toBe("2:40");
  });

  test("SIO-03 protocol 4: other namespaces are answered by their name, queries cut off", async () => {
    using client = await connect(version3);
    expect(await answersTo(client, "40/x", "40/y?a=b", "40/z?a=b,", "40/é")).toEqual([
      "40/x",
      "40/y",
      "40/z",
      "40/é",
    ]);
  });

  test("SIO-03 protocol 4: disconnecting `/` disconnects all, and others need it", async () => {
    using client = await connect(version3);
    await answersTo(client, "40/x");
    client.socket.send("41");
    client.socket.send("40/x");
    expect(await client.socket.waitForMessage()).toBe('44/x,"Invalid namespace"');
    // Rooms and ids went with it.
    await emit("lost", 1);
    await emit("lost", 1, { namespace: "/x" });
    client.socket.send("40");
    expect(await client.socket.waitForMessage()).toBe("40");
    expect(await isIn(client, client.sid)).toBe(true);
  });

  test("SIO-03 SIO-16 protocol 4: both spellings of the id reach a namespace, as room and as skip_sid", async () => {
    using client = await connect(version3);
    await answersTo(client, "40/x");
    const spellings = [client.sid, `/x#${client.sid}`];
    for (const room of spellings) expect(await isIn(client, room, "/x")).toBe(true);
    for (const skip_sid of spellings) {
      await emit("skipped", 1, { namespace: "/x", skip_sid });
      expect(await isIn(client, "nowhere", "/x")).toBe(false);
    }
    expect(await isIn(client, client.sid)).toBe(true);
    expect(await isIn(client, `/x#${client.sid}`)).toBe(false);
  });

  test.each(bothVersions)(
    "SIO-04 protocol %p: a second CONNECT is refused, the connection stays",
    async (_protocol, path) => {
      using client = await connect(path);
      await answersTo(client, "40/x,");
      expect(await answersTo(client, "40", "40/x,")).toEqual([
        '44"Unable to connect"',
        '44/x,"Unable to connect"',
      ]);
      expect(await isIn(client, client.sid)).toBe(true);
    },
  );

  test.each(bothVersions)(
    "SIO-05 WSE-09 protocol %p: every well-formed namespace is accepted, and nothing else is sent",
    async (protocol, path) => {
      using client = await connect(path);
      for (const name of [
        "/chat",
        "/a/b/c",
        "/a b",
        "/ü",
        '/"',
        "/__proto__",
        "/constructor",
        "/-",
        "//",
        `/${"x".repeat(255)}`,
      ]) {
        const [reply, ...more] = await answersTo(client, `40${name},`);
        expect(String(reply)).toStartWith(protocol === 5 ? `40${name},{"sid":"` : `40${name}`);
        expect(more).toEqual([]);
      }
    },
  );

  test("SIO-05 a list of namespaces: others are refused in the words of each protocol, the connection stays", async () => {
    await using listed = await startGateway({ socketio: { namespaces: ["/", "/custom"] } });
    using modern = await connect(version4, listed.url);
    expect(await answersTo(modern, "40/random,", "40/customx,", "40/custom/,")).toEqual([
      '44/random,{"message":"Invalid namespace"}',
      '44/customx,{"message":"Invalid namespace"}',
      '44/custom/,{"message":"Invalid namespace"}',
    ]);
    expect(String((await answersTo(modern, "40/custom,"))[0])).toStartWith('40/custom,{"sid":"');
    using old = await connect(version3, listed.url);
    expect(await answersTo(old, "40/random", "40/custom")).toEqual([
      '44/random,"Invalid namespace"',
      "40/custom",
    ]);
  });

  test("SIO-05 SIO-03 a list without `/` refuses it to old clients too", async () => {
    await using listed = await startGateway({ socketio: { namespaces: ["/custom"] } });
    using old = await RawWebSocket.open(listed.url, version3);
    const [, reply] = await old.waitForMessages(2);
    expect(reply).toBe('44"Invalid namespace"');
    using modern = await RawWebSocket.open(listed.url, version4);
    await modern.waitForMessage();
    modern.send("40");
    expect(await modern.waitForMessage()).toBe('44{"message":"Invalid namespace"}');
    modern.send("40/custom,");
    expect(await modern.waitForMessage()).toStartWith('40/custom,{"sid":"');
  });

  test("SIO-05 SEC-06 names and numbers of namespaces are bounded", async () => {
    await using small = await startGateway({ limits: { nameBytes: 16, namespacesPerClient: 3 } });
    using client = await connect(version4, small.url);
    const long = `/${"é".repeat(8)}`;
    const replies = await answersTo(client, `40${long},`, "40/a,", "40/b,", "40/c,");
    expect(replies.map((reply) => String(reply).slice(0, 4))).toEqual([`44/é`, "40/a", "40/b", "44/c"]);
  });

  test("SIO-06 no namespace within the time: closed", async () => {
    await using quick = await startGateway({ socketio: { connectTimeout: 0.2 } });
    using socket = await RawWebSocket.open(quick.url, version4);
    await socket.waitForMessage();
    expect(await socket.waitForClose(1_500)).toEqual({ code: 1000, reason: "" });
    expect(await quick.metric("belfry_disconnections_total", 'reason="connect_timeout"')).toBe(1);
    // One namespace is enough, also when it was left again: it outlives one that came later and joined none.
    using joined = await connect(version4, quick.url);
    joined.socket.send("41");
    using later = await RawWebSocket.open(quick.url, version4);
    expect((await later.waitForClose(1_500)).code).toBe(1000);
    joined.socket.send("40");
    expect(String(await joined.socket.waitForMessage())).toMatch(connectReply);
  });

  const premature: readonly RawMessage[] = [
    '42["message"]',
    "41",
    "430[]",
    '451-["a",{"_placeholder":true,"num":0}]',
    "4",
    "44",
    '42/x,["a"]',
    Buffer.of(1),
  ];
  test.each(premature)(
    "SIO-06 SIO-12 protocol 5: %p before CONNECT closes the connection",
    async (packet) => {
      using socket = await RawWebSocket.open(gateway.url, version4);
      await socket.waitForMessage();
      socket.send(packet);
      expect(await socket.waitForClose()).toEqual({ code: 1000, reason: "" });
    },
  );
});

describe("packets", () => {
  test.each(bothVersions)(
    "SIO-06 protocol %p: a packet for a namespace that is not connected closes the connection",
    async (_protocol, path) => {
      for (const packet of [
        '42/x,["a"]',
        "43/x,1[]",
        "41/x,",
        '451-/x,["a",{"_placeholder":true,"num":0}]',
      ]) {
        using client = await connect(path);
        client.socket.send(packet);
        expect((await client.socket.waitForClose()).code).toBe(1000);
      }
    },
  );

  test.each(bothVersions)(
    "SIO-07 SIO-08 protocol %p: events are acknowledged by their id, as it came",
    async (_protocol, path) => {
      using client = await connect(path);
      await answersTo(client, "40/x,");
      const leave = '["leave",{"room":"a"}]';
      expect(
        await answersTo(
          client,
          `420${leave}`,
          `42456${leave}`,
          `42007${leave}`,
          `42/x,12${leave}`,
          `42${leave}`,
        ),
      ).toEqual(["430[]", "43456[]", "43007[]", "43/x,12[]"]);
      const id = "9".repeat(100);
      expect(await answersTo(client, `42${id}${leave}`)).toEqual([`43${id}[]`]);
      client.socket.send(`429${id}${leave}`);
      expect((await client.socket.waitForClose()).code).toBe(1000);
    },
  );

  test("SIO-08 unknown events are not acknowledged, and do no harm", async () => {
    using client = await connect();
    const unknown = [
      "message",
      "emit",
      "joins",
      "JOIN",
      "",
      "__proto__",
      "constructor",
      "hasOwnProperty",
      "error",
    ];
    expect(
      await answersTo(
        client,
        ...unknown.map((name, id) => `42${id}${JSON.stringify([name, { room: "a" }])}`),
      ),
    ).toEqual([]);
    expect(await isIn(client, "a")).toBe(false);
  });

  const malformed = [
    "4",
    "4abc",
    "4 ",
    "47",
    "42",
    "42{}",
    "42[]",
    "42[true]",
    "42[null]",
    '42"a"',
    '42["a"',
    '42abc["message-with-ack",1,"2",{"3":[false]}]',
    "431{}",
    "431[",
    '44"error"',
    '44{"message":"x"}',
    "40[]",
    "40null",
    "41{}",
    '45["a"]',
    '45-["a"]',
    "4511-[]",
    "459999-[]",
    '451-["a",{"_placeholder":true,"num":1}]',
    '451-["a",{"_placeholder":true,"num":-1}]',
    '451-["a",{"_placeholder":true,"num":"splice"}]',
  ];
  test.each(bothVersions)(
    "SIO-12 SIO-09 T3 T4 protocol %p: whatever is malformed closes the connection, and no other",
    async (_protocol, path) => {
      using witness = await connect(path);
      for (const packet of malformed) {
        using client = await connect(path);
        client.socket.send(packet);
        // A binary packet is judged when it is complete; until then text is not allowed.
        if (packet.startsWith("451-")) client.socket.send(path === version4 ? Buffer.of(1) : Buffer.of(4, 1));
        expect([packet, (await client.socket.waitForClose()).code]).toEqual([packet, 1000]);
      }
      expect(await isIn(witness, witness.sid)).toBe(true);
    },
  );

  test.each(bothVersions)(
    "SIO-07 SIO-10 SIO-12 protocol %p: what node only shrugs at closes nothing",
    async (_protocol, path) => {
      using client = await connect(path);
      for (const packet of ["42[1,{}]", "421[1]", "42[-1.5]", "43", "43[]", "431", '43["x"]', "4399[1]"]) {
        expect([packet, await answersTo(client, packet)]).toEqual([packet, []]);
      }
      const attachment = path === version4 ? Buffer.of(1) : Buffer.of(4, 1);
      for (const header of ['451-[7,{"_placeholder":true,"num":0}]', "461-3", "461-[]"]) {
        expect([header, await answersTo(client, header, attachment)]).toEqual([header, []]);
      }
    },
  );

  test("SIO-11 a client leaves a namespace: no reply, the connection and the others stay", async () => {
    using client = await connect();
    const chat = await connectTo(client, "/chat");
    expect(await answersTo(client, "41/chat,")).toEqual([]);
    await emit("gone", 1, { namespace: "/chat" });
    await emit("gone", 1, { namespace: "/chat", room: chat });
    expect(await isIn(client, client.sid)).toBe(true);
    client.socket.send("41");
    client.socket.send("40");
    expect(String(await client.socket.waitForMessage())).toMatch(connectReply);
    client.socket.send('42/chat,["a"]');
    expect((await client.socket.waitForClose()).code).toBe(1000);
  });

  test("SIO-11 a backend's disconnect is 41, and leaves the connection open", async () => {
    using client = await connect();
    const chat = await connectTo(client, "/chat");
    await publish({ method: "disconnect", sid: chat, namespace: "/chat" });
    expect(await client.socket.waitForMessage()).toBe("41/chat,");
    await publish({ method: "disconnect", sid: client.sid, namespace: "/" });
    expect(await client.socket.waitForMessage()).toBe("41");
    expect(String((client.socket.send("40"), await client.socket.waitForMessage()))).toMatch(connectReply);
  });

  test.each(bothVersions)(
    "SIO-13 protocol %p: reserved names from a client are dropped, without acknowledgement",
    async (_protocol, path) => {
      using client = await connect(path);
      const names = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
      ];
      const before = await gateway.metric("belfry_refused_total", 'reason="event_reserved"');
      expect(await answersTo(client, ...names.map((name, id) => `42${id}["${name}"]`))).toEqual([]);
      const after = await gateway.metric("belfry_refused_total", 'reason="event_reserved"');
      expect(after - before).toBe(names.length);
    },
  );

  test("SIO-13 reserved names from a backend reach nobody", async () => {
    using client = await connect();
    for (const event of [
      "connect",
      "connect_error",
      "disconnect",
      "disconnecting",
      "newListener",
      "removeListener",
    ])
      await emit(event, 1);
    await emit("update", 1);
    expect(await client.socket.waitForMessage()).toBe('42["update",1]');
  });

  test("SIO-15 T20 numbers keep their digits, bare words become null, `__proto__` is a key like others", async () => {
    using client = await connect();
    const data =
      '{"n": 12345678901234567890, "x": 1.10, "bad": [NaN, Infinity, -Infinity], "__proto__": {"a": 1}}';
    await bus.publish(
      "flask-socketio",
      `{"method": "emit", "event": "update", "data": ${data}, "namespace": "/"}`,
    );
    const packet = String(await client.socket.waitForMessage());
    expect(packet).toBe(`42["update",${data.replace(/-?(NaN|Infinity)/g, "null")}]`);
    expect(({} as { a?: number }).a).toBeUndefined();
  });
});

describe("binary", () => {
  const frames = (path: string, ...bytes: readonly number[]): Buffer =>
    path === version4 ? Buffer.from(bytes) : Buffer.of(4, ...bytes);

  test.each(bothVersions)(
    "SIO-09 EIO-10 protocol %p: to the client, text first, then each attachment",
    async (_protocol, path) => {
      using client = await connect(path);
      const args = [{ a: { _placeholder: true, num: 0 } }, [{ _placeholder: true, num: 1 }]];
      await emit("b", [args, "AQI=", "/w=="], { binary: true });
      const [text, ...attachments] = await client.socket.waitForMessages(3);
      expect(text).toBe('452-["b",{"a":{"_placeholder":true,"num":0}},[{"_placeholder":true,"num":1}]]');
      expect(attachments).toEqual([frames(path, 1, 2), frames(path, 255)]);
    },
  );

  test.each(bothVersions)(
    "SIO-09 protocol %p: from the client, up to 10 attachments, zero is legal",
    async (_protocol, path) => {
      using client = await connect(path);
      const holders = (count: number): string =>
        Array.from({ length: count }, (_, num) => `,{"_placeholder":true,"num":${num}}`).join("");
      expect(await answersTo(client, `451-["a"${holders(1)}]`, frames(path, 1))).toEqual([]);
      const ten = Array.from({ length: 10 }, (_, index) => frames(path, index));
      expect(await answersTo(client, `4510-["a"${holders(10)}]`, ...ten)).toEqual([]);
      expect(await answersTo(client, '450-7["leave",{"room":"a"}]')).toEqual(["437[]"]);
      // A known event in binary clothes is the same event.
      expect(
        await answersTo(
          client,
          '451-8["join",{"room":"binary-join","x":{"_placeholder":true,"num":0}}]',
          frames(path, 1),
        ),
      ).toEqual(["438[]"]);
      expect(await isIn(client, "binary-join")).toBe(true);
    },
  );

  test.each(bothVersions)(
    "SIO-09 SIO-12 protocol %p: nothing may come between a header and its attachments",
    async (_protocol, path) => {
      for (const between of ['42["a"]', "40/x,", "41"]) {
        using client = await connect(path);
        client.socket.send('452-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
        client.socket.send(frames(path, 1));
        client.socket.send(between);
        expect((await client.socket.waitForClose()).code).toBe(1000);
      }
      using lonely = await connect(path);
      lonely.socket.send(frames(path, 1));
      expect((await lonely.socket.waitForClose()).code).toBe(1000);
    },
  );

  test("SIO-09 EIO-11 a pong may come between: it is no message", async () => {
    using client = await connect();
    expect(await answersTo(client, '451-["a",{"_placeholder":true,"num":0}]', "3", Buffer.of(1))).toEqual([]);
  });
});

describe("acknowledgements of clients", () => {
  const callback = ["room", "/", 7] as const;

  /** What comes back over the bus. */
  const answers = async (): Promise<{ next(): Promise<unknown>; close(): void }> => {
    const subscriber = createClient({ url: redis.url });
    await subscriber.connect();
    const heard: unknown[] = [];
    await subscriber.subscribe("flask-socketio", (text) => {
      const message: unknown = JSON.parse(text);
      if (typeof message === "object" && message && "method" in message && message.method === "callback")
        heard.push(message);
    });
    return {
      next: async () => {
        const deadline = performance.now() + 3_000;
        while (heard.length === 0 && performance.now() < deadline) await Bun.sleep(5);
        return heard.shift();
      },
      close: () => {
        subscriber.destroy();
      },
    };
  };

  test.each(bothVersions)(
    "SIO-10 protocol %p: an event that wants one has an id of this socket; what comes twice is ignored",
    async (_protocol, path) => {
      const bus = await answers();
      using client = await connect(path);
      await emit("ask", "a", { callback, host_id: "h1", room: client.sid });
      await emit("ask", "b", { callback, host_id: "h1", room: client.sid });
      expect(await client.socket.waitForMessages(2)).toEqual(['420["ask","a"]', '421["ask","b"]']);
      expect(
        await answersTo(client, '431["second",12345678901234567890]', "431[]", "4399[]", "430[]", "430[]"),
      ).toEqual([]);
      const answer = { method: "callback", host_id: "h1", sid: "room", namespace: "/", id: 7 };
      expect(await bus.next()).toEqual({ ...answer, args: ["second", Number("12345678901234567890")] });
      expect(await bus.next()).toEqual({ ...answer, args: [] });
      // Another socket counts for itself.
      using other = await connect(path);
      await emit("ask", "c", { callback, host_id: "h1", room: other.sid });
      expect(await other.socket.waitForMessage()).toBe('420["ask","c"]');
      other.socket.send("430[1]");
      expect(await bus.next()).toEqual({ ...answer, args: [1] });
      // Without a payload it is an answer, too.
      await emit("ask", "d", { callback, host_id: "h1", room: other.sid });
      expect(await other.socket.waitForMessage()).toBe('421["ask","d"]');
      other.socket.send("431");
      expect(await bus.next()).toEqual({ ...answer, args: [] });
      bus.close();
    },
  );

  test("SIO-10 PSQ-10 ids count per namespace; binary acknowledgements are understood, but have no form on the bus", async () => {
    const bus = await answers();
    using client = await connect();
    const chat = await connectTo(client, "/chat");
    await emit("ask", 1, { callback, host_id: "h", room: client.sid });
    await emit("ask", 1, { callback, host_id: "h", room: chat, namespace: "/chat" });
    expect(await client.socket.waitForMessages(2)).toEqual(['420["ask",1]', '42/chat,0["ask",1]']);
    expect(
      await answersTo(client, '461-0[{"_placeholder":true,"num":0}]', Buffer.of(1), "43/chat,0[2]"),
    ).toEqual([]);
    expect(await bus.next()).toMatchObject({ args: [2] });
    bus.close();
  });

  test("SIO-10 SEC-06 a client that owes too many is asked no more", async () => {
    await using small = await startGateway({ redis: redis.url, limits: { pendingAcks: 2 } });
    using client = await connect(version4, small.url);
    for (let sent = 0; sent < 3; sent++)
      await emit("ask", sent, { callback, host_id: "h", room: client.sid });
    await emit("last", 1, { room: client.sid });
    expect(await client.socket.waitForMessages(3)).toEqual(['420["ask",0]', '421["ask",1]', '42["last",1]']);
    expect(await small.metric("belfry_refused_total", 'reason="pending_acks"')).toBe(1);
  });

  test("SIO-10 SEC-06 what a client owes is counted in all its namespaces; one that it left owes nothing", async () => {
    await using small = await startGateway({ redis: redis.url, limits: { pendingAcks: 2 } });
    using client = await connect(version4, small.url);
    const chat = await connectTo(client, "/chat");
    const refused = async (): Promise<number> =>
      small.metric("belfry_refused_total", 'reason="pending_acks"');
    await emit("ask", 0, { callback, host_id: "h", room: client.sid });
    for (const index of [1, 2]) {
      await emit("ask", index, { callback, host_id: "h", room: chat, namespace: "/chat" });
    }
    expect(await client.socket.waitForMessages(2)).toEqual(['420["ask",0]', '42/chat,0["ask",1]']);
    await until(async () => (await refused()) === 1);
    client.socket.send("41/chat,");
    const again = await connectTo(client, "/chat");
    await emit("ask", 3, { callback, host_id: "h", room: again, namespace: "/chat" });
    expect(await client.socket.waitForMessage()).toBe('42/chat,0["ask",3]');
  });
});

describe("order and rooms", () => {
  test.each(bothVersions)(
    "SIO-14 protocol %p: what came over one channel leaves in its order, whoever was addressed",
    async (_protocol, path) => {
      using client = await connect(path);
      await answersTo(client, join(1, { room: "order" }), join(2, { room: "order2" }));
      const targets = [null, "order", client.sid, ["order", "order2"], "order2", [client.sid, "order"]];
      const count = 600;
      await Promise.all(
        Array.from({ length: count }, async (_, index) =>
          emit("n", index, { room: targets[index % targets.length] ?? null }),
        ),
      );
      expect(await client.socket.waitForMessages(count)).toEqual(
        Array.from({ length: count }, (_, index) => `42["n",${index}]`),
      );
    },
  );

  test("SIO-14 a polling client hears the same, in the same order", async () => {
    const client = await PollingClient.connect(gateway.url);
    await client.post(join(1, { room: "order" }));
    await client.poll();
    const count = 300;
    const sent = Array.from({ length: count }, async (_, index) =>
      emit("n", index, { room: index % 2 === 0 ? "order" : null }),
    );
    await Promise.all(sent);
    const heard: string[] = [];
    while (heard.length < count) heard.push(...(await client.poll()).text.split("\u001e"));
    expect(heard).toEqual(Array.from({ length: count }, (_, index) => `42["n",${index}]`));
  });

  test.each(bothVersions)(
    "SIO-16 protocol %p: one's own sid is a room, in its namespace alone; rooms of two namespaces never meet",
    async (protocol, path) => {
      using client = await connect(path);
      const chat = (await connectTo(client, "/chat")) || client.sid;
      expect(await isIn(client, client.sid)).toBe(true);
      expect(await isIn(client, chat, "/chat")).toBe(true);
      expect(await isIn(client, client.sid, "/chat")).toBe(protocol === 4);
      await answersTo(client, '42/chat,1["join",{"room":"same"}]');
      expect(await isIn(client, "same", "/chat")).toBe(true);
      expect(await isIn(client, "same")).toBe(false);
      for (const room of ["/chat,same", "/chat#same"]) expect(await isIn(client, room)).toBe(false);
    },
  );
});

test("SEC-06 nothing is left of clients that went, however they went", async () => {
  await using own = await startGateway({ socketio: { pingInterval: 0.5, pingTimeout: 0.5 } });
  const leave: readonly ((client: Client) => void)[] = [
    ({ socket }) => socket[Symbol.dispose](),
    ({ socket }) => socket.send("1"),
    ({ socket }) => socket.send("41"),
    ({ socket }) => socket.sendFrame(8, ""),
    ({ socket }) => socket.send("4junk"),
    () => {},
  ];
  for (const [, path] of bothVersions) {
    for (const go of leave) {
      const client = await connect(path, own.url);
      await answersTo(client, "40/x,", join(1, { room: "a" }), '42/x,1["join",{"room":"b"}]');
      go(client);
    }
    const polling = await PollingClient.open(own.url, { query: path === version4 ? "EIO=4" : "EIO=3" });
    if (path === version4) await polling.post(`40\u001e${join(1, { room: "a" })}`);
  }
  expect(await own.metric("belfry_connections_total")).toBe(14);
  const deadline = performance.now() + 5_000;
  const left = async (): Promise<number> =>
    (await own.metric("belfry_connections")) + (await own.metric("belfry_rooms"));
  while ((await left()) > 0 && performance.now() < deadline) await Bun.sleep(10);
  expect(await left()).toBe(0);
  expect(await own.metric("belfry_disconnections_total")).toBe(14);
});

describe("join and leave", () => {
  beforeAll(async () => {
    await bus.mSet({
      "ws-emit::secret::shop": "S",
      "ws-emit::secret::": "empty",
      "ws-emit::secret::é::x": "no",
      "ws-emit::secret::é": "ü",
    });
  });

  test.each(bothVersions)("WSE-03 protocol %p: public rooms, in any namespace", async (_protocol, path) => {
    using client = await connect(path);
    expect(
      await answersTo(
        client,
        join(1, { room: "time" }),
        '42["join",{"room":"quiet"}]',
        join(2, { room: "" }),
      ),
    ).toEqual(["431[]", "432[]"]);
    for (const room of ["time", "quiet", ""]) expect(await isIn(client, room)).toBe(true);
    await answersTo(client, "40/chat,", '42/chat,1["join",{"room":"time2"}]');
    expect(await isIn(client, "time2", "/chat")).toBe(true);
    expect(await isIn(client, "time2")).toBe(false);
  });

  const unanswered = [
    "",
    ",null",
    ',"time"',
    ",1",
    ",[]",
    ',["room"]',
    ",{}",
    ',{"rooms":"a"}',
    ',{"room":"time"},1',
    ',{"room":"time"},{}',
    ',{"__proto__":{"room":"time"}}',
  ];
  test.each(unanswered)("WSE-03 arguments `%s` do nothing and are not acknowledged", async (args) => {
    using client = await connect();
    expect(await answersTo(client, `421["join"${args}]`)).toEqual([]);
    expect(await isIn(client, "time")).toBe(false);
  });

  test("WSE-03 a room that is no text is not joined, but acknowledged", async () => {
    using client = await connect();
    const rooms = ["1", "true", "null", '["time"]', '{"a":1}'];
    expect(await answersTo(client, ...rooms.map((room, id) => `42${id}["join",{"room":${room}}]`))).toEqual(
      rooms.map((_, id) => `43${id}[]`),
    );
    for (const room of ["1", "true", "null", "time"]) expect(await isIn(client, room)).toBe(false);
  });

  test.each(bothVersions)(
    "WSE-03 WSE-05 protocol %p: rooms with a room-space ask for its secret; a refusal looks like success",
    async (_protocol, path) => {
      using client = await connect(path);
      const tries = [
        {},
        { secret: "wrong" },
        { secret: "" },
        { secret: null },
        { secret: 0 },
        { secret: ["S"] },
        { secret: { S: 1 } },
        { secret: "s" },
        { secret: "S " },
      ];
      const packets = tries.map((more, id) => join(id, { room: "shop::o1", ...more }));
      expect(await answersTo(client, ...packets)).toEqual(tries.map((_, id) => `43${id}[]`));
      expect(await isIn(client, "shop::o1")).toBe(false);
      expect(await answersTo(client, join(1, { room: "shop::o1", secret: "S" }))).toEqual(["431[]"]);
      expect(await isIn(client, "shop::o1")).toBe(true);
      expect(await isIn(client, "o1")).toBe(false);
    },
  );

  test("WSE-03 the room-space is the text before the first `::`, in every namespace", async () => {
    using client = await connect();
    await connectTo(client, "/chat");
    const cases: readonly (readonly [string, string, boolean])[] = [
      ["shop::a::b", "S", true],
      ["::x", "empty", true],
      ["::", "empty", true],
      ["é::x::y", "ü", true],
      ["é::x::z", "no", false],
      ["shop:x", "", true],
      ["shop:::x", "S", true],
      ["SHOP::x", "S", false],
      [" shop::x", "S", false],
      ["unknown::x", "S", false],
    ];
    for (const [room, secret, isAllowed] of cases) {
      await answersTo(client, join(1, { room, secret }));
      expect([room, await isIn(client, room)]).toEqual([room, isAllowed]);
    }
    // Each namespace keeps its own order, so its own acknowledgement is waited for.
    client.socket.send('42/chat,1["join",{"room":"shop::o9"}]');
    expect(await client.socket.waitForMessage()).toBe("43/chat,1[]");
    expect(await isIn(client, "shop::o9", "/chat")).toBe(false);
    client.socket.send('42/chat,2["join",{"room":"shop::o9","secret":"S"}]');
    expect(await client.socket.waitForMessage()).toBe("43/chat,2[]");
    expect(await isIn(client, "shop::o9", "/chat")).toBe(true);
  });

  test("WSE-03 T15 no other spelling of a protected room leads into it", async () => {
    using client = await connect();
    const twins = [
      "shop%3a%3ao2",
      "shop\uff1a\uff1ao2",
      "shop:\u200b:o2",
      "shop: :o2",
      "shop\u0000::o2",
      "./shop::o2",
      "shop::o2\u0000",
      "Shop::o2",
      "shop::o2 ",
      "*",
      "shop*",
      "shop?:o2",
      "../shop::o2",
    ];
    await answersTo(client, ...twins.map((room, id) => join(id, { room })));
    expect(await isIn(client, "shop::o2")).toBe(false);
  });

  test("WSE-03 SIO-14 events take effect in the order sent, although a secret is looked up", async () => {
    using client = await connect();
    const packets = [
      join(1, { room: "shop::o3", secret: "S" }),
      '422["leave",{"room":"shop::o3"}]',
      join(3, { room: "later" }),
      join(4, { room: "shop::o4", secret: "S" }),
    ];
    expect(await answersTo(client, ...packets)).toEqual(["431[]", "432[]", "433[]", "434[]"]);
    expect(await isIn(client, "shop::o3")).toBe(false);
    expect(await isIn(client, "shop::o4")).toBe(true);
  });

  test.each(bothVersions)(
    "WSE-04 protocol %p: leaving needs no secret, and what is not joined is no error",
    async (_protocol, path) => {
      using client = await connect(path);
      await answersTo(client, join(1, { room: "shop::o6", secret: "S" }), join(2, { room: "a" }));
      const leave = (id: number, room: unknown): string => `42${id}["leave",${JSON.stringify({ room })}]`;
      expect(
        await answersTo(
          client,
          leave(1, "shop::o6"),
          leave(2, "a"),
          leave(3, "a"),
          leave(4, "never"),
          leave(5, 1),
        ),
      ).toEqual(["431[]", "432[]", "433[]", "434[]", "435[]"]);
      for (const room of ["shop::o6", "a"]) expect(await isIn(client, room)).toBe(false);
      // As the shipped page does: it leaves by another name than it joined by.
      await answersTo(client, join(1, { room: "shop::f", secret: "S" }), leave(2, "f"));
      expect(await isIn(client, "shop::f")).toBe(true);
      expect(
        await answersTo(
          client,
          '421["leave"]',
          '422["leave",{}]',
          '423["leave","a"]',
          '424["leave",{"room":"a"},1]',
        ),
      ).toEqual([]);
      // Nobody leaves the room of their own id, or of everyone.
      await answersTo(client, leave(1, client.sid));
      expect(await isIn(client, client.sid)).toBe(true);
    },
  );

  test("WSE-05 one MGET; the first key that exists decides, an old one is no second password", async () => {
    using client = await connect();
    const names = ["ws-emit::secret::", "ws-emit::room_secret::", "r2ws::room_secret::"];
    const mgets = async (): Promise<number> =>
      Number(/cmdstat_mget:calls=(\d+)/.exec(String(await redis.command("INFO", "commandstats")))?.[1] ?? 0);
    const before = await mgets();
    for (const [first, name] of names.entries()) {
      const space = `space${first}`;
      for (const [index, older] of names.slice(first).entries())
        await bus.set(older + space, `secret${index}`);
      for (const wrong of ["secret1", "secret2"])
        await answersTo(client, join(1, { room: `${space}::x`, secret: wrong }));
      expect([name, await isIn(client, `${space}::x`)]).toEqual([name, false]);
      await answersTo(client, join(1, { room: `${space}::x`, secret: "secret0" }));
      expect([name, await isIn(client, `${space}::x`)]).toEqual([name, true]);
    }
    expect((await mgets()) - before).toBe(9);
    // An empty one decides too: nobody enters.
    await bus.mSet({ "ws-emit::secret::closed": "", "ws-emit::room_secret::closed": "old" });
    await answersTo(
      client,
      join(1, { room: "closed::x", secret: "old" }),
      join(2, { room: "closed::x", secret: "" }),
    );
    expect(await isIn(client, "closed::x")).toBe(false);
  });

  test("WSE-05 the keys are configurable, and the configuration can hold secrets itself, without Redis too", async () => {
    await using other = await startGateway({
      redis: redis.url,
      secretKeys: ["own:"],
      roomSecrets: { shop: "from the config" },
    });
    await bus.set("own:lab", "L");
    using client = await connect(version4, other.url);
    await answersTo(
      client,
      join(1, { room: "lab::x", secret: "L" }),
      join(2, { room: "shop::x", secret: "S" }),
      join(3, { room: "é::x", secret: "ü" }),
    );
    expect(await isIn(client, "lab::x")).toBe(true);
    for (const room of ["shop::x", "é::x"]) expect(await isIn(client, room)).toBe(false);
    await answersTo(client, join(1, { room: "shop::x", secret: "from the config" }));
    expect(await isIn(client, "shop::x")).toBe(true);

    await using alone = await startGateway({ secret: "publish", roomSecrets: { dir: "D" } });
    using member = await connect(version4, alone.url);
    using stranger = await connect(version4, alone.url);
    expect(await answersTo(member, join(1, { room: "dir::a.txt", secret: "D" }))).toEqual(["431[]"]);
    expect(await answersTo(stranger, join(1, { room: "dir::a.txt", secret: "x" }))).toEqual(["431[]"]);
    for (const room of ["dir::a.txt", null]) {
      const body = JSON.stringify({ event: "update", room, data: room, secret: "publish" });
      expect((await fetch(`${alone.url}/emit`, { method: "POST", body })).status).toBe(200);
    }
    expect(await member.socket.waitForMessages(2)).toEqual(['42["update","dir::a.txt"]', '42["update"]']);
    expect(await stranger.socket.waitForMessage()).toBe('42["update"]');
  });

  test("WSE-06 changing or deleting a secret evicts nobody, newcomers need the new one", async () => {
    await bus.set("ws-emit::secret::rotating", "one");
    using early = await connect();
    await answersTo(early, join(1, { room: "rotating::x", secret: "one" }));
    await bus.set("ws-emit::secret::rotating", "two");
    using late = await connect();
    await answersTo(late, join(1, { room: "rotating::x", secret: "one" }));
    expect(await isIn(late, "rotating::x")).toBe(false);
    await answersTo(late, join(1, { room: "rotating::x", secret: "two" }));
    expect(await isIn(late, "rotating::x")).toBe(true);
    await bus.del("ws-emit::secret::rotating");
    expect(await isIn(early, "rotating::x")).toBe(true);
  });

  test("WSE-03 SEC-02 when Redis cannot be asked, nobody enters and nobody is answered", async () => {
    await using own = await startRedis();
    await own.command("SET", "ws-emit::secret::shop", "S");
    await using cutOff = await startGateway({ redis: own.url });
    using client = await connect(version4, cutOff.url);
    await own.kill();
    expect(
      await answersTo(client, join(1, { room: "shop::x", secret: "S" }), join(2, { room: "public" })),
    ).toEqual(["432[]"]);
    expect(await cutOff.metric("belfry_refused_total", 'reason="join_unavailable"')).toBe(1);
    expect(cutOff.log).not.toContain('"S"');
  });

  test.each(bothVersions)(
    "WSE-07 SEC-10 protocol %p: nobody joins the room of another's sid, in whatever spelling",
    async (_protocol, path) => {
      using victim = await connect(path);
      using spy = await connect(path);
      await connectTo(victim, "/x");
      await connectTo(spy, "/x");
      const names = [victim.sid, `/x#${victim.sid}`];
      for (const namespace of ["", "/x,"]) {
        const packets = names.map((room, id) => `42${namespace}${id}["join",${JSON.stringify({ room })}]`);
        expect(await answersTo(spy, ...packets)).toEqual(names.map((_, id) => `43${namespace}${id}[]`));
      }
      expect(await isIn(spy, victim.sid)).toBe(false);
      for (const room of names) expect(await isIn(spy, room, "/x")).toBe(false);
      // Joining one's own is harmless. It heard what was sent to its room meanwhile.
      expect((await answersTo(victim, join(1, { room: victim.sid }))).at(-1)).toBe("431[]");
      expect(await isIn(victim, victim.sid)).toBe(true);
    },
  );

  test.each(bothVersions)(
    "WSE-07 protocol %p: nor the room of a client on another gateway",
    async (_protocol, path) => {
      await using other = await startGateway({ redis: redis.url });
      using victim = await connect(path);
      using spy = await connect(path, other.url);
      expect(await answersTo(spy, join(1, { room: victim.sid }))).toEqual(["431[]"]);
      expect(await isIn(spy, victim.sid)).toBe(false);
      expect(await isIn(victim, victim.sid)).toBe(true);
      // A backend is trusted with it.
      await publish({ method: "enter_room", sid: spy.sid, room: victim.sid, namespace: "/" });
      expect(await isIn(spy, victim.sid)).toBe(true);
    },
  );

  test("WSE-08 T13 failed joins are limited per connection; a limited guesser locks out nobody else", async () => {
    await using strict = await startGateway({ redis: redis.url, limits: { failedJoinsPerMinute: 5 } });
    using guesser = await connect(version4, strict.url);
    const guesses = Array.from({ length: 50 }, (_, id) =>
      join(id, { room: "shop::x", secret: `guess${id}` }),
    );
    expect(await answersTo(guesser, ...guesses)).toEqual(guesses.map((_, id) => `43${id}[]`));
    expect(await strict.metric("belfry_refused_total", 'reason="join_secret_wrong"')).toBe(5);
    expect(await strict.metric("belfry_refused_total", 'reason="join_rate_limited"')).toBe(45);
    await answersTo(guesser, join(1, { room: "shop::x", secret: "S" }));
    expect(await isIn(guesser, "shop::x")).toBe(false);
    using other = await connect(version4, strict.url);
    await answersTo(other, join(1, { room: "shop::x", secret: "S" }));
    expect(await isIn(other, "shop::x")).toBe(true);
  });

  test("WSE-08 SEC-04 no secret, room name or payload is in logs or metrics", async () => {
    await using watched = await startGateway({ redis: redis.url });
    using client = await connect(version4, watched.url);
    await answersTo(
      client,
      join(1, { room: "shop::canary-room", secret: "canary-secret" }),
      join(2, { room: "canary-public" }),
      '42["canary-event","canary-data"]',
    );
    await emit("canary-emit", "canary-payload", { room: "canary-public" });
    await client.socket.waitForMessage();
    client.socket.send("4canary-junk");
    await client.socket.waitForClose();
    const metrics = await (await fetch(`${watched.url}/-/metrics`)).text();
    expect(metrics).toContain("belfry_refused_total");
    for (const text of [watched.log, metrics]) expect(text).not.toContain("canary");
  });

  test("SEC-06 rooms and their names are bounded", async () => {
    await using small = await startGateway({
      redis: redis.url,
      limits: { roomsPerConnection: 3, nameBytes: 16 },
    });
    using client = await connect(version4, small.url);
    const rooms = ["a", "é".repeat(9), "b", "é".repeat(8), "c"];
    await answersTo(client, ...rooms.map((room, id) => join(id, { room })));
    const joined: boolean[] = [];
    for (const room of rooms) joined.push(await isIn(client, room));
    expect(joined).toEqual([true, false, true, true, false]);
    await answersTo(client, '42["leave",{"room":"a"}]', join(1, { room: "c" }));
    expect(await isIn(client, "c")).toBe(true);
  });

  test("SEC-06 joins that wait for a look-up are bounded", async () => {
    await using own = await startRedis();
    await using slow = await startGateway({ redis: own.url });
    using client = await connect(version4, slow.url);
    own.pause();
    for (let id = 0; id < 150; id++) client.socket.send(join(id, { room: "shop::x", secret: "S" }));
    const deadline = performance.now() + 1_500;
    while (
      (await slow.metric("belfry_refused_total", 'reason="too_many_joins"')) < 50 &&
      performance.now() < deadline
    )
      await Bun.sleep(5);
    expect(await slow.metric("belfry_refused_total", 'reason="too_many_joins"')).toBe(50);
    own.resume();
  });

  test("SEC-06 joins that wait are bounded for the whole client, however often it joins its namespaces", async () => {
    await using own = await startRedis();
    await using slow = await startGateway({ redis: own.url });
    using client = await connect(version4, slow.url);
    await connectTo(client, "/chat");
    own.pause();
    const guesses = Array.from({ length: 40 }, (_, id) => join(id, { room: "shop::x", secret: "S" }));
    for (let round = 0; round < 3; round++) {
      for (const guess of guesses) client.socket.send(guess);
      for (const guess of guesses) client.socket.send(guess.replace("42", "42/chat,"));
      for (const packet of ["41", "41/chat,", "40", "40/chat,"]) client.socket.send(packet);
    }
    const refused = async (): Promise<number> =>
      slow.metric("belfry_refused_total", 'reason="too_many_joins"');
    await until(async () => (await refused()) === 140);
    own.resume();
  });

  test("WSE-10 the historic events: off by default", async () => {
    using client = await connect();
    expect(
      await answersTo(client, '421["watch",{"room":"w"}]', '422["my_ping"]', '423["stopwatch",{"room":"w"}]'),
    ).toEqual([]);
    expect(await isIn(client, "w")).toBe(false);
  });

  test.each(bothVersions)(
    "WSE-10 protocol %p: when on, watch and stopwatch hold to the secret rule, my_ping is answered",
    async (_protocol, path) => {
      await using historic = await startGateway({ redis: redis.url, socketio: { aliases: true } });
      using client = await connect(path, historic.url);
      expect(await answersTo(client, '421["watch",{"room":"w"}]', '422["my_ping"]')).toEqual([
        "431[]",
        '42["my_pong"]',
        "432[]",
      ]);
      expect(await isIn(client, "w")).toBe(true);
      expect(
        await answersTo(client, '421["stopwatch",{"room":"w"}]', '422["watch",{"room":"shop::w"}]'),
      ).toEqual(["431[]", "432[]"]);
      for (const room of ["w", "shop::w"]) expect(await isIn(client, room)).toBe(false);
      await answersTo(client, '421["watch",{"room":"shop::w","secret":"S"}]');
      expect(await isIn(client, "shop::w")).toBe(true);
      await answersTo(client, "40/x,");
      expect(await answersTo(client, '42/x,1["my_ping"]')).toEqual(['42/x,["my_pong"]', "43/x,1[]"]);
      for (const name of ["__proto__", "toString", "constructor"])
        expect(await answersTo(client, `421["${name}",{"room":"q"}]`)).toEqual([]);
    },
  );
});
