// The events `join`, `leave` and their historic names, as pages of ws-emit send them (compat section 3), packet by packet
// over raw websockets, for both protocols.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { emit } from "../support/emit.ts";
import { until } from "../support/until.ts";
import { startGateway } from "../support/gateway.ts";
import { startRedis } from "../support/redis.ts";
import {
  SocketIoScene,
  answersTo,
  bothVersions,
  connectTo,
  join,
  version4,
} from "../support/socketio-scene.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

let scene: SocketIoScene;

beforeAll(async () => {
  scene = await SocketIoScene.start();
  await scene.bus.mSet({
    "ws-emit::secret::shop": "S",
    "ws-emit::secret::": "empty",
    "ws-emit::secret::é::x": "no",
    "ws-emit::secret::é": "ü",
  });
});

afterAll(async () => scene.stop());

describe("joining", () => {
  test.each(bothVersions)("WSE-03 protocol %p: public rooms, in any namespace", async (_protocol, path) => {
    using client = await scene.connect(path);
    expect(
      await answersTo(
        client,
        join(1, { room: "time" }),
        '42["join",{"room":"quiet"}]',
        join(2, { room: "" }),
      ),
    ).toEqual(["431[]", "432[]"]);
    for (const room of ["time", "quiet", ""]) expect(await scene.isIn(client, room)).toBe(true);
    await answersTo(client, "40/chat,", '42/chat,1["join",{"room":"time2"}]');
    expect(await scene.isIn(client, "time2", "/chat")).toBe(true);
    expect(await scene.isIn(client, "time2")).toBe(false);
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
    using client = await scene.connect();
    expect(await answersTo(client, `421["join"${args}]`)).toEqual([]);
    expect(await scene.isIn(client, "time")).toBe(false);
  });

  test("WSE-03 a room that is no text is not joined, but acknowledged", async () => {
    using client = await scene.connect();
    const rooms = ["1", "true", "null", '["time"]', '{"a":1}'];
    expect(await answersTo(client, ...rooms.map((room, id) => `42${id}["join",{"room":${room}}]`))).toEqual(
      rooms.map((_, id) => `43${id}[]`),
    );
    for (const room of ["1", "true", "null", "time"]) expect(await scene.isIn(client, room)).toBe(false);
  });
});

describe("the secret of a room-space", () => {
  test.each(bothVersions)(
    "WSE-03 WSE-05 protocol %p: rooms with a room-space ask for its secret; a refusal looks like success",
    async (_protocol, path) => {
      using client = await scene.connect(path);
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
      expect(await scene.isIn(client, "shop::o1")).toBe(false);
      expect(await answersTo(client, join(1, { room: "shop::o1", secret: "S" }))).toEqual(["431[]"]);
      expect(await scene.isIn(client, "shop::o1")).toBe(true);
      expect(await scene.isIn(client, "o1")).toBe(false);
    },
  );

  test("WSE-03 the room-space is the text before the first `::`, in every namespace", async () => {
    using client = await scene.connect();
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
      expect([room, await scene.isIn(client, room)]).toEqual([room, isAllowed]);
    }
    // Each namespace keeps its own order, so its own acknowledgement is waited for.
    client.socket.send('42/chat,1["join",{"room":"shop::o9"}]');
    expect(await client.socket.waitForMessage()).toBe("43/chat,1[]");
    expect(await scene.isIn(client, "shop::o9", "/chat")).toBe(false);
    client.socket.send('42/chat,2["join",{"room":"shop::o9","secret":"S"}]');
    expect(await client.socket.waitForMessage()).toBe("43/chat,2[]");
    expect(await scene.isIn(client, "shop::o9", "/chat")).toBe(true);
  });

  test("WSE-03 T15 no other spelling of a protected room leads into it", async () => {
    using client = await scene.connect();
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
    expect(await scene.isIn(client, "shop::o2")).toBe(false);
  });

  test("WSE-03 SIO-14 events take effect in the order sent, although a secret is looked up", async () => {
    using client = await scene.connect();
    const packets = [
      join(1, { room: "shop::o3", secret: "S" }),
      '422["leave",{"room":"shop::o3"}]',
      join(3, { room: "later" }),
      join(4, { room: "shop::o4", secret: "S" }),
    ];
    expect(await answersTo(client, ...packets)).toEqual(["431[]", "432[]", "433[]", "434[]"]);
    expect(await scene.isIn(client, "shop::o3")).toBe(false);
    expect(await scene.isIn(client, "shop::o4")).toBe(true);
  });
});

describe("where secrets come from", () => {
  test("WSE-05 one MGET; the first key that exists decides, an old one is no second password", async () => {
    using client = await scene.connect();
    const names = ["ws-emit::secret::", "ws-emit::room_secret::", "r2ws::room_secret::"];
    const mgets = async (): Promise<number> =>
      Number(
        /cmdstat_mget:calls=(\d+)/.exec(String(await scene.redis.command("INFO", "commandstats")))?.[1] ?? 0,
      );
    const before = await mgets();
    for (const [first, name] of names.entries()) {
      const space = `space${first}`;
      for (const [index, older] of names.slice(first).entries())
        await scene.bus.set(older + space, `secret${index}`);
      for (const wrong of ["secret1", "secret2"])
        await answersTo(client, join(1, { room: `${space}::x`, secret: wrong }));
      expect([name, await scene.isIn(client, `${space}::x`)]).toEqual([name, false]);
      await answersTo(client, join(1, { room: `${space}::x`, secret: "secret0" }));
      expect([name, await scene.isIn(client, `${space}::x`)]).toEqual([name, true]);
    }
    expect((await mgets()) - before).toBe(9);
    // An empty one decides too: nobody enters.
    await scene.bus.mSet({ "ws-emit::secret::closed": "", "ws-emit::room_secret::closed": "old" });
    await answersTo(
      client,
      join(1, { room: "closed::x", secret: "old" }),
      join(2, { room: "closed::x", secret: "" }),
    );
    expect(await scene.isIn(client, "closed::x")).toBe(false);
  });

  test("WSE-05 the keys are configurable, and the configuration can hold secrets itself, without Redis too", async () => {
    await using other = await startGateway({
      redis: scene.redis.url,
      secretKeys: ["own:"],
      roomSecrets: { shop: "from the config" },
    });
    await scene.bus.set("own:lab", "L");
    using client = await scene.connect(version4, other.url);
    await answersTo(
      client,
      join(1, { room: "lab::x", secret: "L" }),
      join(2, { room: "shop::x", secret: "S" }),
      join(3, { room: "é::x", secret: "ü" }),
    );
    expect(await scene.isIn(client, "lab::x")).toBe(true);
    for (const room of ["shop::x", "é::x"]) expect(await scene.isIn(client, room)).toBe(false);
    await answersTo(client, join(1, { room: "shop::x", secret: "from the config" }));
    expect(await scene.isIn(client, "shop::x")).toBe(true);

    await using alone = await startGateway({ secret: "publish", roomSecrets: { dir: "D" } });
    using member = await scene.connect(version4, alone.url);
    using stranger = await scene.connect(version4, alone.url);
    expect(await answersTo(member, join(1, { room: "dir::a.txt", secret: "D" }))).toEqual(["431[]"]);
    expect(await answersTo(stranger, join(1, { room: "dir::a.txt", secret: "x" }))).toEqual(["431[]"]);
    for (const room of ["dir::a.txt", null])
      await emit(alone.url, { event: "update", room, data: room, secret: "publish" });
    expect(await member.socket.waitForMessages(2)).toEqual(['42["update","dir::a.txt"]', '42["update"]']);
    expect(await stranger.socket.waitForMessage()).toBe('42["update"]');
  });

  test("WSE-06 changing or deleting a secret evicts nobody, newcomers need the new one", async () => {
    await scene.bus.set("ws-emit::secret::rotating", "one");
    using early = await scene.connect();
    await answersTo(early, join(1, { room: "rotating::x", secret: "one" }));
    await scene.bus.set("ws-emit::secret::rotating", "two");
    using late = await scene.connect();
    await answersTo(late, join(1, { room: "rotating::x", secret: "one" }));
    expect(await scene.isIn(late, "rotating::x")).toBe(false);
    await answersTo(late, join(1, { room: "rotating::x", secret: "two" }));
    expect(await scene.isIn(late, "rotating::x")).toBe(true);
    await scene.bus.del("ws-emit::secret::rotating");
    expect(await scene.isIn(early, "rotating::x")).toBe(true);
  });

  test("WSE-03 SEC-02 when Redis cannot be asked, nobody enters and nobody is answered", async () => {
    await using own = await startRedis();
    await own.command("SET", "ws-emit::secret::shop", "S");
    await using cutOff = await startGateway({ redis: own.url });
    using client = await scene.connect(version4, cutOff.url);
    await own.kill();
    expect(
      await answersTo(client, join(1, { room: "shop::x", secret: "S" }), join(2, { room: "public" })),
    ).toEqual(["432[]"]);
    expect(await cutOff.metric("belfry_refused_total", 'reason="join_unavailable"')).toBe(1);
    expect(cutOff.log).not.toContain('"S"');
  });

  test("WSE-08 SEC-04 no secret, room name or payload is in logs or metrics", async () => {
    await using watched = await startGateway({ redis: scene.redis.url });
    using client = await scene.connect(version4, watched.url);
    await answersTo(
      client,
      join(1, { room: "shop::canary-room", secret: "canary-secret" }),
      join(2, { room: "canary-public" }),
      '42["canary-event","canary-data"]',
    );
    await scene.emit("canary-emit", "canary-payload", { room: "canary-public" });
    await client.socket.waitForMessage();
    client.socket.send("4canary-junk");
    await client.socket.waitForClose();
    const metrics = await (await fetch(`${watched.url}/-/metrics`)).text();
    expect(metrics).toContain("belfry_refused_total");
    for (const text of [watched.log, metrics]) expect(text).not.toContain("canary");
  });
});

describe("leaving", () => {
  test.each(bothVersions)(
    "WSE-04 protocol %p: leaving needs no secret, and what is not joined is no error",
    async (_protocol, path) => {
      using client = await scene.connect(path);
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
      for (const room of ["shop::o6", "a"]) expect(await scene.isIn(client, room)).toBe(false);
      // As the shipped page does: it leaves by another name than it joined by.
      await answersTo(client, join(1, { room: "shop::f", secret: "S" }), leave(2, "f"));
      expect(await scene.isIn(client, "shop::f")).toBe(true);
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
      expect(await scene.isIn(client, client.sid)).toBe(true);
    },
  );
});

describe("rooms named like a client's id", () => {
  test.each(bothVersions)(
    "WSE-07 SEC-10 protocol %p: nobody joins the room of another's sid, in whatever spelling",
    async (_protocol, path) => {
      using victim = await scene.connect(path);
      using spy = await scene.connect(path);
      await connectTo(victim, "/x");
      await connectTo(spy, "/x");
      const names = [victim.sid, `/x#${victim.sid}`];
      for (const namespace of ["", "/x,"]) {
        const packets = names.map((room, id) => `42${namespace}${id}["join",${JSON.stringify({ room })}]`);
        expect(await answersTo(spy, ...packets)).toEqual(names.map((_, id) => `43${namespace}${id}[]`));
      }
      expect(await scene.isIn(spy, victim.sid)).toBe(false);
      for (const room of names) expect(await scene.isIn(spy, room, "/x")).toBe(false);
      // Joining one's own is harmless. It heard what was sent to its room meanwhile.
      expect((await answersTo(victim, join(1, { room: victim.sid }))).at(-1)).toBe("431[]");
      expect(await scene.isIn(victim, victim.sid)).toBe(true);
    },
  );

  test.each(bothVersions)(
    "WSE-07 protocol %p: nor the room of a client on another gateway",
    async (_protocol, path) => {
      await using other = await startGateway({ redis: scene.redis.url });
      using victim = await scene.connect(path);
      using spy = await scene.connect(path, other.url);
      expect(await answersTo(spy, join(1, { room: victim.sid }))).toEqual(["431[]"]);
      expect(await scene.isIn(spy, victim.sid)).toBe(false);
      expect(await scene.isIn(victim, victim.sid)).toBe(true);
      // A backend is trusted with it.
      await scene.publish({ method: "enter_room", sid: spy.sid, room: victim.sid, namespace: "/" });
      expect(await scene.isIn(spy, victim.sid)).toBe(true);
    },
  );
});

describe("bounds", () => {
  test("WSE-08 T13 failed joins are limited per connection; a limited guesser locks out nobody else", async () => {
    await using strict = await startGateway({ redis: scene.redis.url, limits: { failedJoinsPerMinute: 5 } });
    using guesser = await scene.connect(version4, strict.url);
    const guesses = Array.from({ length: 50 }, (_, id) =>
      join(id, { room: "shop::x", secret: `guess${id}` }),
    );
    expect(await answersTo(guesser, ...guesses)).toEqual(guesses.map((_, id) => `43${id}[]`));
    expect(await strict.metric("belfry_refused_total", 'reason="join_secret_wrong"')).toBe(5);
    expect(await strict.metric("belfry_refused_total", 'reason="join_rate_limited"')).toBe(45);
    await answersTo(guesser, join(1, { room: "shop::x", secret: "S" }));
    expect(await scene.isIn(guesser, "shop::x")).toBe(false);
    using other = await scene.connect(version4, strict.url);
    await answersTo(other, join(1, { room: "shop::x", secret: "S" }));
    expect(await scene.isIn(other, "shop::x")).toBe(true);
  });

  test("SEC-06 rooms and their names are bounded", async () => {
    await using small = await startGateway({
      redis: scene.redis.url,
      limits: { roomsPerConnection: 3, nameBytes: 16 },
    });
    using client = await scene.connect(version4, small.url);
    const rooms = ["a", "é".repeat(9), "b", "é".repeat(8), "c"];
    await answersTo(client, ...rooms.map((room, id) => join(id, { room })));
    const joined: boolean[] = [];
    for (const room of rooms) joined.push(await scene.isIn(client, room));
    expect(joined).toEqual([true, false, true, true, false]);
    await answersTo(client, '42["leave",{"room":"a"}]', join(1, { room: "c" }));
    expect(await scene.isIn(client, "c")).toBe(true);
  });

  test("SEC-06 joins that wait for a look-up are bounded", async () => {
    await using own = await startRedis();
    await using slow = await startGateway({ redis: own.url });
    using client = await scene.connect(version4, slow.url);
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
    using client = await scene.connect(version4, slow.url);
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
});

describe("the historic events", () => {
  test("WSE-10 the historic events: off by default", async () => {
    using client = await scene.connect();
    expect(
      await answersTo(client, '421["watch",{"room":"w"}]', '422["my_ping"]', '423["stopwatch",{"room":"w"}]'),
    ).toEqual([]);
    expect(await scene.isIn(client, "w")).toBe(false);
  });

  test.each(bothVersions)(
    "WSE-10 protocol %p: when on, watch and stopwatch hold to the secret rule, my_ping is answered",
    async (_protocol, path) => {
      await using historic = await startGateway({ redis: scene.redis.url, socketio: { aliases: true } });
      using client = await scene.connect(path, historic.url);
      expect(await answersTo(client, '421["watch",{"room":"w"}]', '422["my_ping"]')).toEqual([
        "431[]",
        '42["my_pong"]',
        "432[]",
      ]);
      expect(await scene.isIn(client, "w")).toBe(true);
      expect(
        await answersTo(client, '421["stopwatch",{"room":"w"}]', '422["watch",{"room":"shop::w"}]'),
      ).toEqual(["431[]", "432[]"]);
      for (const room of ["w", "shop::w"]) expect(await scene.isIn(client, room)).toBe(false);
      await answersTo(client, '421["watch",{"room":"shop::w","secret":"S"}]');
      expect(await scene.isIn(client, "shop::w")).toBe(true);
      await answersTo(client, "40/x,");
      expect(await answersTo(client, '42/x,1["my_ping"]')).toEqual(['42/x,["my_pong"]', "43/x,1[]"]);
      for (const name of ["__proto__", "toString", "constructor"])
        expect(await answersTo(client, `421["${name}",{"room":"q"}]`)).toEqual([]);
    },
  );
});
