// Limits per client address, behind a proxy and without one (SEC-15, T12): loopback is nobody's address, a trusted proxy
// says who its clients are, and whoever is not trusted can claim what he likes.

import { describe, expect, test } from "bun:test";
import { until } from "../support/until.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { RawWebSocket } from "../support/raw.ts";

const engine = "/socket.io/?EIO=4&transport=";

type Limits = NonNullable<NonNullable<Parameters<typeof startGateway>[0]>["limits"]>;

/** A gateway behind a proxy on this machine and, before that one, a proxy with a public address. */
async function start(limits: Limits, trustedProxies = ["127.0.0.1", "192.0.2.0/28"]): Promise<TestGateway> {
  return startGateway({
    listeners: [{ address: "127.0.0.1:0", trustedProxies }],
    roomSecrets: { shop: "right", bar: "right" },
    limits,
  });
}

/** What the gateway is told about who comes; undefined is nothing. */
function named(forwarded: string | undefined): Record<string, string> {
  return forwarded === undefined ? {} : { "X-Forwarded-For": forwarded };
}

/** A handshake of polling. @returns its status. */
async function poll({ url }: TestGateway, forwarded?: string): Promise<number> {
  const answer = await fetch(`${url}${engine}polling`, { headers: named(forwarded) });
  await answer.arrayBuffer();
  return answer.status;
}

/** Opens a websocket. @returns it, or the status of the refusal. */
async function open({ url }: TestGateway, forwarded?: string): Promise<RawWebSocket | number> {
  const opened = await RawWebSocket.tryOpen(url, `${engine}websocket`, named(forwarded));
  return opened instanceof RawWebSocket ? opened : opened.status;
}

async function statusesOf(
  count: number,
  ask: (index: number) => Promise<number>,
): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < count; index++) statuses.push(await ask(index));
  return statuses;
}

/** So many of one status, then so many of another. */
function first(count: number, status: number, more: number, other: number): number[] {
  return [...Array.from({ length: count }, () => status), ...Array.from({ length: more }, () => other)];
}

describe("limits per address", () => {
  test("SEC-15 loopback is exempt: a proxy that says nothing, or a backend beside us", async () => {
    await using gateway = await start({ connectionsPerAddress: 2, handshakesPerAddress: 1 }, []);
    expect(await statusesOf(30, async () => poll(gateway))).toEqual(first(30, 200, 0, 0));
    expect(await gateway.metric("belfry_connections")).toBe(30);
  });

  test("SEC-15 SEC-06 an address that the proxy names has so many connections, others have theirs", async () => {
    await using gateway = await start({ connectionsPerAddress: 2 });
    using place = await mustOpen(gateway, "203.0.113.9");
    expect(await poll(gateway, "203.0.113.9")).toBe(200);
    expect(await poll(gateway, "203.0.113.9")).toBe(403);
    expect(await open(gateway, "203.0.113.9")).toBe(403);
    using other = await mustOpen(gateway, "203.0.113.10");
    expect(await gateway.metric("belfry_refused_total", 'reason="connections_per_address"')).toBe(2);
    // Who leaves gives the place back.
    place[Symbol.dispose]();
    await until(async () => (await gateway.metric("belfry_connections")) === 2);
    expect(await poll(gateway, "203.0.113.9")).toBe(200);
    expect(await poll(gateway, "203.0.113.9")).toBe(403);
    other.send("40");
    const [opening, connected] = await other.waitForMessages(2);
    expect(String(opening)).toStartWith("0{");
    expect(String(connected)).toStartWith("40{");
  });

  test("SEC-15 SEC-06 a client of IPv6 counts by its network, IPv4 in IPv6 by itself", async () => {
    await using gateway = await start({ connectionsPerAddress: 2 });
    const one = (index: number): string => `2001:db8:1:2::${index + 1}`;
    expect(await statusesOf(4, async (index) => poll(gateway, one(index)))).toEqual(first(2, 200, 2, 403));
    expect(await poll(gateway, "2001:db8:1:3::1")).toBe(200);
    expect(await poll(gateway, "::ffff:203.0.113.9")).toBe(200);
    expect(await poll(gateway, "203.0.113.9")).toBe(200);
    expect(await poll(gateway, "::ffff:203.0.113.9")).toBe(403);
  });

  test("SEC-15 T12 new connections of an address come at a rate, those of others at theirs", async () => {
    await using gateway = await start({ handshakesPerAddress: 1 });
    // A burst of ten seconds' worth, then one each second.
    const statuses = await statusesOf(40, async () => poll(gateway, "203.0.113.9"));
    expect(statuses.slice(0, 10)).toEqual(first(10, 200, 0, 0));
    expect(statuses.filter((status) => status === 200).length).toBeLessThan(15);
    expect(await poll(gateway, "203.0.113.10")).toBe(200);
    expect(await open(gateway, "203.0.113.9")).toBe(403);
    await until(async () => (await poll(gateway, "203.0.113.9")) === 200, 5_000);
    expect(await gateway.metric("belfry_refused_total", 'reason="handshake_rate"')).toBeGreaterThan(25);
    expect(await gateway.metric("belfry_refused_total", 'reason="connections_per_address"')).toBe(0);
  });

  const spoofs: readonly (readonly [title: string, forwarded: (index: number) => string])[] = [
    ["another address before the true one", (index) => `198.51.100.${index}, 203.0.113.9`],
    ["many of them", (index) => `${"198.51.100.7, ".repeat(index * 100)}203.0.113.9`],
    ["loopback", () => "127.0.0.1, 203.0.113.9"],
    ["a trusted proxy", () => "192.0.2.3, 203.0.113.9"],
    ["nonsense", (index) => `<${index}>, unknown, , 203.0.113.9`],
    ["without spaces", (index) => `10.0.0.${index},203.0.113.9`],
    ["behind two proxies", (index) => `198.51.100.${index}, 203.0.113.9, 192.0.2.3`],
    ["in IPv6 clothes", (index) => `2001:db8:${index}::1, ::ffff:203.0.113.9`],
  ];
  test.each([...spoofs])(
    "SEC-15 T12 what a client puts in front widens nothing: %s",
    async (_title, forwarded) => {
      await using gateway = await start({ connectionsPerAddress: 3 });
      const statuses = await statusesOf(8, async (index) => poll(gateway, forwarded(index)));
      expect(statuses).toEqual(first(3, 200, 5, 403));
      expect(await poll(gateway, "203.0.113.10")).toBe(200);
      expect(await poll(gateway, "203.0.113.9")).toBe(403);
    },
  );

  test("SEC-15 a peer that is no trusted proxy names nobody: it takes no place of the one it claims to be", async () => {
    await using gateway = await start({ connectionsPerAddress: 2 }, ["192.0.2.3"]);
    expect(await statusesOf(10, async () => poll(gateway, "203.0.113.9"))).toEqual(first(10, 200, 0, 0));
    expect(await gateway.metric("belfry_refused_total")).toBe(0);
  });

  test("SEC-15 what a proxy says is counted, be it loopback, a trusted address, or everybody's", async () => {
    for (const trusted of [["127.0.0.1", "192.0.2.0/28"], ["0.0.0.0/0"], ["0.0.0.0/0", "::/0"]]) {
      await using gateway = await start({ connectionsPerAddress: 2 }, trusted);
      for (const forwarded of ["127.0.0.5", "192.0.2.3", "203.0.113.9", "unknown, 192.0.2.7", "::1"]) {
        const statuses = await statusesOf(4, async () => poll(gateway, forwarded));
        expect([trusted, forwarded, statuses]).toEqual([trusted, forwarded, first(2, 200, 2, 403)]);
      }
      // The proxy for itself, as a health check does.
      expect(await statusesOf(5, async () => poll(gateway))).toEqual(first(5, 200, 0, 0));
    }
  });

  test("SEC-15 a proxy of another listener is a client like any other", async () => {
    await using gateway = await startGateway({
      listeners: [
        { address: "127.0.0.1:0", trustedProxies: ["127.0.0.1"] },
        { address: "127.0.0.1:0", trustedProxies: ["198.51.100.0/24"] },
      ],
      limits: { connectionsPerAddress: 2 },
    });
    expect(await statusesOf(4, async () => poll(gateway, "198.51.100.7"))).toEqual(first(2, 200, 2, 403));
  });

  test("SEC-15 WSE-08 T13 a guesser of secrets locks out itself, on all its connections, and nobody else", async () => {
    await using gateway = await start({ failedJoinsPerMinute: 3 });
    const join = async (socket: RawWebSocket, room: string, secret: string): Promise<void> => {
      socket.send(`427["join",{"room":"${room}","secret":"${secret}"}]`);
      expect(await socket.waitForMessage()).toBe("437[]");
    };
    const connect = async (address: string): Promise<RawWebSocket> => {
      const socket = await mustOpen(gateway, address);
      socket.send("40");
      await socket.waitForMessages(2);
      return socket;
    };
    using guesser = await connect("203.0.113.9");
    using neighbour = await connect("203.0.113.10");
    for (let guess = 0; guess < 5; guess++) await join(guesser, "shop::a", `guess ${guess}`);
    expect(await gateway.metric("belfry_refused_total", 'reason="join_secret_wrong"')).toBe(3);
    expect(await gateway.metric("belfry_refused_total", 'reason="join_rate_limited"')).toBe(2);
    // Another connection of the same address, and what it says of itself, change nothing; another room-space is another.
    using again = await connect("198.51.100.4, 203.0.113.9");
    await join(again, "shop::a", "right");
    expect(await gateway.metric("belfry_rooms")).toBe(0);
    await join(again, "bar::a", "right");
    expect(await gateway.metric("belfry_rooms")).toBe(1);
    await join(neighbour, "shop::a", "right");
    expect(await gateway.metric("belfry_rooms")).toBe(2);
  });

  test("WSE-08 SEC-10 T13 a client that leaves its namespace and comes anew has no new guesses", async () => {
    await using gateway = await start({}, []);
    using socket = await mustOpen(gateway, "");
    const guess = '["join",{"room":"shop::a","secret":"wrong"}]';
    await socket.waitForMessage();
    // In four namespaces at once, over and over.
    const namespaces = ["", "/a,", "/b,", "/c,"];
    for (let round = 0; round < 50; round++) {
      for (const name of namespaces) socket.send(`40${name}`);
      await socket.waitForMessages(4);
      for (const name of namespaces) for (let sent = 0; sent < 5; sent++) socket.send(`42${name}7${guess}`);
      await socket.waitForMessages(20);
      for (const name of namespaces) socket.send(`41${name}`);
    }
    expect(await gateway.metric("belfry_refused_total", 'reason="join_secret_wrong"')).toBe(5);
    expect(await gateway.metric("belfry_refused_total", 'reason="join_rate_limited"')).toBe(995);
  }, 30_000);

  /** Shows a wrong or a right secret at each door that has one; what each says. */
  async function knock({ url }: TestGateway, secret: string, forwarded?: string): Promise<readonly number[]> {
    const bearer = { Authorization: `Bearer ${secret}`, ...named(forwarded) };
    const body = JSON.stringify({ event: "update", secret });
    const answers = [
      await fetch(`${url}/emit`, { method: "POST", body, headers: named(forwarded) }),
      await fetch(`${url}/publish`, { method: "POST", body: "{}", headers: bearer }),
      await fetch(`${url}/status`, { headers: bearer }),
    ];
    for (const answer of answers) await answer.arrayBuffer();
    return answers.map(({ status }) => status);
  }

  const token = "a token of sixteen and more";
  async function startDoors(wrongSecretsPerMinute: number): Promise<TestGateway> {
    const dialects = ["socketio" as const, "ws-hub" as const, "websocket-channels" as const];
    return startGateway({
      listeners: [{ address: "127.0.0.1:0", trustedProxies: ["127.0.0.1"], dialects }],
      secret: token,
      "ws-hub": { adminToken: token },
      limits: { wrongSecretsPerMinute },
    });
  }

  test("SEC-11 SEC-13 HUB-18 T13 wrong publish secrets and admin tokens are limited per address, at all doors together", async () => {
    await using gateway = await startDoors(6);
    expect(await knock(gateway, "wrong", "203.0.113.9")).toEqual([403, 401, 404]);
    expect(await knock(gateway, "wrong", "203.0.113.9")).toEqual([403, 401, 404]);
    for (const secret of ["wrong", token]) {
      // What is an admin's is not there for a guesser, limited or not.
      expect(await knock(gateway, secret, "203.0.113.9")).toEqual([429, 429, 404]);
    }
    expect(await knock(gateway, token, "203.0.113.10")).toEqual([200, 200, 200]);
    expect(await gateway.metric("belfry_refused_total", 'reason="secret_limited"')).toBe(6);
  });

  test("SEC-15 SEC-11 on loopback nobody is locked out, and a guesser gets one answer a second", async () => {
    await using gateway = await startDoors(1);
    expect(await knock(gateway, "wrong")).toEqual([403, 401, 404]);
    const started = performance.now();
    expect(await knock(gateway, "wrong")).toEqual([403, 401, 404]);
    expect(performance.now() - started).toBeGreaterThan(2_900);
    const before = performance.now();
    expect(await knock(gateway, token)).toEqual([200, 200, 200]);
    expect(performance.now() - before).toBeLessThan(900);
  }, 30_000);

  test("T12 SEC-06 a flood from one address costs little and disturbs nobody", async () => {
    await using gateway = await start({ handshakesPerAddress: 5, connectionsPerAddress: 20 });
    using control = await mustOpen(gateway, "203.0.113.10");
    control.send("40");
    await control.waitForMessages(2);
    let admitted = 0;
    const flood = Array.from({ length: 10 }, async () => {
      for (let count = 0; count < 300; count++) if ((await poll(gateway, "203.0.113.66")) === 200) admitted++;
    });
    const rounds: number[] = [];
    const measure = (async () => {
      for (let round = 0; round < 50; round++) {
        const start = performance.now();
        control.send(`42${round}["leave",{"room":"r"}]`);
        expect(await control.waitForMessage()).toBe(`43${round}[]`);
        rounds.push(performance.now() - start);
      }
    })();
    await Promise.all([...flood, measure]);
    expect(admitted).toBe(20);
    expect(await gateway.metric("belfry_connections")).toBe(21);
    expect(await gateway.metric("belfry_refused_total")).toBe(2_980);
    expect(Math.max(...rounds)).toBeLessThan(2_000);
  }, 30_000);
});

async function mustOpen(gateway: TestGateway, forwarded: string): Promise<RawWebSocket> {
  const opened = await open(gateway, forwarded);
  if (opened instanceof RawWebSocket) return opened;
  throw new Error(`Expected a websocket for ${forwarded}, got ${opened}`);
}
