// The Socket.IO layer (compat section 2), packet by packet over raw websockets, for both protocols. What the official
// socket.io-protocol suite checks is in here too. Joins and leaves are in socket-io-join.test.ts.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createClient } from "@redis/client";
import { until } from "../support/until.ts";
import { startGateway } from "../support/gateway.ts";
import { PollingClient } from "../support/polling-client.ts";
import { RawWebSocket } from "../support/raw.ts";
import type { RawMessage } from "../support/raw.ts";
import {
  SocketIoScene,
  answersTo,
  bothVersions,
  connectReply,
  connectTo,
  join,
  version3,
  version4,
} from "../support/socketio-scene.ts";
import type { Client } from "../support/socketio-scene.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

let scene: SocketIoScene;

beforeAll(async () => {
  scene = await SocketIoScene.start();
});

afterAll(async () => scene.stop());

describe("connecting", () => {
  test("SIO-01 SIO-02 protocol 5: nothing is connected until asked, then each namespace has a sid of its own", async () => {
    using socket = await RawWebSocket.open(scene.gateway.url, version4);
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
      using socket = await RawWebSocket.open(scene.gateway.url, version4);
      await socket.waitForMessage();
      socket.send(`40${auth}`);
      expect(String(await socket.waitForMessage())).toMatch(connectReply);
    }
  });

  test("SIO-03 protocol 4: `/` is connected unasked, over websocket and polling, without a payload", async () => {
    using socket = await RawWebSocket.open(scene.gateway.url, version3);
    const [open, connected] = await socket.waitForMessages(2);
    expect(open).toStartWith("0{");
    expect(connected).toBe("40");
    const polling = await PollingClient.open(scene.gateway.url, { query: "EIO=3&b64=1" });
    expect((await polling.poll()).text).toBe("2:40");
  });

  test("SIO-03 protocol 4: other namespaces are answered by their name, queries cut off", async () => {
    using client = await scene.connect(version3);
    expect(await answersTo(client, "40/x", "40/y?a=b", "40/z?a=b,", "40/é")).toEqual([
      "40/x",
      "40/y",
      "40/z",
      "40/é",
    ]);
  });

  test("SIO-03 protocol 4: disconnecting `/` disconnects all, and others need it", async () => {
    using client = await scene.connect(version3);
    await answersTo(client, "40/x");
    client.socket.send("41");
    client.socket.send("40/x");
    expect(await client.socket.waitForMessage()).toBe('44/x,"Invalid namespace"');
    // Rooms and ids went with it.
    await scene.emit("lost", 1);
    await scene.emit("lost", 1, { namespace: "/x" });
    client.socket.send("40");
    expect(await client.socket.waitForMessage()).toBe("40");
    expect(await scene.isIn(client, client.sid)).toBe(true);
  });

  test("SIO-03 SIO-16 protocol 4: both spellings of the id reach a namespace, as room and as skip_sid", async () => {
    using client = await scene.connect(version3);
    await answersTo(client, "40/x");
    const spellings = [client.sid, `/x#${client.sid}`];
    for (const room of spellings) expect(await scene.isIn(client, room, "/x")).toBe(true);
    for (const skip_sid of spellings) {
      await scene.emit("skipped", 1, { namespace: "/x", skip_sid });
      expect(await scene.isIn(client, "nowhere", "/x")).toBe(false);
    }
    expect(await scene.isIn(client, client.sid)).toBe(true);
    expect(await scene.isIn(client, `/x#${client.sid}`)).toBe(false);
  });

  test.each(bothVersions)(
    "SIO-04 protocol %p: a second CONNECT is refused, the connection stays",
    async (_protocol, path) => {
      using client = await scene.connect(path);
      await answersTo(client, "40/x,");
      expect(await answersTo(client, "40", "40/x,")).toEqual([
        '44"Unable to connect"',
        '44/x,"Unable to connect"',
      ]);
      expect(await scene.isIn(client, client.sid)).toBe(true);
    },
  );

  test.each(bothVersions)(
    "SIO-05 WSE-09 protocol %p: every well-formed namespace is accepted, and nothing else is sent",
    async (protocol, path) => {
      using client = await scene.connect(path);
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
    using modern = await scene.connect(version4, listed.url);
    expect(await answersTo(modern, "40/random,", "40/customx,", "40/custom/,")).toEqual([
      '44/random,{"message":"Invalid namespace"}',
      '44/customx,{"message":"Invalid namespace"}',
      '44/custom/,{"message":"Invalid namespace"}',
    ]);
    expect(String((await answersTo(modern, "40/custom,"))[0])).toStartWith('40/custom,{"sid":"');
    using old = await scene.connect(version3, listed.url);
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
    using client = await scene.connect(version4, small.url);
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
    using joined = await scene.connect(version4, quick.url);
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
      using socket = await RawWebSocket.open(scene.gateway.url, version4);
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
        using client = await scene.connect(path);
        client.socket.send(packet);
        expect((await client.socket.waitForClose()).code).toBe(1000);
      }
    },
  );

  test.each(bothVersions)(
    "SIO-07 SIO-08 protocol %p: events are acknowledged by their id, as it came",
    async (_protocol, path) => {
      using client = await scene.connect(path);
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
    using client = await scene.connect();
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
    expect(await scene.isIn(client, "a")).toBe(false);
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
      using witness = await scene.connect(path);
      for (const packet of malformed) {
        using client = await scene.connect(path);
        client.socket.send(packet);
        // A binary packet is judged when it is complete; until then text is not allowed.
        if (packet.startsWith("451-")) client.socket.send(path === version4 ? Buffer.of(1) : Buffer.of(4, 1));
        expect([packet, (await client.socket.waitForClose()).code]).toEqual([packet, 1000]);
      }
      expect(await scene.isIn(witness, witness.sid)).toBe(true);
    },
  );

  test.each(bothVersions)(
    "SIO-07 SIO-10 SIO-12 protocol %p: what node only shrugs at closes nothing",
    async (_protocol, path) => {
      using client = await scene.connect(path);
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
    using client = await scene.connect();
    const chat = await connectTo(client, "/chat");
    expect(await answersTo(client, "41/chat,")).toEqual([]);
    await scene.emit("gone", 1, { namespace: "/chat" });
    await scene.emit("gone", 1, { namespace: "/chat", room: chat });
    expect(await scene.isIn(client, client.sid)).toBe(true);
    client.socket.send("41");
    client.socket.send("40");
    expect(String(await client.socket.waitForMessage())).toMatch(connectReply);
    client.socket.send('42/chat,["a"]');
    expect((await client.socket.waitForClose()).code).toBe(1000);
  });

  test("SIO-11 a backend's disconnect is 41, and leaves the connection open", async () => {
    using client = await scene.connect();
    const chat = await connectTo(client, "/chat");
    await scene.publish({ method: "disconnect", sid: chat, namespace: "/chat" });
    expect(await client.socket.waitForMessage()).toBe("41/chat,");
    await scene.publish({ method: "disconnect", sid: client.sid, namespace: "/" });
    expect(await client.socket.waitForMessage()).toBe("41");
    expect(String((client.socket.send("40"), await client.socket.waitForMessage()))).toMatch(connectReply);
  });

  test.each(bothVersions)(
    "SIO-13 protocol %p: reserved names from a client are dropped, without acknowledgement",
    async (_protocol, path) => {
      using client = await scene.connect(path);
      const names = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
      ];
      const before = await scene.gateway.metric("belfry_refused_total", 'reason="event_reserved"');
      expect(await answersTo(client, ...names.map((name, id) => `42${id}["${name}"]`))).toEqual([]);
      const after = await scene.gateway.metric("belfry_refused_total", 'reason="event_reserved"');
      expect(after - before).toBe(names.length);
    },
  );

  test("SIO-13 reserved names from a backend reach nobody", async () => {
    using client = await scene.connect();
    for (const event of [
      "connect",
      "connect_error",
      "disconnect",
      "disconnecting",
      "newListener",
      "removeListener",
    ])
      await scene.emit(event, 1);
    await scene.emit("update", 1);
    expect(await client.socket.waitForMessage()).toBe('42["update",1]');
  });

  test("SIO-15 T20 numbers keep their digits, bare words become null, `__proto__` is a key like others", async () => {
    using client = await scene.connect();
    const data =
      '{"n": 12345678901234567890, "x": 1.10, "bad": [NaN, Infinity, -Infinity], "__proto__": {"a": 1}}';
    await scene.bus.publish(
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
      using client = await scene.connect(path);
      const args = [{ a: { _placeholder: true, num: 0 } }, [{ _placeholder: true, num: 1 }]];
      await scene.emit("b", [args, "AQI=", "/w=="], { binary: true });
      const [text, ...attachments] = await client.socket.waitForMessages(3);
      expect(text).toBe('452-["b",{"a":{"_placeholder":true,"num":0}},[{"_placeholder":true,"num":1}]]');
      expect(attachments).toEqual([frames(path, 1, 2), frames(path, 255)]);
    },
  );

  test.each(bothVersions)(
    "SIO-09 protocol %p: from the client, up to 10 attachments, zero is legal",
    async (_protocol, path) => {
      using client = await scene.connect(path);
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
      expect(await scene.isIn(client, "binary-join")).toBe(true);
    },
  );

  test.each(bothVersions)(
    "SIO-09 SIO-12 protocol %p: nothing may come between a header and its attachments",
    async (_protocol, path) => {
      for (const between of ['42["a"]', "40/x,", "41"]) {
        using client = await scene.connect(path);
        client.socket.send('452-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
        client.socket.send(frames(path, 1));
        client.socket.send(between);
        expect((await client.socket.waitForClose()).code).toBe(1000);
      }
      using lonely = await scene.connect(path);
      lonely.socket.send(frames(path, 1));
      expect((await lonely.socket.waitForClose()).code).toBe(1000);
    },
  );

  test("SIO-09 EIO-11 a pong may come between: it is no message", async () => {
    using client = await scene.connect();
    expect(await answersTo(client, '451-["a",{"_placeholder":true,"num":0}]', "3", Buffer.of(1))).toEqual([]);
  });
});

describe("acknowledgements of clients", () => {
  const callback = ["room", "/", 7] as const;

  /** What comes back over the bus. */
  const answers = async (): Promise<{ next(): Promise<unknown>; close(): void }> => {
    const subscriber = createClient({ url: scene.redis.url });
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
      const replies = await answers();
      using client = await scene.connect(path);
      await scene.emit("ask", "a", { callback, host_id: "h1", room: client.sid });
      await scene.emit("ask", "b", { callback, host_id: "h1", room: client.sid });
      expect(await client.socket.waitForMessages(2)).toEqual(['420["ask","a"]', '421["ask","b"]']);
      expect(
        await answersTo(client, '431["second",12345678901234567890]', "431[]", "4399[]", "430[]", "430[]"),
      ).toEqual([]);
      const answer = { method: "callback", host_id: "h1", sid: "room", namespace: "/", id: 7 };
      expect(await replies.next()).toEqual({ ...answer, args: ["second", Number("12345678901234567890")] });
      expect(await replies.next()).toEqual({ ...answer, args: [] });
      // Another socket counts for itself.
      using other = await scene.connect(path);
      await scene.emit("ask", "c", { callback, host_id: "h1", room: other.sid });
      expect(await other.socket.waitForMessage()).toBe('420["ask","c"]');
      other.socket.send("430[1]");
      expect(await replies.next()).toEqual({ ...answer, args: [1] });
      // Without a payload it is an answer, too.
      await scene.emit("ask", "d", { callback, host_id: "h1", room: other.sid });
      expect(await other.socket.waitForMessage()).toBe('421["ask","d"]');
      other.socket.send("431");
      expect(await replies.next()).toEqual({ ...answer, args: [] });
      replies.close();
    },
  );

  test("SIO-10 PSQ-10 ids count per namespace; binary acknowledgements are understood, but have no form on the bus", async () => {
    const replies = await answers();
    using client = await scene.connect();
    const chat = await connectTo(client, "/chat");
    await scene.emit("ask", 1, { callback, host_id: "h", room: client.sid });
    await scene.emit("ask", 1, { callback, host_id: "h", room: chat, namespace: "/chat" });
    expect(await client.socket.waitForMessages(2)).toEqual(['420["ask",1]', '42/chat,0["ask",1]']);
    expect(
      await answersTo(client, '461-0[{"_placeholder":true,"num":0}]', Buffer.of(1), "43/chat,0[2]"),
    ).toEqual([]);
    expect(await replies.next()).toMatchObject({ args: [2] });
    replies.close();
  });

  test("SIO-10 SEC-06 a client that owes too many is asked no more", async () => {
    await using small = await startGateway({ redis: scene.redis.url, limits: { pendingAcks: 2 } });
    using client = await scene.connect(version4, small.url);
    for (let sent = 0; sent < 3; sent++)
      await scene.emit("ask", sent, { callback, host_id: "h", room: client.sid });
    await scene.emit("last", 1, { room: client.sid });
    expect(await client.socket.waitForMessages(3)).toEqual(['420["ask",0]', '421["ask",1]', '42["last",1]']);
    expect(await small.metric("belfry_refused_total", 'reason="pending_acks"')).toBe(1);
  });

  test("SIO-10 SEC-06 what a client owes is counted in all its namespaces; one that it left owes nothing", async () => {
    await using small = await startGateway({ redis: scene.redis.url, limits: { pendingAcks: 2 } });
    using client = await scene.connect(version4, small.url);
    const chat = await connectTo(client, "/chat");
    const refused = async (): Promise<number> =>
      small.metric("belfry_refused_total", 'reason="pending_acks"');
    await scene.emit("ask", 0, { callback, host_id: "h", room: client.sid });
    for (const index of [1, 2]) {
      await scene.emit("ask", index, { callback, host_id: "h", room: chat, namespace: "/chat" });
    }
    expect(await client.socket.waitForMessages(2)).toEqual(['420["ask",0]', '42/chat,0["ask",1]']);
    await until(async () => (await refused()) === 1);
    client.socket.send("41/chat,");
    const again = await connectTo(client, "/chat");
    await scene.emit("ask", 3, { callback, host_id: "h", room: again, namespace: "/chat" });
    expect(await client.socket.waitForMessage()).toBe('42/chat,0["ask",3]');
  });
});

describe("order and rooms", () => {
  test.each(bothVersions)(
    "SIO-14 protocol %p: what came over one channel leaves in its order, whoever was addressed",
    async (_protocol, path) => {
      using client = await scene.connect(path);
      await answersTo(client, join(1, { room: "order" }), join(2, { room: "order2" }));
      const targets = [null, "order", client.sid, ["order", "order2"], "order2", [client.sid, "order"]];
      const count = 600;
      await Promise.all(
        Array.from({ length: count }, async (_, index) =>
          scene.emit("n", index, { room: targets[index % targets.length] ?? null }),
        ),
      );
      expect(await client.socket.waitForMessages(count)).toEqual(
        Array.from({ length: count }, (_, index) => `42["n",${index}]`),
      );
    },
  );

  test("SIO-14 a polling client hears the same, in the same order", async () => {
    const client = await PollingClient.connect(scene.gateway.url);
    await client.post(join(1, { room: "order" }));
    await client.poll();
    const count = 300;
    const sent = Array.from({ length: count }, async (_, index) =>
      scene.emit("n", index, { room: index % 2 === 0 ? "order" : null }),
    );
    await Promise.all(sent);
    const heard: string[] = [];
    while (heard.length < count) heard.push(...(await client.poll()).text.split("\u001e"));
    expect(heard).toEqual(Array.from({ length: count }, (_, index) => `42["n",${index}]`));
  });

  test.each(bothVersions)(
    "SIO-16 protocol %p: one's own sid is a room, in its namespace alone; rooms of two namespaces never meet",
    async (protocol, path) => {
      using client = await scene.connect(path);
      const chat = (await connectTo(client, "/chat")) || client.sid;
      expect(await scene.isIn(client, client.sid)).toBe(true);
      expect(await scene.isIn(client, chat, "/chat")).toBe(true);
      expect(await scene.isIn(client, client.sid, "/chat")).toBe(protocol === 4);
      await answersTo(client, '42/chat,1["join",{"room":"same"}]');
      expect(await scene.isIn(client, "same", "/chat")).toBe(true);
      expect(await scene.isIn(client, "same")).toBe(false);
      for (const room of ["/chat,same", "/chat#same"]) expect(await scene.isIn(client, room)).toBe(false);
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
      const client = await scene.connect(path, own.url);
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
