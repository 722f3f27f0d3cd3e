// The ws-hub dialect over real websockets: handshakes, groups, data, limits, closes. The bus is this process's memory
// where Redis makes no difference; ws-hub-redis.test.ts has the rest.

import { describe, expect, test } from "bun:test";
import type { Route } from "../../src/server/route.ts";
import { statusSentence } from "../../src/dialects/ws-hub/status.ts";
import { HubBackend, HubGateway } from "../support/hub-gateway.ts";
import { until } from "../support/until.ts";
import { RawConnection, RawWebSocket, handshakeHeaders, rawRequest, requestBytes } from "../support/raw.ts";

async function connect(gateway: HubGateway, key: string): Promise<RawWebSocket> {
  return RawWebSocket.open(gateway.url, `/ws?session_key=${encodeURIComponent(key)}`);
}

/** Connects and gives groups; resolves when they are in force. */
async function member(gateway: HubGateway, key: string, groups: string): Promise<RawWebSocket> {
  const socket = await connect(gateway, key);
  await gateway.bus.publish(`ws-hub:groups-new:${key}`, groups);
  await until(() => gateway.hub.select({ ...everyone, rooms: groups.split(",").map(room) }).size > 0);
  return socket;
}

const everyone = { namespace: "/", rooms: undefined, except: [], skip: [] };

function room(group: string): string {
  return `ws-hub::${group}`;
}

async function statusOf(gateway: HubGateway, path: string, headers: Record<string, string> = {}) {
  const opened = await RawWebSocket.tryOpen(gateway.url, path, headers);
  if (!(opened instanceof RawWebSocket)) return opened.status;
  opened[Symbol.dispose]();
  return 101;
}

/** Another dialect on the port that also answers below `/ws`, and leaves `/ws` itself to us. */
function rival(accepts: "yes" | "no"): Route {
  return {
    path: "/ws",
    isPrefix: true,
    accepts: (_request, { path }) => (path === "/ws" ? "otherwise" : accepts),
    fetch: () => new Response("rival", { status: 418 }),
    upgrade: () => new Response("rival", { status: 418 }),
  };
}

describe("the handshake", () => {
  test("HUB-01 at the server url, with a slash behind it too, from any origin", async () => {
    await using gateway = await HubGateway.start();
    expect(await statusOf(gateway, "/ws?session_key=k1")).toBe(101);
    expect(await statusOf(gateway, "/ws/?session_key=k2")).toBe(101);
    expect(await statusOf(gateway, "/ws?session_key=k3", { Origin: "https://elsewhere.example" })).toBe(101);
    expect(await statusOf(gateway, "/ws//?session_key=k4")).toBe(404);
    expect(await statusOf(gateway, "/ws/x?session_key=k5")).toBe(404);
    expect(await statusOf(gateway, "/WS?session_key=k6")).toBe(404);
  });

  test("HUB-01 path, parameter and the check of origins are configurable", async () => {
    await using gateway = await HubGateway.start({
      options: { serverUrl: "/live/", clientKey: "token", checkOrigin: true },
    });
    expect(await statusOf(gateway, "/live?token=k1")).toBe(101);
    expect(await statusOf(gateway, "/live?session_key=k1")).toBe(400);
    expect(await statusOf(gateway, "/live?token=k2", { Origin: "https://elsewhere.example" })).toBe(403);
    expect(await statusOf(gateway, "/live?token=k2", { Origin: gateway.url })).toBe(101);
  });

  test("HUB-02 T30 without a key, with an empty one or one that cannot be one: 400, and no socket is left", async () => {
    await using gateway = await HubGateway.start();
    const backend = await HubBackend.on(gateway.bus);
    for (const query of [
      "",
      "?session_key",
      "?session_key=",
      "?Session_key=k",
      "?session_key=&session_key=k",
    ]) {
      expect(await statusOf(gateway, `/ws${query}`)).toBe(400);
      expect(await statusOf(gateway, `/ws/${query}`)).toBe(400);
    }
    for (const key of ["x".repeat(257), "a%0ab", "%00", "%ff", "%7f"]) {
      expect(await statusOf(gateway, `/ws?session_key=${key}`)).toBe(400);
    }
    expect(await gateway.metric("belfry_refused_total", "key_missing")).toBe(10);
    expect(await gateway.metric("belfry_refused_total", "key_invalid")).toBe(5);
    expect(gateway.admitted).toBe(0);
    expect(await statusOf(gateway, `/ws?session_key=${"x".repeat(256)}`)).toBe(101);
    expect(await backend.next()).toBe(`ws-hub:client-new ${"x".repeat(256)}`);
  });

  test("HUB-03 the key comes from the header when that is switched on, else from the query", async () => {
    await using gateway = await HubGateway.start({ options: { fromHeader: true } });
    const backend = await HubBackend.on(gateway.bus);
    expect(await statusOf(gateway, "/ws?session_key=query", { session_key: "head" })).toBe(101);
    expect(await backend.next()).toBe("ws-hub:client-new head");
    expect(await statusOf(gateway, "/ws/", { session_key: "head" })).toBe(101);
    expect(await backend.next()).toBe("ws-hub:client-new head");
    expect(await statusOf(gateway, "/ws?session_key=query")).toBe(101);
    expect(await backend.next()).toBe("ws-hub:client-new query");
  });

  test("HUB-17 RTE-04 SEC-05 what is no handshake is refused with 400 or 405; no subprotocol is selected", async () => {
    await using gateway = await HubGateway.start();
    const path = "/ws?session_key=marker-in-request";
    const refusal = async (method: string, headers: Readonly<Record<string, string>>): Promise<number> => {
      const answer = await rawRequest(gateway.url, { method, path, headers });
      expect(answer.text).not.toContain("marker");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("content-type")).toStartWith("text/plain");
      return answer.status;
    };
    const right = handshakeHeaders();
    expect(await refusal("GET", {})).toBe(400);
    expect(await refusal("GET", { ...right, Connection: "close" })).toBe(400);
    expect(await refusal("GET", { ...right, Upgrade: "h2c" })).toBe(400);
    expect(await refusal("GET", { ...right, "Sec-WebSocket-Version": "8" })).toBe(400);
    expect(await refusal("GET", { ...right, "Sec-WebSocket-Key": "x" })).toBe(400);
    expect(await refusal("POST", right)).toBe(405);
    expect(await refusal("DELETE", {})).toBe(405);
    using connection = await RawConnection.open(gateway.url);
    const headers = { ...right, "Sec-WebSocket-Protocol": "chat, superchat" };
    connection.write(requestBytes(gateway.url, { path, headers }));
    const answer = await connection.response();
    expect(answer.status).toBe(101);
    expect(answer.headers.has("sec-websocket-protocol")).toBeFalse();
  });

  test("RTE-02 `/ws` is ours; `/ws/` only with a key where somebody else wants it, and ours again where nobody does", async () => {
    await using wanting = await HubGateway.start({ routes: [rival("yes")] });
    expect(await statusOf(wanting, "/ws/?session_key=k")).toBe(101);
    expect(await statusOf(wanting, "/ws/")).toBe(418);
    expect(await statusOf(wanting, "/ws/deep?session_key=k")).toBe(418);
    expect(await statusOf(wanting, "/ws")).toBe(400);
    expect((await rawRequest(wanting.url, { path: "/ws" })).status).toBe(400);
    await using refusing = await HubGateway.start({ routes: [rival("no")] });
    expect(await statusOf(refusing, "/ws/")).toBe(400);
  });
});

describe("groups", () => {
  test("HUB-04 HUB-05 HUB-07 HUB-08 HUB-09 the transcript of the specification", async () => {
    await using gateway = await HubGateway.start();
    const backend = await HubBackend.on(gateway.bus);
    using client = await connect(gateway, "123456");
    expect(await backend.next()).toBe("ws-hub:client-new 123456");
    await backend.publish("ws-hub:groups-new:123456", "1,2,all,news");
    await backend.publish("ws-hub:group-data:news", "hello");
    expect(await client.waitForMessage()).toBe("hello");
    client.send("hi");
    expect(await backend.next()).toBe("ws-hub:client-data:123456 hi");
    await backend.publish("ws-hub:groups-new:123456", "");
    expect(await client.waitForClose()).toEqual({ code: 4003, reason: "no groups" });
    expect(backend.heard).toEqual([]);
    expect(await gateway.metric("belfry_disconnections_total", "no_groups")).toBe(1);
    expect(gateway.hub.roomCount).toBe(0);
    expect(gateway.admitted).toBe(0);
  });

  test("HUB-04 a client can be answered as soon as it is announced, and its end is told only where that is asked for", async () => {
    await using gateway = await HubGateway.start({ options: { announceGone: true } });
    const backend = await HubBackend.on(gateway.bus);
    for (let round = 0; round < 20; round++) {
      using client = await connect(gateway, `k${round}`);
      expect(await backend.next()).toBe(`ws-hub:client-new k${round}`);
      await backend.publish(`ws-hub:groups-new:k${round}`, "g");
      await backend.publish("ws-hub:group-data:g", `${round}`);
      expect(await client.waitForMessage()).toBe(`${round}`);
      client[Symbol.dispose]();
      expect(await backend.next()).toBe(`ws-hub:client-gone k${round}`);
    }
  });

  test("HUB-05 names are not trimmed, keys may have colons, other keys are not ours", async () => {
    await using gateway = await HubGateway.start();
    using client = await connect(gateway, "user:1:é");
    await gateway.bus.publish("ws-hub:groups-new:user:1", "x");
    await gateway.bus.publish("ws-hub:groups-new:user:1:é", "a, b,:c");
    for (const group of ["x", "b", " b", "c", ":c", "a"]) {
      await gateway.bus.publish(`ws-hub:group-data:${group}`, `to <${group}>`);
    }
    expect(await client.waitForMessages(3)).toEqual(["to < b>", "to <:c>", "to <a>"]);
  });

  test("HUB-06 new groups join the old ones, and a message comes once", async () => {
    await using gateway = await HubGateway.start();
    using client = await member(gateway, "k", "a");
    await gateway.bus.publish("ws-hub:groups-new:k", "b,a,b");
    for (const group of ["a", "b"]) await gateway.bus.publish(`ws-hub:group-data:${group}`, group);
    await gateway.bus.publish("ws-hub:group-data:a", "last");
    expect(await client.waitForMessages(3)).toEqual(["a", "b", "last"]);
  });

  test("HUB-06 with groupsMode replace they take the place of the old ones", async () => {
    await using gateway = await HubGateway.start({ options: { groupsMode: "replace" } });
    using client = await member(gateway, "k", "a,b");
    const [connection] = gateway.hub.select({ ...everyone, rooms: [room("a")] });
    if (connection) gateway.hub.join(connection, "by another door");
    await gateway.bus.publish("ws-hub:groups-new:k", "b,c");
    for (const group of ["a", "b", "c"]) await gateway.bus.publish(`ws-hub:group-data:${group}`, group);
    expect(await client.waitForMessages(2)).toEqual(["b", "c"]);
    expect([...(connection?.rooms ?? [])].map(({ name }) => name)).toEqual([
      room("b"),
      "by another door",
      room("c"),
    ]);
  });

  test("HUB-08 a client without groups hears nothing; bytes that are no text come as binary", async () => {
    await using gateway = await HubGateway.start();
    using waiting = await connect(gateway, "waiting");
    using client = await member(gateway, "k", "g");
    const noText = Buffer.of(0x00, 0xff, 0xfe);
    await gateway.bus.publish("ws-hub:group-data:g", noText);
    await gateway.bus.publish("ws-hub:group-data:g", "\u{feff}text \u{1f514}");
    await gateway.bus.publish("ws-hub:group-data:g", "");
    expect(await client.waitForMessages(3)).toEqual([noText, "\u{feff}text \u{1f514}", ""]);
    await gateway.bus.publish("ws-hub:groups-new:waiting", "g");
    await gateway.bus.publish("ws-hub:group-data:g", "first");
    expect(await waiting.waitForMessage()).toBe("first");
  });

  test("HUB-09 SEC-16 what a client says goes to Redis as it is, and to nobody else", async () => {
    await using gateway = await HubGateway.start();
    const backend = await HubBackend.on(gateway.bus);
    using client = await member(gateway, "k:1", "g");
    using other = await member(gateway, "k2", "g,k:1");
    await backend.next();
    await backend.next();
    client.send("é{");
    client.send(Buffer.of(0, 0xff));
    client.send("");
    expect(await backend.next()).toBe(`ws-hub:client-data:k:1 ${Buffer.from("é{").toString("latin1")}`);
    expect(await backend.next()).toBe("ws-hub:client-data:k:1 \0\u{ff}");
    expect(await backend.next()).toBe("ws-hub:client-data:k:1 ");
    await backend.publish("ws-hub:group-data:g", "from the backend");
    expect(await client.waitForMessage()).toBe("from the backend");
    expect(await other.waitForMessage()).toBe("from the backend");
  });

  test("HUB-08 an event of another door reaches the group as JSON", async () => {
    await using gateway = await HubGateway.start();
    using client = await member(gateway, "k", "g");
    const event = { event: "update", args: ['{"time":1}'], attachments: [], volatile: false };
    gateway.hub.deliver({ kind: "publication", ...everyone, ...event });
    gateway.hub.deliver({ kind: "publication", ...everyone, rooms: [room("g")], ...event });
    expect(await client.waitForMessage()).toBe('{"event":"update","data":{"time":1}}');
    await gateway.bus.publish("ws-hub:group-data:g", "next");
    expect(await client.waitForMessage()).toBe("next");
  });

  test("SEC-06 a client holds so many groups, the rest is refused and counted; junk is skipped", async () => {
    await using gateway = await HubGateway.start({ limits: { roomsPerConnection: 3 } });
    using client = await member(gateway, "k", "a,b,c");
    await gateway.bus.publish("ws-hub:groups-new:k", Array.from({ length: 50 }, (_, i) => `g${i}`).join(","));
    await gateway.bus.publish("ws-hub:groups-new:k", Buffer.of(0xff));
    await gateway.bus.publish("ws-hub:group-data:a", "still here");
    expect(await client.waitForMessage()).toBe("still here");
    expect(await gateway.metric("belfry_refused_total", "too_many_rooms")).toBeGreaterThan(40);
    expect(await gateway.metric("belfry_skipped_total", "groups_not_utf8")).toBe(1);
    expect(gateway.hub.roomCount).toBeLessThanOrEqual(4);
  });
});

describe("a key that comes twice", () => {
  test("HUB-12 HUB-13 the old connection is closed with 4000, the new one is announced and gets the groups", async () => {
    await using gateway = await HubGateway.start({ options: { announceGone: true } });
    const backend = await HubBackend.on(gateway.bus);
    using old = await member(gateway, "k", "g");
    expect(await backend.next()).toBe("ws-hub:client-new k");
    using fresh = await connect(gateway, "k");
    expect(await backend.next()).toBe("ws-hub:client-new k");
    expect(await old.waitForClose()).toEqual({ code: 4000, reason: "replaced" });
    // The late end of the old one: its entry is the new one's by now.
    old[Symbol.dispose]();
    await until(() => gateway.admitted === 1);
    await backend.publish("ws-hub:groups-new:k", "h");
    await backend.publish("ws-hub:group-data:g", "to the old one's group");
    await backend.publish("ws-hub:group-data:h", "for the new one");
    expect(await fresh.waitForMessage()).toBe("for the new one");
    expect(backend.heard).toEqual([]);
    fresh.send("me");
    expect(await backend.next()).toBe("ws-hub:client-data:k me");
    fresh[Symbol.dispose]();
    expect(await backend.next()).toBe("ws-hub:client-gone k");
    await until(() => gateway.hub.roomCount === 0 && gateway.admitted === 0);
  });

  test("SEC-09 T30 1,000 takeovers of one key are limited, other keys are not, and the key comes back later", async () => {
    await using gateway = await HubGateway.start({ options: { connectsPerKey: 600 } });
    const backend = await HubBackend.on(gateway.bus);
    using bystander = await member(gateway, "bystander", "g");
    expect(await backend.next()).toBe("ws-hub:client-new bystander");
    const statuses: number[] = [];
    const started = performance.now();
    for (let wave = 0; wave < 20; wave++) {
      const attempts = Array.from({ length: 50 }, async () => statusOf(gateway, "/ws?session_key=victim"));
      statuses.push(...(await Promise.all(attempts)));
    }
    const allowed = 10 + Math.ceil((performance.now() - started) / 100);
    const passed = statuses.filter((status) => status === 101).length;
    expect(passed).toBeGreaterThanOrEqual(10);
    expect(passed).toBeLessThanOrEqual(allowed);
    expect(statuses.filter((status) => status === 429)).toHaveLength(1_000 - passed);
    expect(await gateway.metric("belfry_refused_total", "key_rate")).toBe(1_000 - passed);
    expect(await statusOf(gateway, "/ws?session_key=another")).toBe(101);
    await backend.publish("ws-hub:group-data:g", "undisturbed");
    expect(await bystander.waitForMessage()).toBe("undisturbed");
    await until(async () => (await statusOf(gateway, "/ws?session_key=victim")) === 101);
  }, 30_000);
});

describe("limits and closes", () => {
  test("HUB-10 HUB-13 a message over maxMessageSize closes with 1009 and is seen in the log; one of that size passes", async () => {
    await using gateway = await HubGateway.start();
    const backend = await HubBackend.on(gateway.bus);
    for (const bytes of [129, 10_000, 500_000]) {
      using client = await connect(gateway, `k${bytes}`);
      await backend.next();
      client.send("x".repeat(128));
      expect(await backend.next()).toEndWith("x".repeat(128));
      client.send("x".repeat(bytes));
      expect((await client.waitForClose()).code).toBe(1009);
    }
    using multibyte = await connect(gateway, "é");
    await backend.next();
    multibyte.send("é".repeat(65));
    expect((await multibyte.waitForClose()).code).toBe(1009);
    expect(await gateway.metric("belfry_disconnections_total", "too_large")).toBe(4);
    expect(gateway.log).toContain('"event":"message_too_large","dialect":"ws-hub","maxMessageSize":128');
    expect(backend.heard).toEqual([]);
    await until(() => gateway.admitted === 0);
  });

  test("HUB-11 empty pings at nine tenths of pongWait; who answers none is dropped, whatever it sends", async () => {
    await using gateway = await HubGateway.start({ options: { pongWait: 1.5 } });
    const { url } = gateway;
    const good = new WebSocket(`${url.replace("http", "ws")}/ws?session_key=good`);
    const opened = Promise.withResolvers<void>();
    good.addEventListener("open", () => {
      opened.resolve();
    });
    await opened.promise;
    using silent = await connect(gateway, "silent");
    const started = performance.now();
    const talker = setInterval(() => {
      silent.send("data is no pong");
    }, 100);
    const ping = await silent.connection.read((received) =>
      received.length < 2 ? undefined : { result: received.readUInt16BE(0), length: 2 },
    );
    expect(ping).toBe(0x8900);
    expect(performance.now() - started).toBeWithin(1_250, 1_490);
    expect(await silent.waitForClose()).toEqual({ code: 1006, reason: "" });
    clearInterval(talker);
    expect(performance.now() - started).toBeWithin(1_400, 2_500);
    await until(async () => (await gateway.metric("belfry_disconnections_total", "ping_timeout")) === 1);
    // Long enough for two more waits of the one that answers.
    await until(() => performance.now() - started > 3_200);
    expect(good.readyState).toBe(WebSocket.OPEN);
    good.close();
  });

  test("HUB-13 SEC-14 a shutdown closes everyone with 1001, within a second", async () => {
    await using gateway = await HubGateway.start();
    const clients = await Promise.all(Array.from({ length: 20 }, async (_, i) => connect(gateway, `k${i}`)));
    const started = performance.now();
    const drained = gateway.drain();
    expect(await statusOf(gateway, "/ws?session_key=late")).toBe(503);
    const closes = await Promise.all(clients.map(async (client) => client.waitForClose()));
    await drained;
    expect(performance.now() - started).toBeLessThan(1_500);
    for (const close of closes) expect(close).toEqual({ code: 1001, reason: "shutting down" });
    expect(gateway.admitted).toBe(0);
  });

  test("HUB-16 a client that does not read is closed; the others hear everything", async () => {
    await using gateway = await HubGateway.start({ limits: { sendQueueBytes: 128 * 1024 } });
    using slow = await member(gateway, "slow", "g");
    using reader = await member(gateway, "reader", "g");
    slow.connection.pause();
    const count = 400;
    const body = "x".repeat(64 * 1024);
    for (let index = 0; index < count; index++) {
      await gateway.bus.publish("ws-hub:group-data:g", `${index} ${body}`);
      expect(await reader.waitForMessage()).toBe(`${index} ${body}`);
    }
    expect(await gateway.metric("belfry_slow_consumers_total", "ws-hub")).toBe(1);
    expect(gateway.admitted).toBe(1);
  }, 30_000);

  test("HUB-16 writeWait: who reads nothing of what waits for so long is dropped, who reads slowly is not", async () => {
    const writeWait = 1;
    const queue = 256 * 1024 * 1024;
    await using gateway = await HubGateway.start({
      options: { writeWait },
      // Much more than is said here: nobody is dropped for what waits.
      limits: { sendQueueBytes: queue, sendQueueMaxBytes: queue },
    });
    using stuck = await member(gateway, "stuck", "g");
    using lazy = await member(gateway, "lazy", "g");
    using idle = await member(gateway, "idle", "other");
    for (const { connection } of [stuck, lazy]) connection.pause();
    const body = "x".repeat(256 * 1024);
    const count = 60;
    for (let index = 0; index < count; index++) await gateway.bus.publish("ws-hub:group-data:g", body);
    const since = performance.now();
    while (gateway.admitted === 3 && performance.now() - since < 20_000) {
      lazy.connection.resume();
      await Bun.sleep(20);
      lazy.connection.pause();
      await Bun.sleep(200);
    }
    expect(gateway.admitted).toBe(2);
    expect(performance.now() - since).toBeGreaterThan(writeWait * 900);
    expect(await gateway.metric("belfry_disconnections_total", 'reason="slow"')).toBe(1);
    lazy.connection.resume();
    expect(await lazy.waitForMessages(count, 20_000)).toHaveLength(count);
    await gateway.bus.publish("ws-hub:group-data:other", "still there");
    expect(await idle.waitForMessage()).toBe("still there");
  }, 60_000);
});

describe("status pages", () => {
  const adminToken = "0123456789abcdef-admin";
  const pages = ["/status", "/clients", "/groups", "/sessions", "/details"];

  test("HUB-18 SEC-13 tell an admin who is there, whatever the names", async () => {
    await using gateway = await HubGateway.start({ options: { adminToken } });
    using first = await member(gateway, "__proto__", "a,constructor");
    using second = await member(gateway, "k2", "a");
    using third = await connect(gateway, "k3");
    const headers = { Authorization: `Bearer ${adminToken}` };
    const page = async (path: string): Promise<string> => {
      const answer = await rawRequest(gateway.url, { path, headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      return answer.text;
    };
    await until(async () => (await page("/sessions")).includes("k3"));
    expect(await page("/status")).toBe("3\n");
    const groupsByKey = '{"__proto__":["a","constructor"],"k2":["a"],"k3":[]}';
    expect(await page("/clients")).toBe(groupsByKey);
    expect(await page("/details")).toBe(groupsByKey);
    expect(await page("/groups")).toBe('{"a":["__proto__","k2"],"constructor":["__proto__"]}');
    expect(await page("/sessions")).toBe('["__proto__","k2","k3"]');
    const post = await rawRequest(gateway.url, { method: "POST", path: "/clients", headers });
    expect(post.status).toBe(405);
    for (const client of [first, second, third]) expect(client.connection.hasEnded).toBeFalse();
  });

  test("HUB-18 SEC-13 are not there for anybody else, and without a token for nobody; there is no pprof", async () => {
    await using gateway = await HubGateway.start({ options: { adminToken } });
    await using without = await HubGateway.start();
    const wrong = [
      "",
      `Bearer ${adminToken}x`,
      `Bearer ${adminToken.slice(1)}`,
      `Basic ${adminToken}`,
      "Bearer ",
    ];
    for (const path of [...pages, "/debug/pprof/", "/debug"]) {
      for (const authorization of wrong) {
        const headers = authorization === "" ? {} : { Authorization: authorization };
        const answer = await rawRequest(gateway.url, { path, headers });
        const sentence = pages.includes(path) ? statusSentence : "Not found";
        expect([answer.status, answer.text]).toEqual([404, `${sentence}\n`]);
      }
      const headers = { Authorization: `Bearer ${adminToken}` };
      expect((await rawRequest(without.url, { path, headers })).status).toBe(404);
    }
  });

  test("RTE-06 belong to the admin where there is one, and else to whoever takes every path", async () => {
    const anyPath: Route = { path: "", isPrefix: true, fetch: () => new Response("root", { status: 418 }) };
    await using gateway = await HubGateway.start({ options: { adminToken }, routes: [anyPath] });
    await using without = await HubGateway.start({ routes: [anyPath] });
    for (const path of pages) {
      expect((await rawRequest(gateway.url, { path })).status).toBe(404);
      expect((await rawRequest(without.url, { path })).status).toBe(418);
    }
  });
});

test("SEC-04 neither log nor metrics show a key, whatever happens to it", async () => {
  await using gateway = await HubGateway.start({ options: { announceGone: true, pongWait: 0.3 } });
  const key = "k3y-that-nobody-may-see";
  using old = await member(gateway, key, "g");
  using client = await connect(gateway, key);
  await old.waitForClose();
  client.send("x".repeat(200));
  await client.waitForClose();
  expect(await statusOf(gateway, `/ws?session_key=${key}%00`)).toBe(400);
  using silent = await connect(gateway, key);
  await silent.waitForClose();
  for (let index = 0; index < 20; index++) await statusOf(gateway, `/ws?session_key=${key}`);
  await gateway.bus.close();
  using lost = await connect(gateway, `${key}-2`);
  lost.send("said while the bus is away");
  await until(async () => (await gateway.metric("belfry_refused_total", "bus_unavailable")) >= 2);
  const told = gateway.log + gateway.metrics();
  expect(told).toContain("ws-hub");
  expect(told).toContain("key_rate");
  expect(told).not.toContain("k3y");
});
