// What the gateway says about itself to those who run it: health, metrics and logs. After a known sequence of events every
// number is exactly what it must be, nothing tells who was there, and docs/operations.md says what the code does.

import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { encode } from "@msgpack/msgpack";
import { createClient } from "redis";
import { withTables } from "../../scripts/operations.ts";
import { logEvents } from "../../src/vocabulary/log-events.ts";
import { Counters } from "../../src/observe/counters.ts";
import { LoopLag } from "../../src/observe/loop-lag.ts";
import { processMetrics } from "../../src/observe/process-metrics.ts";
import { postEmit } from "../support/emit.ts";
import { until } from "../support/until.ts";
import { Member } from "../support/crowd.ts";
import { startGateway } from "../support/gateway.ts";
import { Metrics } from "../support/metrics.ts";
import { RawConnection, RawWebSocket, handshakeHeaders, rawRequest } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";

const root = join(import.meta.dir, "../..");

/** All metrics but the gauges of the gateway, which have no labels. */
const definitions = [
  ...new Counters().metrics(),
  ...processMetrics({ version: "", lag: new LoopLag(() => 0), droppedLines: () => 0 }),
];
const secret = "publish-secret-of-the-test";

describe("/-/", () => {
  test("RTE-10 health and metrics, by GET and HEAD alone", async () => {
    await using gateway = await startGateway({ secret });
    const types = {
      "/-/health/live": "application/json",
      "/-/health/ready": "application/json",
      "/-/metrics": "text/plain; version=0.0.4; charset=utf-8",
    };
    for (const [path, type] of Object.entries(types)) {
      const { status, headers, text } = await rawRequest(gateway.url, { path });
      expect([path, status, headers.get("content-type")]).toEqual([path, 200, type]);
      expect([headers.get("x-content-type-options"), headers.get("cache-control")]).toEqual([
        "nosniff",
        "no-store",
      ]);
      const head = await fetch(gateway.url + path, { method: "HEAD" });
      expect([head.status, await head.text()]).toEqual([200, ""]);
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
        const answer = await fetch(gateway.url + path, { method });
        expect([method, answer.status, answer.headers.get("allow")]).toEqual([method, 405, "GET, HEAD"]);
      }
      if (path === "/-/health/live") expect(text).toBe('{"live":true}');
      if (path === "/-/health/ready") expect(text).toBe('{"ready":true,"reasons":[]}');
    }
  });

  const unknown =
    "/- /-/ /-/health /-/health/ /-/health/live/ /-/metrics/ /-/metrics/x /-/METRICS /-/%6detrics%2f " +
    "/-/rooms /-/clients /-/connections /-/debug /-/config /metrics /health /status /clients /groups /sessions " +
    "/details /debug /debug/pprof/ / /admin /socket.io.js";
  test("RTE-10 SEC-13 SEC-05 every other path is unknown, lists nobody and repeats nothing", async () => {
    await using gateway = await startGateway({ secret });
    using member = await Member.connect(gateway.url, "4 websocket");
    await member.join("a-room-to-list");
    for (const path of unknown.split(" ")) {
      const { status, headers, text } = await rawRequest(gateway.url, { path: `${path}?canary` });
      expect([path, status]).toEqual([path, 404]);
      expect(headers.get("content-type")).toStartWith("text/plain");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(text).toMatch(
        /^Not found(\. (This listener speaks socketio, native; there are no pages here\. )?Health is at \/-\/health\/ready, metrics at \/-\/metrics)?\n$/,
      );
    }
  });
});

type Publish = (channel: string, payload: string | Uint8Array) => Promise<void>;

async function status(request: Promise<Response>): Promise<number> {
  const answer = await request;
  await answer.arrayBuffer();
  return answer.status;
}

async function say(url: string, fields: Readonly<Record<string, unknown>>): Promise<number> {
  return (await postEmit(url, { secret, ...fields })).status;
}

function queued(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ method: "emit", namespace: "/", host_id: "backend", ...fields });
}

/** Requests that are refused before any dialect sees them, and by the Engine.IO endpoint. */
async function provokeHttp(url: string): Promise<void> {
  const engine = "/socket.io/?EIO=4&transport=";
  expect(await status(fetch(`${url}/nowhere`))).toBe(404);
  expect(await status(fetch(`${url}/elsewhere`))).toBe(404);
  using twoHosts = await RawConnection.open(url);
  twoHosts.write("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  expect((await twoHosts.response()).status).toBe(400);
  const upgrade = async (path: string, headers: Readonly<Record<string, string>>): Promise<number> =>
    (await rawRequest(url, { path, headers: { ...handshakeHeaders(), ...headers } })).status;
  expect(await upgrade(`${engine}websocket`, { "Sec-WebSocket-Version": "8" })).toBe(426);
  expect(await upgrade("/nowhere", {})).toBe(404);
  expect(await status(fetch(`${url}${engine}flash`))).toBe(400);
  expect(await status(fetch(`${url}${engine}polling&sid=unknown-session`))).toBe(400);
  expect(await status(fetch(`${url}/socket.io/?EIO=7&transport=polling`))).toBe(400);
  expect(await status(fetch(`${url}${engine}polling`, { method: "POST" }))).toBe(400);
  expect(
    await status(fetch(`${url}${engine}polling`, { headers: { Origin: "http://elsewhere.example" } })),
  ).toBe(400);
}

async function provokeEmit(url: string): Promise<void> {
  expect(await say(url, { event: "e", secret: "wrong-publish-secret" })).toBe(403);
  expect(await say(url, {})).toBe(400);
  expect(await say(url, { event: "connect" })).toBe(400);
  expect(await say(url, { event: "e", data: "x".repeat(1_048_576) })).toBe(413);
  expect(await status(fetch(`${url}/emit`))).toBe(405);
  const packed = { method: "POST", body: "x", headers: { "Content-Encoding": "gzip" } };
  expect(await status(fetch(`${url}/emit`, packed))).toBe(415);
}

const pickledCode = Buffer.from("gASVFAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOULg==", "base64");

/** Messages of the bus that nobody can read. */
async function provokeBus(publishJunk: Publish): Promise<void> {
  await publishJunk("flask-socketio", "");
  await publishJunk("socketio", "junk");
  await publishJunk("flask-socketio", '{"method"');
  await publishJunk("flask-socketio", pickledCode);
  await publishJunk("flask-socketio", queued({ event: "disconnect" }));
  await publishJunk("flask-socketio", queued({ event: 1 }));
  await publishJunk("socket.io#/#", Uint8Array.of(0x93, 0xa1));
  await publishJunk("socket.io#/#", encode("text"));
  await publishJunk("socket.io-request#/#", '{"type":2}');
  await publishJunk("socket.io#/#room#", new Uint8Array(8 * 1024 * 1024 + 1));
}

describe("after a known sequence of events", () => {
  test("SEC-13 RTE-10 every number is exact, and every line of the log a record that tells on nobody", async () => {
    await using redis = await startRedis();
    await using gateway = await startGateway({
      redis: redis.url,
      secret,
      roomSecrets: { "secret-space": "secret-of-the-space" },
      limits: { roomsPerConnection: 3 },
    });
    const { url } = gateway;
    const client = await createClient({ url: redis.url }).connect();
    const ours = await createClient({ url: redis.url }).connect();
    const understood = { count: 0, bytes: 0 };
    // What `POST /emit` makes of a body is on the channel for all to see.
    await ours.subscribe("flask-socketio", (text) => {
      if (!text.includes('"binary":false')) return;
      understood.count++;
      understood.bytes += Buffer.byteLength(text);
    });
    const publishJunk: Publish = async (channel, payload) => {
      await client.publish(channel, Buffer.from(payload));
    };
    /** A message that is understood. */
    const publish: Publish = async (channel, payload) => {
      understood.count++;
      understood.bytes += Buffer.byteLength(payload);
      await publishJunk(channel, payload);
    };

    using websocket = await Member.connect(url, "4 websocket", { events: ["bell-event"] });
    using polling = await Member.connect(url, "4 polling", { events: ["bell-event"] });
    using upgraded = await Member.connect(url, "4 upgrade", { events: ["bell-event"] });
    using old = await Member.connect(url, "2 websocket", { events: ["bell-event"] });
    using oldPolling = await Member.connect(url, "2 polling", { events: ["bell-event"] });
    using chatting = await Member.connect(url, "4 websocket", { events: ["bell-event"], namespace: "/chat" });
    const members = [websocket, polling, upgraded, old, oldPolling, chatting];
    await until(async () => (await gateway.metric("belfry_upgrades_total")) === 1);
    const passing = await Member.connect(url, "4 websocket");
    passing.socket.disconnect();
    using garbled = await RawWebSocket.open(url, "/socket.io/?EIO=4&transport=websocket");
    garbled.send("garbage");
    await garbled.waitForClose();
    await until(async () => (await gateway.metric("belfry_disconnections_total")) === 2);

    // Rooms: three with members, and refusals.
    for (const member of [websocket, polling, upgraded]) await member.join("bell-room");
    for (const member of [websocket, old]) await member.join("other-room");
    await chatting.join("bell-room");
    await websocket.join("secret-space::room", { secret: "secret-of-the-space" });
    await websocket.join("one-room-too-many");
    await polling.join("secret-space::room", { secret: "wrong-room-secret" });
    await polling.join("secret-space::room");
    await polling.join(websocket.id);
    await polling.join("n".repeat(300));
    polling.socket.emit("leave", { room: "never-joined" });

    // Messages, and how many hear them.
    const frames: (readonly [receivers: number, frame: string])[] = [];
    const ring = async (receivers: number, frame: string, send: () => Promise<unknown>): Promise<void> => {
      frames.push([receivers, frame]);
      await send();
    };
    const text = { text: "payload-canary" };
    const data = JSON.stringify(text);
    const frame = `42["bell-event",${data}]`;
    const one = queued({ event: "bell-event", data: text, room: "bell-room" });
    await ring(3, frame, async () => publish("flask-socketio", one));
    await ring(3, frame, async () =>
      publish("socketio", queued({ event: "bell-event", data: text, room: "bell-room" })),
    );
    const everyone = encode([
      "emitter",
      { type: 2, data: ["bell-event", text], nsp: "/" },
      { rooms: [], except: [], flags: {} },
    ]);
    await ring(5, frame, async () => publish("socket.io#/#", everyone));
    await ring(1, `42/chat,["bell-event",${data}]`, async () =>
      say(url, { event: "bell-event", data: text, namespace: "/chat", room: "bell-room" }),
    );
    await ring(1, frame, async () => say(url, { event: "bell-event", data: text, room: old.id }));
    await publish("flask-socketio", queued({ event: "bell-event", room: "nobody-is-here" }));
    await publish(
      "flask-socketio",
      JSON.stringify({ method: "leave_room", sid: old.id, room: "other-room", namespace: "/" }),
    );
    await provokeHttp(url);
    await provokeEmit(url);
    await provokeBus(publishJunk);
    // Well formed and not for us: no number moves.
    await client.publish("flask-socketio", '{"method":"callback","host_id":"x","args":[]}');
    await client.publish("flask-socketio", '{"method":"of a later version"}');
    await client.publish("socket.io-request#/#", '{"type":0,"requestId":"r"}');
    const last = queued({ event: "bell-event", data: "last" });
    await ring(5, '42["bell-event","last"]', async () => publish("flask-socketio", last));
    await until(() =>
      members.every(({ firsts, socket }) => firsts.at(-1) === "last" || socket === chatting.socket),
    );
    await until(() => understood.count === 8);

    const scraped = await (await fetch(`${url}/-/metrics`)).text();
    const metrics = new Metrics(scraped);
    const own = (name: string): boolean => !/_process_|_lag_|_build_info$|_tape_bytes$/.test(name);
    const delivered = frames.reduce((sum, [receivers]) => sum + receivers, 0);
    const deliveredBytes = frames.reduce((sum, [receivers, { length }]) => sum + receivers * length, 0);
    expect(metrics.values(own)).toEqual({
      ...labelled("belfry_connections", "transport", { polling: 2, websocket: 4 }),
      ...labelled("belfry_connections_total", "transport", { polling: 3, websocket: 5 }),
      'belfry_upgrades_total{dialect="socketio"}': 1,
      ...labelled("belfry_disconnections_total", "reason", { client: 1, protocol_error: 1 }),
      belfry_rooms: 4,
      belfry_bus_ready: 1,
      'belfry_messages_received_total{dialect="socketio"}': understood.count,
      'belfry_messages_received_bytes_total{dialect="socketio"}': understood.bytes,
      'belfry_messages_delivered_total{dialect="socketio"}': delivered,
      'belfry_messages_delivered_bytes_total{dialect="socketio"}': deliveredBytes,
      'belfry_messages_unheard_total{dialect="socketio"}': 1,
      ...labelled("belfry_refused_total", "reason", { http_400: 1, http_404: 3, http_426: 1 }, "http"),
      ...labelled("belfry_refused_total", "reason", {
        transport_unknown: 1,
        session_unknown: 1,
        version_unsupported: 1,
        handshake_method: 1,
        origin_refused: 1,
        secret_wrong: 1,
        body_invalid: 1,
        event_reserved: 1,
        body_too_large: 1,
        method_not_allowed: 1,
        content_encoding: 1,
        too_many_rooms: 1,
        join_secret_wrong: 2,
        room_of_another: 1,
        room_name_too_long: 1,
      }),
      ...labelled("belfry_skipped_total", "reason", {
        unknown_encoding: 2,
        not_json: 1,
        pickle_global: 1,
        event_reserved: 1,
        event_invalid: 1,
        msgpack_truncated: 1,
        node_shape: 1,
        node_request: 1,
      }),
      'belfry_skipped_total{dialect="bus",reason="too_large"}': 1,
    });
    for (const { kind, samples } of metrics.families.values()) {
      for (const [series, value] of samples)
        if (kind === "counter") expect([series, value >= 0]).toEqual([series, true]);
    }

    const records = readLog(gateway.log);
    const count = (event: string): number => records.filter((record) => record.event === event).length;
    expect(count("connected")).toBe(metrics.sum("belfry_connections_total"));
    expect(count("disconnected")).toBe(metrics.sum("belfry_disconnections_total"));
    expect(count("upgraded")).toBe(metrics.sum("belfry_upgrades_total"));
    expect(count("refused")).toBe(metrics.sum("belfry_refused_total"));
    expect(count("skipped")).toBe(metrics.sum("belfry_skipped_total"));
    for (const { event } of records) expect(Object.keys(logEvents)).toContain(event);

    // Numbers and reasons alone: nobody's name, address or words.
    const names = [
      "bell-room",
      "other-room",
      "secret-space",
      "never-joined",
      "nobody-is-here",
      "one-room",
      "chat",
    ];
    const words = ["bell-event", "payload-canary", "unknown-session", "elsewhere", "garbage", "nnnnnnnnnn"];
    const secrets = [secret, "secret-of-the-space", "wrong-room-secret", "wrong-publish-secret"];
    for (const hidden of [
      ...names,
      ...words,
      ...secrets,
      ...members.map(({ id }) => id),
      "127.0.0.1",
      "::1",
    ]) {
      expect(scraped).not.toContain(hidden);
      // The one line that says what a page sent: its Origin, which somebody has to list.
      const lines = gateway.log.split("\n").filter((line) => !line.includes('"event":"origin_refused"'));
      expect(lines.join("\n")).not.toContain(hidden);
    }
    await ours.close();
    await client.close();
  }, 30_000);

  test("EIO-11 EIO-14 EIO-22 SIO-06 SIO-12 SEC-14 whoever goes is counted by the reason, on either transport", async () => {
    await using redis = await startRedis();
    await using gateway = await startGateway({
      redis: redis.url,
      socketio: { pingInterval: 1.5, pingTimeout: 1, connectTimeout: 1, maxPayload: 1_000 },
    });
    const { url } = gateway;
    const engine = "/socket.io/?EIO=4&transport=";
    const open = async (...messages: readonly string[]): Promise<RawWebSocket> => {
      const socket = await RawWebSocket.open(url, `${engine}websocket`);
      for (const message of messages) socket.send(message);
      return socket;
    };
    const poll = async (...bodies: readonly string[]): Promise<void> => {
      const handshake = await (await fetch(`${url}${engine}polling`)).text();
      const { sid } = JSON.parse(handshake.slice(1)) as { sid: string };
      const session = `${url}${engine}polling&sid=${sid}`;
      for (const body of bodies) await status(fetch(session, { method: "POST", body }));
    };
    const expected: Record<string, number> = {};
    const expectGone = async (reason: string): Promise<void> => {
      expected[reason] = (expected[reason] ?? 0) + 2;
      await until(async () => (await gateway.metric("belfry_connections")) === 0);
      const gone = (await Metrics.of(url)).values((name) => name === "belfry_disconnections_total");
      expect(gone).toEqual(labelled("belfry_disconnections_total", "reason", expected));
    };
    using _garbled = await open("40", "4garbage");
    await poll("40", "4garbage");
    await expectGone("protocol_error");
    using _large = await open("40", `42["${"x".repeat(1_000)}"]`);
    await poll("40", `42["${"x".repeat(1_000)}"]`);
    await expectGone("too_large");
    using _leaving = await open("40", "1");
    await poll("40", "1");
    await expectGone("client");
    using _idle = await open();
    await poll();
    await expectGone("connect_timeout");
    using _silent = await open("40");
    await poll("40");
    await expectGone("ping_timeout");
    using _unwanted = await open("40", '42["join",{"room":"r"}]');
    await poll("40", '42["join",{"room":"r"}]');
    await until(async () => (await gateway.metric("belfry_rooms")) === 1);
    await redis.command(
      "PUBLISH",
      "socket.io-request#/#",
      '{"type":4,"opts":{"rooms":["r"],"except":[]},"close":true}',
    );
    await expectGone("server");
    using _last = await open("40");
    await poll("40");
    await gateway.gateway.stop(500);
    expect(await gateway.metric("belfry_disconnections_total", 'reason="shutdown"')).toBe(2);
    expect(await gateway.metric("belfry_connections")).toBe(0);
  }, 30_000);

  test("SEC-06 RTE-10 a slow consumer is counted once, by its reason, and only it", async () => {
    await using gateway = await startGateway({ secret, limits: { sendQueueBytes: 65_536 } });
    using reader = await Member.connect(gateway.url, "4 websocket");
    await reader.join("r");
    using slow = await RawWebSocket.open(gateway.url, "/socket.io/?EIO=4&transport=websocket");
    slow.send("40");
    slow.send('42["join",{"room":"r"}]');
    await slow.waitForMessages(2);
    slow.connection.pause();
    let sent = 0;
    const data = "x".repeat(900_000);
    while ((await gateway.metric("belfry_slow_consumers_total")) === 0) {
      expect(sent++).toBeLessThan(100);
      expect(await say(gateway.url, { event: "tick", room: "r", data })).toBe(200);
    }
    await until(() => reader.heard.length === sent);
    expect(reader.troubles).toEqual([]);
    const metrics = await Metrics.of(gateway.url);
    expect(metrics.values((name) => /connections|slow/.test(name))).toEqual({
      'belfry_connections{dialect="socketio",transport="websocket"}': 1,
      'belfry_connections_total{dialect="socketio",transport="websocket"}': 2,
      'belfry_disconnections_total{dialect="socketio",reason="slow"}': 1,
      'belfry_slow_consumers_total{dialect="socketio"}': 1,
    });
  }, 30_000);

  test("SEC-13 a scrape in the middle of everything is whole and changes nothing", async () => {
    await using gateway = await startGateway({ secret });
    using member = await Member.connect(gateway.url, "4 polling");
    const scrapes = Array.from({ length: 20 }, async () => Metrics.of(gateway.url));
    const emits = Array.from({ length: 20 }, async () => say(gateway.url, { event: "tick" }));
    const [all] = await Promise.all([Promise.all(scrapes), Promise.all(emits)]);
    for (const { families } of all)
      expect([...families.keys()]).toEqual([...(all[0]?.families.keys() ?? [])]);
    await until(() => member.heard.length === 20);
    expect(await gateway.metric("belfry_messages_delivered_total")).toBe(20);
  });
});

function labelled(
  name: string,
  label: string,
  values: Readonly<Record<string, number>>,
  dialect = "socketio",
): Readonly<Record<string, number>> {
  const series = Object.entries(values).map(([value, count]) => [
    `${name}{dialect="${dialect}",${label}="${value}"}`,
    count,
  ]);
  return Object.fromEntries(series) as Record<string, number>;
}

interface LogRecord {
  readonly event: string;
  readonly level: string;
}

/** Every line is one JSON object with level, time and event; anything else fails. */
function readLog(log: string): readonly LogRecord[] {
  expect(log).toEndWith("\n");
  const levels = ["debug", "info", "warn", "error"];
  return log
    .slice(0, -1)
    .split("\n")
    .map((line) => {
      const record = JSON.parse(line) as LogRecord & { readonly time: string };
      expect(levels).toContain(record.level);
      expect(new Date(record.time).toISOString()).toBe(record.time);
      expect(record.event).toMatch(/^[a-z_]+$/);
      return record;
    });
}

/** The rows of the table below a heading of docs/operations.md that begin with code, cell by cell. */
async function tableOf(heading: string): Promise<readonly (readonly string[])[]> {
  const text = await readFile(join(root, "docs/operations.md"), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

describe("docs/operations.md", () => {
  test("RTE-10 its metrics are those of the code, in kind, labels and words", async () => {
    await using gateway = await startGateway();
    const { families } = await Metrics.of(gateway.url);
    const rows = (await tableOf("Metrics")).map(([name = "", kind = "", labels = "", meaning = ""]) => ({
      name: name.replaceAll("`", ""),
      kind,
      labels,
      meaning,
    }));
    expect(rows.map(({ name }) => name).sort()).toEqual([...families.keys()].sort());
    const declared = new Map(definitions.map(({ name, labels }) => [name as string, labels.join(", ")]));
    for (const { name, kind, labels, meaning } of rows) {
      expect([name, families.get(name)?.kind, families.get(name)?.help]).toEqual([name, kind, meaning]);
      expect([name, declared.get(name) ?? ""]).toEqual([name, labels]);
    }
  });

  test("every log event is a sentence on a terminal: its own text, or one of the table", () => {
    for (const [event, { fields, ...entry }] of Object.entries(logEvents)) {
      expect([event, fields.split(", ").includes("text") !== "sentence" in entry]).toEqual([event, true]);
    }
  });

  test("RTE-10 SEC-06 its log events and reasons are those of the code", async () => {
    const text = await readFile(join(root, "docs/operations.md"), "utf8");
    expect(text).toBe(withTables(text));
  });

  test("RTE-10 the files that it names are there", async () => {
    const text = await readFile(join(root, "docs/operations.md"), "utf8");
    const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      const found = await Array.fromAsync(new Bun.Glob("**").scan({ cwd: join(root, "docs", link, "..") }));
      expect([link, found.length > 0]).toEqual([link, true]);
    }
  });
});
