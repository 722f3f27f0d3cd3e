// The Engine.IO layer (compat section 1), byte by byte over raw connections, in both versions. What the official
// engine.io-protocol suite checks is in here too, with its own heartbeat of 300 and 200 ms.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { gunzipSync, inflateSync } from "node:zlib";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { PollingClient } from "../support/polling-client.ts";
import { RawConnection, RawWebSocket, handshakeHeaders, rawRequest, requestBytes } from "../support/raw.ts";
import type { RawMessage, RawResponse } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const pingIntervalMs = 300;
const pingTimeoutMs = 200;

let redis: RedisServer;
/** Default options, every origin, Redis. */
let plain: TestGateway;
/** The short heartbeat of the official suite. */
let fast: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  plain = await startGateway({ redis: redis.url, listeners: [{ address: "127.0.0.1:0", origins: "*" }] });
  fast = await startGateway({
    socketio: { pingInterval: pingIntervalMs / 1000, pingTimeout: pingTimeoutMs / 1000, upgradeTimeout: 0.4 },
  });
});

afterAll(async () => {
  await plain[Symbol.asyncDispose]();
  await fast[Symbol.asyncDispose]();
  await redis.stop();
});

/** Packets of version 3 in text form. */
const v3Binary = (...packets: readonly string[]): Buffer =>
  Buffer.concat(
    packets.flatMap((packet) => [
      Buffer.of(0, ...String(Buffer.byteLength(packet)).split("").map(Number), 255),
      Buffer.from(packet),
    ]),
  );
const v3 = (...packets: readonly string[]): string =>
  packets.map((packet) => `${packet.length}:${packet}`).join("");
const polling4 = "/socket.io/?EIO=4&transport=polling";
const websocket4 = "/socket.io/?EIO=4&transport=websocket";
const websocket3 = "/socket.io/?EIO=3&transport=websocket";
const sidText = "[A-Za-z0-9_-]{20}";

const refusal = (code: number, message: string): string => JSON.stringify({ code, message });
const transportUnknown = refusal(0, "Transport unknown");
const sessionUnknown = refusal(1, "Session ID unknown");
const badMethod = refusal(2, "Bad handshake method");
const badRequest = refusal(3, "Bad request");
const badVersion = refusal(5, "Unsupported protocol version");

const expectRefusal = (response: RawResponse, body: string, status = 400): void => {
  expect([response.status, response.text]).toEqual([status, body]);
  expect(response.headers.get("content-type")).toStartWith("application/json");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
};

/** A websocket that is connected to `/`; its greetings are read. */
const connected = async (gateway: TestGateway, path = websocket4): Promise<RawWebSocket> => {
  const socket = await RawWebSocket.open(gateway.url, path);
  await socket.waitForMessage();
  if (path.includes("EIO=4")) socket.send("40");
  await socket.waitForMessage();
  return socket;
};

/** Emits through Redis to everyone in `/`, and waits until it was delivered: what is queued then stays queued. */
const emit = async (event: string, data: unknown, more: object = {}): Promise<void> => {
  using witness = await connected(plain);
  const message = {
    method: "emit",
    event,
    data,
    namespace: "/",
    room: null,
    skip_sid: null,
    host_id: "h",
    ...more,
  };
  await redis.command("PUBLISH", "flask-socketio", JSON.stringify(message));
  await witness.waitForMessage();
};

/** `["b", <01 02>, "é€"]`, as python-socketio 5.15 puts it on the queue. */
const emitBinary = async (): Promise<void> =>
  emit("b", [[{ _placeholder: true, num: 0 }, "é€"], "AQI="], { binary: true });
const binaryText = '451-["b",{"_placeholder":true,"num":0},"é€"]';
/** As version 3 gets it: JSON in ASCII. */
const asciiText = '451-["b",{"_placeholder":true,"num":0},"\\u00e9\\u20ac"]';

/** A gateway of its own for one test. */
const gatewayWith = async (
  socketio: NonNullable<Parameters<typeof startGateway>[0]>["socketio"],
): Promise<TestGateway> => startGateway({ socketio });

describe("handshake", () => {
  test("EIO-01 the endpoint is below /socket.io, with and without the slash", async () => {
    for (const path of ["/socket.io/", "/socket.io", "/socket.io/anything/below"]) {
      expect((await rawRequest(plain.url, { path: `${path}?EIO=4&transport=polling` })).status).toBe(200);
      using socket = await RawWebSocket.open(plain.url, `${path}?EIO=4&transport=websocket`);
      expect(await socket.waitForMessage()).toStartWith("0{");
    }
    for (const path of ["/socket.io/socket.io.js.map", "/socket.io/socket.io.mjs", "/socket.io/"]) {
      expectRefusal(await rawRequest(plain.url, { path }), transportUnknown);
    }
    for (const path of ["/socket.iox/", "/Socket.io/", "/engine.io/"]) {
      expect((await rawRequest(plain.url, { path: `${path}?EIO=4&transport=polling` })).status).toBe(404);
    }
  });

  test.each(["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"])(
    "EIO-01 /socket.io/%s is the official client, for pages of every origin, and cached",
    async (name) => {
      const file = Bun.file(join(import.meta.dir, "../../node_modules/socket.io-client/dist", name));
      const text = await file.text();
      const headers = { Origin: "https://elsewhere.example", "Accept-Encoding": "identity" };
      const get = async (more = {}, method = "GET", query = ""): Promise<RawResponse> =>
        rawRequest(plain.url, {
          method,
          path: `/socket.io/${name}${query}`,
          headers: { ...headers, ...more },
        });
      const answer = await get({}, "GET", "?v=1");
      expect([answer.status, answer.text]).toEqual([200, text]);
      expect(answer.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
      expect(answer.headers.get("cache-control")).toBe("public, max-age=3600");
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      const etag = answer.headers.get("etag") ?? "";
      expect(etag).toMatch(/^W\/".+"$/);
      const known = await get({ "If-None-Match": `"x", ${etag}` });
      expect([known.status, known.text, known.headers.get("etag")]).toEqual([304, "", etag]);
      const head = await fetch(`${plain.url}/socket.io/${name}`, { method: "HEAD", headers });
      expect([head.status, head.headers.get("content-length")]).toEqual([200, String(file.size)]);
      expect((await get({}, "POST")).status).toBe(405);
      // As browsers ask: packed.
      const packed = await fetch(`${plain.url}/socket.io/${name}`);
      expect([packed.headers.get("content-encoding"), await packed.text()]).toEqual(["gzip", text]);
    },
  );

  test("EIO-01 it can be switched off, and is below the configured prefix", async () => {
    await using off = await gatewayWith({ serveClient: false });
    expectRefusal(await rawRequest(off.url, { path: "/socket.io/socket.io.js" }), transportUnknown);
    await using moved = await gatewayWith({ path: "/live/io/" });
    expect((await fetch(`${moved.url}/live/io/socket.io.js`)).status).toBe(200);
    expect((await fetch(`${moved.url}/socket.io/socket.io.js`)).status).toBe(404);
  });

  test("EIO-01 the prefix can be configured", async () => {
    await using gateway = await gatewayWith({ path: "/live/io/" });
    for (const path of ["/live/io/", "/live/io"]) {
      expect((await rawRequest(gateway.url, { path: `${path}?EIO=4&transport=polling` })).status).toBe(200);
    }
    expect((await rawRequest(gateway.url, { path: polling4 })).status).toBe(404);
  });

  test("EIO-02 EIO-15 a transport that is missing or unknown is refused", async () => {
    for (const transport of [
      "",
      "&transport=",
      "&transport=abc",
      "&transport=POLLING",
      "&transport=constructor",
      "&transport=webtransport",
    ]) {
      expectRefusal(await rawRequest(plain.url, { path: `/socket.io/?EIO=4${transport}` }), transportUnknown);
      const refused = await RawWebSocket.tryOpen(plain.url, `/socket.io/?EIO=4${transport}`);
      expect(refused instanceof RawWebSocket ? 101 : refused.status).toBe(400);
    }
  });

  test("EIO-02 other parameters are application data, and ignored", async () => {
    const path = `${polling4}&t=abc123&token=x&b64=0&EIO=3&room=%00`;
    expect((await rawRequest(plain.url, { path })).text).toStartWith("0{");
  });

  test("EIO-03 4, 3 and 2 are served at once; anything else is refused", async () => {
    const open = async (eio: string): Promise<RawResponse> =>
      rawRequest(plain.url, { path: `/socket.io/?${eio}&transport=polling` });
    expect((await open("EIO=4")).text).toStartWith("0{");
    expect((await open("EIO=3&b64=1")).text).toStartWith("118:0{");
    expect((await open("EIO=2&b64=1")).text).toStartWith("118:0{");
    for (const eio of ["EIO=", "EIO=1", "EIO=5", "EIO=04", "EIO=4.0", "EIO=abc", "EIO=4%20", "EIO=9&EIO=4"]) {
      expectRefusal(await open(eio), badVersion);
      const refused = await RawWebSocket.tryOpen(plain.url, `/socket.io/?${eio}&transport=websocket`);
      expect(refused instanceof RawWebSocket ? 101 : refused.text).toBe(badVersion);
    }
  });

  test("EIO-03 SIO-03 who does not say a version, as old phones and boards, is of version 3", async () => {
    for (const query of ["b64=1", "eio=4&b64=1"]) {
      const client = await PollingClient.open(plain.url, { query });
      expect(client.opened.text).toStartWith("118:0{");
      expect((await client.poll()).text).toBe("2:40");
      using socket = await RawWebSocket.open(plain.url, client.path("websocket"));
      socket.send("2probe");
      expect(await socket.waitForMessage()).toBe("3probe");
    }
    using socket = await RawWebSocket.open(plain.url, "/socket.io/?transport=websocket");
    expect((await socket.waitForMessages(2))[1]).toBe("40");
    socket.send("2");
    expect(await socket.waitForMessage()).toBe("3");
  });

  test("EIO-03 the session remembers its version, whatever a later request says", async () => {
    const client = await PollingClient.open(plain.url);
    for (const eio of ["", "EIO=3&", "EIO=9&"]) {
      const path = `/socket.io/?${eio}transport=polling&sid=${client.sid}`;
      expect((await rawRequest(plain.url, { method: "POST", path, body: "3\u001e3" })).text).toBe("ok");
    }
  });

  test("EIO-03 EIO-15 a switch turns version 3 off", async () => {
    await using gateway = await gatewayWith({ allowEio3: false });
    const open = async (eio: string): Promise<RawResponse> =>
      rawRequest(gateway.url, { path: `/socket.io/?${eio}transport=polling` });
    expect((await open("EIO=4&")).status).toBe(200);
    for (const eio of ["EIO=3&", "EIO=2&", ""]) expectRefusal(await open(eio), badVersion);
    const refused = await RawWebSocket.tryOpen(gateway.url, "/socket.io/?transport=websocket");
    expect(refused instanceof RawWebSocket ? 101 : refused.text).toBe(badVersion);
  });

  const fields = '"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000';
  test("EIO-04 EIO-05 the open packet: exactly its keys, in both versions and transports", async () => {
    const polling = `0\\{"sid":"${sidText}","upgrades":\\["websocket"\\],${fields}\\}`;
    const websocket = `0\\{"sid":"${sidText}","upgrades":\\[\\],${fields}\\}`;
    expect((await PollingClient.open(plain.url)).opened.text).toMatch(new RegExp(`^${polling}$`));
    expect((await PollingClient.open(plain.url, { query: "EIO=3&b64=1" })).opened.text).toMatch(
      new RegExp(`^118:${polling}$`),
    );
    for (const path of [websocket4, websocket3]) {
      using socket = await RawWebSocket.open(plain.url, path);
      expect(String(await socket.waitForMessage())).toMatch(new RegExp(`^${websocket}$`));
    }
  });

  test("EIO-04 clients are told the configured times", async () => {
    const { opened } = await PollingClient.open(fast.url);
    expect(opened.text).toContain('"pingInterval":300,"pingTimeout":200,');
  });

  test("EIO-05 SEC-04 SIO-02 the Engine.IO sid is told nobody: not as Socket.IO sid, not in logs or metrics", async () => {
    await using gateway = await startGateway();
    const client = await PollingClient.open(gateway.url);
    await client.post("40\u001e40/chat,");
    const joined = (await client.poll()).text;
    expect(joined).not.toContain(client.sid);
    const sids = [...joined.matchAll(/"sid":"([^"]+)"/g)].map(([, sid]) => sid);
    expect(sids).toHaveLength(2);
    expect(sids[0]).not.toBe(sids[1]);
    for (const sid of sids) expect(sid).toMatch(new RegExp(`^${sidText}$`));
    await client.post("abc");
    const metrics = await rawRequest(gateway.url, { path: "/-/metrics" });
    expect(metrics.text).toContain("belfry_connections_total");
    expect(gateway.log).toContain("disconnected");
    for (const text of [gateway.log, metrics.text]) expect(text).not.toContain(client.sid);
  });

  test("EIO-15 a handshake that is no GET is refused", async () => {
    for (const method of ["POST", "PUT", "DELETE"]) {
      expectRefusal(await rawRequest(plain.url, { method, path: polling4, body: "" }), badMethod);
    }
    const { status } = await fetch(plain.url + polling4, { method: "HEAD" });
    expect(status).toBe(400);
    const session = await PollingClient.open(plain.url);
    for (const method of ["POST", "PUT", "DELETE"]) {
      for (const headers of [handshakeHeaders(), { Connection: "Upgrade", Upgrade: "websocket" }]) {
        const refused = await rawRequest(plain.url, { method, path: websocket4, headers });
        expectRefusal(refused, badMethod);
        expect(refused.headers.get("connection")).toBe("close");
        const path = session.path("websocket");
        expectRefusal(await rawRequest(plain.url, { method, path, headers }), badRequest);
      }
    }
    expect((await session.post("3")).text).toBe("ok");
  });

  test("EIO-15 websocket and polling are not mixed up", async () => {
    expectRefusal(await rawRequest(plain.url, { path: websocket4 }), badRequest);
    // Before its version is looked at, as node does.
    expectRefusal(await rawRequest(plain.url, { path: "/socket.io/?transport=websocket" }), badRequest);
    const refused = await RawWebSocket.tryOpen(plain.url, polling4);
    if (refused instanceof RawWebSocket) throw new Error("Expected a refusal");
    expectRefusal(refused, badRequest);
    const client = await PollingClient.open(plain.url);
    expectRefusal(await rawRequest(plain.url, { path: client.path("websocket") }), badRequest);
    expectRefusal(await rawRequest(plain.url, { method: "PUT", path: client.path(), body: "3" }), badRequest);
    expect((await client.post("3")).text).toBe("ok");
  });

  test("EIO-15 an unknown sid is refused by every door, and not repeated in the answer", async () => {
    for (const sid of ["abcdefghij0123456789", "x", "__proto__", "constructor", "%00", "%3Cscript%3E"]) {
      const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
      expectRefusal(await rawRequest(plain.url, { path }), sessionUnknown);
      expectRefusal(await rawRequest(plain.url, { method: "POST", path, body: "3" }), sessionUnknown);
      const refused = await RawWebSocket.tryOpen(plain.url, path.replace("polling", "websocket"));
      if (refused instanceof RawWebSocket) throw new Error("Expected a refusal");
      expectRefusal(refused, sessionUnknown);
    }
  });

  test("EIO-15 a refused websocket handshake ends its connection", async () => {
    using connection = await RawConnection.open(plain.url);
    const path = "/socket.io/?EIO=9&transport=websocket";
    connection.write(requestBytes(plain.url, { path, headers: handshakeHeaders() }));
    expect((await connection.response()).status).toBe(400);
    await connection.ended();
  });

  test("EIO-15 SEC-06 a connection that the limits refuse gets 403", async () => {
    await using gateway = await startGateway({ limits: { connections: 1 } });
    const first = await PollingClient.open(gateway.url);
    const forbidden = refusal(4, "Forbidden");
    expectRefusal(await rawRequest(gateway.url, { path: polling4 }), forbidden, 403);
    const refused = await RawWebSocket.tryOpen(gateway.url, websocket4);
    expect(refused instanceof RawWebSocket ? 101 : [refused.status, refused.text]).toEqual([403, forbidden]);
    // Its place is free again when it went.
    await first.post("1");
    expect((await rawRequest(gateway.url, { path: polling4 })).status).toBe(200);
  });
});

describe("polling", () => {
  test("EIO-06 a GET is answered with all queued packets, as text, never cached", async () => {
    const client = await PollingClient.open(plain.url);
    await client.post('40\u001e420["join",{"room":"a"}]\u001e421["leave",{"room":"a"}]');
    const response = await client.poll();
    expect(response.text).toMatch(new RegExp(`^40\\{"sid":"${sidText}"\\}\u001e430\\[\\]\u001e431\\[\\]$`));
    expect(response.headers.get("content-type")).toBe("text/plain; charset=UTF-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("EIO-06 a GET with nothing queued is held until there is something", async () => {
    const client = await PollingClient.connect(plain.url);
    using held = await client.beginPoll();
    await emit("update", 1);
    expect((await held.response()).text).toBe('42["update",1]');
  });

  test("EIO-06 the Python client gets 16 packets at a time, others all", async () => {
    const packets = Array.from({ length: 40 }, (_, id) => `42${id}["leave",{"room":"a"}]`).join("\u001e");
    for (const agent of ["python-requests/2.31.0", "Python/3.11 aiohttp/3.9.1", "python-httpx/0.27"]) {
      const client = await PollingClient.connect(plain.url, { headers: { "User-Agent": agent } });
      await client.post(packets);
      const counts: number[] = [];
      while (counts.length < 3) counts.push((await client.poll()).text.split("\u001e").length);
      expect(counts).toEqual([16, 16, 8]);
    }
    const browser = await PollingClient.connect(plain.url, { headers: { "User-Agent": "Mozilla/5.0" } });
    await browser.post(packets);
    expect((await browser.poll()).text.split("\u001e")).toHaveLength(40);
  });

  test("EIO-07 a POST is carried out in order and answered ok", async () => {
    const client = await PollingClient.connect(plain.url);
    const response = await client.post(
      Array.from({ length: 100 }, (_, id) => `42${id}["leave",{"room":"a"}]`).join("\u001e"),
    );
    expect([response.status, response.text]).toEqual([200, "ok"]);
    expect((await client.poll()).text).toBe(
      Array.from({ length: 100 }, (_, id) => `43${id}[]`).join("\u001e"),
    );
  });

  test("EIO-07 a body of 1,000,000 bytes is taken, a larger one answered 413", async () => {
    const head = '42["';
    const fits = `${head}${"a".repeat(1_000_000 - head.length - 2)}"]`;
    const client = await PollingClient.connect(plain.url);
    expect((await client.post(fits)).text).toBe("ok");
    expect((await client.post(`${fits} `)).status).toBe(413);
    expectRefusal(await client.poll(), sessionUnknown);
    // In UTF-8 bytes, not characters; and far over it.
    for (const body of [`42["${"é".repeat(499_998)}"]`, "x".repeat(3_000_000)]) {
      const other = await PollingClient.connect(plain.url);
      expect((await other.post(body)).status).toBe(413);
    }
  });

  test("EIO-07 the limit holds without Content-Length too", async () => {
    const client = await PollingClient.connect(plain.url);
    using connection = await RawConnection.open(plain.url);
    const head = `POST ${client.path()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
    connection.write(head);
    for (let sent = 0; sent < 16; sent++) connection.write(`10000\r\n${"x".repeat(65_536)}\r\n`);
    connection.write("0\r\n\r\n");
    expect((await connection.response()).status).toBe(413);
  });

  test("EIO-08 version 4 joins packets with U+001E and sends binary as b and base64", async () => {
    const client = await PollingClient.connect(plain.url);
    await emitBinary();
    await emit("update", "é");
    expect((await client.poll()).text).toBe(`${binaryText}\u001ebAQI=\u001e42["update","é"]`);
  });

  test("EIO-08 version 4 takes binary as base64, not as octets", async () => {
    const client = await PollingClient.connect(plain.url);
    expect(
      (await client.post('451-["x",{"_placeholder":true,"num":0}]\u001ebAQI=\u001e420["leave",{"room":"a"}]'))
        .text,
    ).toBe("ok");
    expect((await client.poll()).text).toBe("430[]");
    expectRefusal(await client.post(Buffer.of(0x34, 0x30)), badRequest);
    expectRefusal(await client.poll(), sessionUnknown);
  });

  test("EIO-08 EIO-09 base64 as Java and Android write it: a line break after 76 characters and at the end", async () => {
    const bytes = Buffer.from(Array.from({ length: 200 }, (_, index) => (index * 37) % 256));
    const broken = (eol: string): string =>
      bytes
        .toString("base64")
        .replaceAll(/.{76}/g, (line) => line + eol)
        .concat(eol);
    const header = '451-["x",{"_placeholder":true,"num":0}]';
    const leave = '420["leave",{"room":"a"}]';
    const spellings = [broken("\n"), broken("\r\n"), ` ${bytes.toString("base64url")}\t`];
    const now = await PollingClient.connect(plain.url);
    for (const base64 of spellings) {
      expect((await now.post(`${header}\u001eb${base64}\u001e${leave}`)).text).toBe("ok");
      expect((await now.poll()).text).toBe("430[]");
    }
    const old = await PollingClient.open(plain.url, { query: "EIO=3&b64=1" });
    await old.poll();
    for (const base64 of spellings) {
      expect((await old.post(v3(header, `b4${base64}`, leave))).text).toBe("ok");
      expect((await old.poll()).text).toBe("5:430[]");
    }
  });

  test("EIO-09 SIO-03 version 3, text form: the captured answer, to the byte", async () => {
    const client = await PollingClient.open(plain.url, { query: "EIO=3&b64=1" });
    expect((await client.poll()).text).toBe("2:40");
    await client.post(v3("2"));
    await emitBinary();
    await client.post(v3('420["leave",{"room":"a"}]'));
    const answer = await client.poll();
    expect(answer.text).toBe(`1:3${asciiText.length}:${asciiText}6:b4AQI=5:430[]`);
    expect(answer.headers.get("content-type")).toBe("text/plain; charset=UTF-8");
  });

  test("EIO-09 version 3: a single request may ask for the text form, too", async () => {
    const client = await PollingClient.open(plain.url, { query: "EIO=3" });
    const path = `${client.path()}&b64=true`;
    expect((await rawRequest(plain.url, { path })).text).toBe("2:40");
    await client.post(v3("2"));
    expect((await client.poll()).body).toEqual(v3Binary("3"));
  });

  test("EIO-09 version 3: every answer to a poll is in binary form, whatever is in it", async () => {
    const client = await PollingClient.open(plain.url, { query: "EIO=3" });
    const expectBinary = (answer: RawResponse, packet: string): void => {
      expect(answer.headers.get("content-type")).toBe("application/octet-stream");
      expect(answer.body).toEqual(v3Binary(packet));
    };
    const { text, body } = client.opened;
    expectBinary(client.opened, text.slice(text.indexOf("0{")));
    expect([...body.subarray(0, 5)]).toEqual([0, 1, 1, 8, 255]);
    expectBinary(await client.poll(), "40");
    await client.post(v3("2"));
    expectBinary(await client.poll(), "3");
    // What an old client cannot read does not come back to it.
    await client.post(v3("2é"));
    expectBinary(await client.poll(), "3");
    await emit("é", [{ ü: "é\u{1f600}" }, "\u2028"], { binary: false });
    expectBinary(await client.poll(), '42["\\u00e9",{"\\u00fc":"\\u00e9\\ud83d\\ude00"},"\\u2028"]');
    using held = await client.beginPoll();
    await isHeld(client, held, 3);
    await client.post(v3("1"));
    expectBinary(await held.response(), "6");
  });

  test("EIO-09 version 3, binary form: the captured answer, to the byte", async () => {
    const client = await PollingClient.open(plain.url, { query: "EIO=3" });
    expect((await client.poll()).body).toEqual(v3Binary("40"));
    await client.post(v3("2"));
    await emitBinary();
    await client.post(v3('420["leave",{"room":"a"}]'));
    const answer = await client.poll();
    expect(answer.body.toString("hex")).toBe(
      `0001ff33000504ff${Buffer.from(asciiText).toString("hex")}0103ff0401020005ff3433305b5d`,
    );
    expect(answer.headers.get("content-type")).toBe("application/octet-stream");
  });

  test("EIO-09 version 3 takes both forms, by content type; lengths of text are UTF-16 units", async () => {
    const client = await PollingClient.open(plain.url, { query: "EIO=3&b64=1" });
    await client.poll();
    const event = '420["leave",{"room":"é€\u{1f600}"}]';
    expect((await client.post(v3(event))).text).toBe("ok");
    expect((await client.poll()).text).toBe("5:430[]");
    const bytes = Buffer.from(event);
    const digits = String(bytes.length).split("").map(Number);
    expect((await client.post(Buffer.concat([Buffer.of(0, ...digits, 255), bytes]))).text).toBe("ok");
    expect((await client.poll()).text).toBe("5:430[]");
    // Binary messages of both forms are attachments.
    const header = '451-["x",{"_placeholder":true,"num":0}]';
    expect((await client.post(v3(header, "b4AQI=", event))).text).toBe("ok");
    expect((await client.poll()).text).toBe("5:430[]");
    expect((await client.post(v3(header))).text).toBe("ok");
    expect((await client.post(Buffer.of(1, 3, 255, 4, 1, 2))).text).toBe("ok");
    expect((await client.post(v3(event))).text).toBe("ok");
    expect((await client.poll()).text).toBe("5:430[]");
  });

  test("EIO-16 a second GET gets 400, the first 1, and the session is over", async () => {
    const client = await PollingClient.connect(plain.url);
    using first = await client.beginPoll();
    await isHeld(client, first);
    expectRefusal(await client.poll(), badRequest);
    const answer = await first.response();
    expect([answer.status, answer.text]).toEqual([200, "1"]);
    expectRefusal(await client.poll(), sessionUnknown);
  });

  test("EIO-16 a second POST while one is under way gets 400, and the session is over", async () => {
    const client = await PollingClient.connect(plain.url);
    using first = await RawConnection.open(plain.url);
    first.write(`POST ${client.path()} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n3\u001e`);
    // Whichever of the two the gateway saw first: the other one is refused.
    let second = await client.post("3");
    for (let tries = 0; second.status === 200 && tries < 100; tries++) second = await client.post("3");
    expectRefusal(second, badRequest);
    expectRefusal(await client.poll(), sessionUnknown);
  });

  const undecodable: readonly (readonly [string, string])[] = [
    ["EIO=4", "abc"],
    ["EIO=4", ""],
    ["EIO=4", "7"],
    ["EIO=4", "3\u001e"],
    ["EIO=4", "b?"],
    ["EIO=4", "0"],
    ["EIO=4", "2"],
    ["EIO=3", "abc"],
    ["EIO=3", ""],
    ["EIO=3", "2:4"],
    ["EIO=3", "1:7"],
    ["EIO=3", "1:3"],
  ];
  test.each(undecodable)("EIO-17 %s: POST of %j gets 400 and ends the session", async (query, body) => {
    const client = await PollingClient.open(plain.url, { query });
    expectRefusal(await client.post(body), badRequest);
    expectRefusal(await client.poll(), sessionUnknown);
  });

  test("EIO-17 a body that is not UTF-8 ends the session", async () => {
    for (const query of ["EIO=4", "EIO=3"]) {
      const client = await PollingClient.open(plain.url, { query });
      const bytes = Buffer.concat([Buffer.from(query === "EIO=4" ? "4" : "2:4"), Buffer.of(0xff)]);
      expectRefusal(await client.post(bytes, "text/plain;charset=UTF-8"), badRequest);
    }
  });

  test("EIO-14 the client's close ends its held GET with a noop; afterwards the sid is unknown", async () => {
    for (const query of ["EIO=4", "EIO=3&b64=1"]) {
      const client = await PollingClient.open(plain.url, { query });
      if (query !== "EIO=4") await client.poll();
      using held = await client.beginPoll();
      await isHeld(client, held);
      expect((await client.post(query === "EIO=4" ? "1" : "1:1")).text).toBe("ok");
      expect((await held.response()).text).toBe(query === "EIO=4" ? "6" : "1:6");
      expectRefusal(await client.poll(), sessionUnknown);
      expectRefusal(await client.post("3"), sessionUnknown);
    }
  });

  test("EIO-14 a GET that the client gives up ends the session", async () => {
    const client = await PollingClient.connect(plain.url);
    const held = await client.beginPoll();
    await isHeld(client, held);
    held[Symbol.dispose]();
    await eventually(async () => (await client.post("3")).text === sessionUnknown);
  });

  test("EIO-20 answers of 1,024 bytes or more are compressed, as far as the client takes it", async () => {
    const client = await PollingClient.connect(plain.url);
    const text = "x".repeat(1_100);
    const expected = `42["update","${text}"]`;
    const poll = async (accept: Record<string, string>): Promise<RawResponse> => {
      await emit("update", text);
      return client.poll(accept);
    };
    const gzip = await poll({ "Accept-Encoding": "gzip, deflate, br" });
    expect(gzip.headers.get("content-encoding")).toBe("gzip");
    expect(gunzipSync(gzip.body).toString()).toBe(expected);
    const deflated = await poll({ "Accept-Encoding": "gzip;q=0, deflate;q=0.5" });
    expect(deflated.headers.get("content-encoding")).toBe("deflate");
    expect(inflateSync(deflated.body).toString()).toBe(expected);
    for (const accept of [{}, { "Accept-Encoding": "br" }, { "Accept-Encoding": "identity" }]) {
      const whole = await poll(accept);
      expect(whole.headers.has("content-encoding")).toBe(false);
      expect(whole.text).toBe(expected);
    }
    await emit("update", "short");
    expect((await client.poll({ "Accept-Encoding": "gzip" })).text).toBe('42["update","short"]');
  });

  test("EIO-20 websockets are not compressed, even when the client offers it", async () => {
    using connection = await RawConnection.open(plain.url);
    const headers = {
      ...handshakeHeaders(),
      "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    };
    connection.write(requestBytes(plain.url, { path: websocket4, headers }));
    const response = await connection.response();
    expect(response.status).toBe(101);
    expect(response.headers.has("sec-websocket-extensions")).toBe(false);
  });

  test("EIO-21 JSONP: answers are script, with every character escaped that ends a string", async () => {
    const path = "/socket.io/?EIO=3&transport=polling&j=7";
    const opened = await rawRequest(plain.url, { path });
    expect(opened.headers.get("content-type")).toBe("text/javascript; charset=UTF-8");
    expect(opened.headers.get("x-content-type-options")).toBe("nosniff");
    expect(opened.text).toMatch(
      new RegExp(`^___eio\\[7\\]\\("118:0\\{\\\\"sid\\\\":\\\\"${sidText}.*\\}"\\);$`),
    );
    const sid = /sid\\":\\"([\w-]{20})/.exec(opened.text)?.[1] ?? "";
    await rawRequest(plain.url, { path: `${path}&sid=${sid}` });
    const data = 'a"\\\n\r\u2028\u2029</script>é';
    await emit("update", data);
    const answer = await rawRequest(plain.url, { path: `${path}&sid=${sid}` });
    expect(answer.text).not.toMatch(/[\u2028\u2029\n\r]|<\/script/);
    const heard: string[] = [];
    // oxlint-disable-next-line typescript/no-implied-eval -- a browser runs it as a script too
    new Function("___eio", answer.text)({ 7: (payload: string) => heard.push(payload) });
    const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
    const packet = `42${JSON.stringify(["update", data]).replaceAll(/[^\0-\x7f]/g, escape)}`;
    expect(heard).toEqual([`${packet.length}:${packet}`]);
  });

  test("EIO-21 JSONP: binary goes as base64", async () => {
    const client = await PollingClient.open(plain.url, { query: "EIO=3&j=0" });
    const sid = /sid\\":\\"([\w-]{20})/.exec(client.opened.text)?.[1] ?? "";
    const path = `/socket.io/?EIO=3&j=0&transport=polling&sid=${sid}`;
    await rawRequest(plain.url, { path });
    await emitBinary();
    expect((await rawRequest(plain.url, { path })).text).toBe(
      `___eio[0](${JSON.stringify(`${asciiText.length}:${asciiText}6:b4AQI=`)});`,
    );
  });

  test("EIO-21 JSONP: a POST is a form, in whose field d line feeds are escaped", async () => {
    const opened = await rawRequest(plain.url, { path: "/socket.io/?EIO=3&transport=polling&j=0" });
    const sid = /sid\\":\\"([\w-]{20})/.exec(opened.text)?.[1] ?? "";
    const path = `/socket.io/?EIO=3&transport=polling&j=0&sid=${sid}`;
    await rawRequest(plain.url, { path });
    // A client escapes a line feed as `\n`, and what looks like one already as `\\n`.
    const packet = '420["leave",{"room":"a\\nb"}]';
    const sent = v3(packet).replaceAll("\\n", "\\\\n");
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    const response = await rawRequest(plain.url, {
      method: "POST",
      path,
      headers,
      body: `d=${encodeURIComponent(sent)}`,
    });
    expect(response.text).toBe("ok");
    expect((await rawRequest(plain.url, { path })).text).toBe('___eio[0]("5:430[]");');
    for (const body of ["x=1", "", "d=abc"]) {
      const bad = await rawRequest(plain.url, { path: "/socket.io/?EIO=3&transport=polling&j=0" });
      const badSid = /sid\\":\\"([\w-]{20})/.exec(bad.text)?.[1] ?? "";
      expectRefusal(
        await rawRequest(plain.url, { method: "POST", path: path.replace(sid, badSid), headers, body }),
        badRequest,
      );
    }
  });

  test("EIO-21 EIO-18 JSONP: only a page that may connect reads the answer, though a script brings no Origin", async () => {
    const listed = "http://localhost:7788";
    const gatewayFor = async (origins?: readonly string[]): Promise<TestGateway> =>
      startGateway({ listeners: [{ address: "127.0.0.1:0", ...(origins && { origins: [...origins] }) }] });
    await using list = await gatewayFor([listed]);
    await using own = await gatewayFor();
    await using none = await gatewayFor([]);
    const verdicts = async (gateway: TestGateway, query: string): Promise<unknown> => {
      const asked: Readonly<Record<string, Readonly<Record<string, string>>>> = {
        silent: {},
        same: { "Sec-Fetch-Site": "same-origin" },
        "other listed": { "Sec-Fetch-Site": "cross-site", Referer: `${listed}/page?x` },
        other: { "Sec-Fetch-Site": "cross-site", Referer: "http://evil.example/" },
        sibling: { "Sec-Fetch-Site": "same-site" },
        forged: { "Sec-Fetch-Site": "cross-site", Referer: `${gateway.url}/` },
        typed: { "Sec-Fetch-Site": "none" },
        "old same": { Referer: `${gateway.url}/page` },
        "old listed": { Referer: `${listed}/` },
        "old other": { Referer: `http://evil.example/?${listed}` },
        "old junk": { Referer: "x" },
      };
      const answered: string[] = [];
      for (const [name, headers] of Object.entries(asked)) {
        const answer = await rawRequest(gateway.url, {
          path: `/socket.io/?transport=polling&${query}`,
          headers,
        });
        if (answer.status === 200) answered.push(name);
        else expectRefusal(answer, badRequest);
      }
      return answered;
    };
    for (const query of ["EIO=3&j=0", "EIO=4&j=0", "j=17&b64=1"]) {
      expect(await verdicts(list, query)).toEqual(["same", "other listed", "old same", "old listed"]);
      expect(await verdicts(own, query)).toEqual(["same", "old same"]);
      expect(await verdicts(none, query)).toEqual([]);
      expect(await verdicts(plain, query)).toHaveLength(11);
    }
    // Neither does a session that was opened without it.
    const session = await PollingClient.open(list.url, { query: "EIO=3" });
    expectRefusal(await rawRequest(list.url, { path: `${session.path()}&j=0` }), badRequest);
    const form = { method: "POST", path: `${session.path()}&j=0`, body: "d=1%3A2" };
    expectRefusal(await rawRequest(list.url, form), badRequest);
    expect((await rawRequest(list.url, { ...form, headers: { Origin: listed } })).text).toBe("ok");
  });

  test("EIO-15 EIO-21 a JSONP index that is no number is refused", async () => {
    for (const index of ["", "a", "1a", "-1", "%3Cscript%3E", "0]%3Balert(1)%2F%2F", "12345678901"]) {
      expectRefusal(
        await rawRequest(plain.url, { path: `/socket.io/?EIO=3&transport=polling&j=${index}` }),
        badRequest,
      );
    }
  });
});

describe("websocket", () => {
  test("EIO-10 SIO-09 version 4: one text frame per packet, binary bare", async () => {
    using socket = await connected(plain);
    await emitBinary();
    expect(await socket.waitForMessages(2)).toEqual([binaryText, Buffer.of(1, 2)]);
    socket.send('452-["x",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]');
    socket.send(Buffer.of(1));
    socket.send(Buffer.alloc(0));
    socket.send('420["leave",{"room":"a"}]');
    expect(await socket.waitForMessage()).toBe("430[]");
    // As a client sends it that was told to do without binary frames (`forceBase64`).
    for (const attachment of ["bAQI=", "bAQI=\r\n", "b-_8", "b"]) {
      socket.send('451-["x",{"_placeholder":true,"num":0}]');
      socket.send(attachment);
      socket.send('420["leave",{"room":"a"}]');
      expect(await socket.waitForMessage()).toBe("430[]");
    }
  });

  test("EIO-10 SIO-09 version 3: binary frames begin with the type byte; with b64 they are text", async () => {
    using socket = await connected(plain, websocket3);
    using base64 = await connected(plain, `${websocket3}&b64=1`);
    await emitBinary();
    expect(await socket.waitForMessages(2)).toEqual([asciiText, Buffer.of(4, 1, 2)]);
    expect(await base64.waitForMessages(2)).toEqual([asciiText, "b4AQI="]);
    for (const [client, attachment] of [
      [socket, Buffer.of(4, 1, 2)],
      [socket, "b4AQI="],
      [base64, "b4AQI="],
      [base64, Buffer.of(4, 1, 2)],
    ] as const) {
      client.send('451-["x",{"_placeholder":true,"num":0}]');
      client.send(attachment);
      client.send('420["leave",{"room":"a"}]');
      expect(await client.waitForMessage()).toBe("430[]");
    }
  });

  const undecodable: readonly (readonly [string, RawMessage])[] = [
    [websocket4, "abc"],
    [websocket4, ""],
    [websocket4, "7"],
    [websocket4, "0"],
    [websocket4, "2"],
    [websocket4, "b4AQI="],
    [websocket4, "b?"],
    [websocket4, Buffer.of(1)],
    [websocket3, "abc"],
    [websocket3, "3"],
    [websocket3, "b4?"],
    [websocket3, "b3AQI="],
    [websocket3, Buffer.of(3, 1)],
    [websocket3, Buffer.of(4, 1)],
    [websocket3, Buffer.alloc(0)],
  ];
  test.each(undecodable)(
    "EIO-17 EIO-14 EIO-11 EIO-12 %s: %p closes the websocket with a normal code",
    async (path, frame) => {
      using socket = await connected(plain, path);
      socket.send(frame);
      expect(await socket.waitForClose()).toEqual({ code: 1000, reason: "" });
    },
  );

  test("EIO-14 the client's close packet closes the websocket", async () => {
    for (const path of [websocket4, websocket3]) {
      using socket = await connected(plain, path);
      socket.send("1");
      expect(await socket.waitForClose()).toEqual({ code: 1000, reason: "" });
    }
  });

  test("EIO-14 a client's close frame is answered", async () => {
    for (const payload of [Buffer.alloc(0), Buffer.of(3, 232)]) {
      using socket = await connected(plain);
      socket.sendFrame(8, payload);
      expect([1000, 1005]).toContain((await socket.waitForClose()).code);
    }
  });

  test("EIO-14 SIO-11 at the gateway's end websockets see 1001 and polls 1", async () => {
    await using gateway = await startGateway();
    using socket = await connected(gateway);
    const client = await PollingClient.connect(gateway.url);
    using held = await client.beginPoll();
    await isHeld(client, held);
    const between = await PollingClient.connect(gateway.url);
    const stopped = gateway.gateway.stop(1_000);
    expect(await socket.waitForClose()).toEqual({ code: 1001, reason: "" });
    expect((await held.response()).text).toBe("1");
    expect((await between.poll().catch(() => undefined))?.text ?? "1").toMatch(
      /^(1|.*Session ID unknown.*)$/,
    );
    await stopped;
  });

  test("EIO-22 a message of 1,000,000 bytes is taken, a larger one closes with 1009", async () => {
    const head = '420["leave",{"room":"a","x":"';
    const fits = `${head}${"a".repeat(1_000_000 - head.length - 3)}"}]`;
    using socket = await connected(plain);
    socket.send(fits);
    expect(await socket.waitForMessage()).toBe("430[]");
    const before = await plain.metric("belfry_disconnections_total", 'reason="too_large"');
    socket.send(`${fits} `);
    expect((await socket.waitForClose()).code).toBe(1009);
    using binary = await connected(plain);
    binary.send(Buffer.alloc(1_000_001));
    expect((await binary.waitForClose()).code).toBe(1009);
    await eventually(
      async () => (await plain.metric("belfry_disconnections_total", 'reason="too_large"')) === before + 2,
    );
  });

  test("EIO-22 the limit holds for fragments together", async () => {
    using socket = await connected(plain);
    for (let sent = 0; sent < 11; sent++) socket.sendFrame(sent === 0 ? 1 : 0, "4".repeat(100_000), false);
    expect((await socket.waitForClose()).code).toBe(1009);
  });
});

describe("heartbeat", () => {
  test("EIO-11 version 4 over websocket: ping, pong, three times over", async () => {
    using socket = await connected(fast);
    for (let beat = 0; beat < 3; beat++) {
      expect(await socket.waitForMessage(pingIntervalMs + pingTimeoutMs)).toBe("2");
      socket.send("3");
    }
  });

  test("EIO-11 version 4 over polling: ping, pong, three times over", async () => {
    const client = await PollingClient.connect(fast.url);
    for (let beat = 0; beat < 3; beat++) {
      expect((await client.poll()).text).toBe("2");
      expect((await client.post("3")).text).toBe("ok");
    }
  });

  test("EIO-11 EIO-14 version 4: who does not answer is closed, not before its time", async () => {
    const started = performance.now();
    using socket = await connected(fast);
    const client = await PollingClient.connect(fast.url);
    expect(await socket.waitForClose(2_000)).toEqual({ code: 1000, reason: "" });
    expect(performance.now() - started).toBeGreaterThan(pingIntervalMs + pingTimeoutMs - 50);
    await eventually(async () => (await client.post("6")).text === sessionUnknown);
  });

  test("EIO-11 a thousand pongs that nobody asked for change nothing", async () => {
    using socket = await connected(fast);
    for (let sent = 0; sent < 1_000; sent++) socket.send("3");
    expect(await socket.waitForMessage(pingIntervalMs + pingTimeoutMs)).toBe("2");
    socket.send("3");
    socket.send('420["leave",{"room":"a"}]');
    expect(await socket.waitForMessage()).toBe("430[]");
  });

  test("EIO-12 version 3: the client pings, the server answers with its text and sends none itself", async () => {
    const client = await PollingClient.open(fast.url, { query: "EIO=3&b64=1" });
    expect((await client.poll()).text).toBe("2:40");
    using socket = await connected(fast, websocket3);
    for (const text of ["", "hello", "probe"]) {
      socket.send(`2${text}`);
      expect(await socket.waitForMessage()).toBe(`3${text}`);
      expect((await client.post(v3(`2${text}`))).text).toBe("ok");
      expect((await client.poll()).text).toBe(v3(`3${text}`));
    }
  });

  test("EIO-12 version 3: who does not ping for interval and timeout is closed", async () => {
    const started = performance.now();
    using socket = await connected(fast, websocket3);
    const client = await PollingClient.open(fast.url, { query: "EIO=3" });
    expect(await socket.waitForClose(2_000)).toEqual({ code: 1000, reason: "" });
    expect(performance.now() - started).toBeGreaterThan(pingIntervalMs + pingTimeoutMs - 50);
    await eventually(async () => (await client.post("1:6")).text === sessionUnknown);
  });
});

describe("upgrade", () => {
  const event = (id: number): string => `42${id}["leave",{"room":"a"}]`;

  test.each([4, 3] as const)(
    "EIO-13 version %p: probe, noop, upgrade, what was buffered first",
    async (version) => {
      const pack = (packet: string): string => (version === 4 ? packet : v3(packet));
      const client = await PollingClient.open(plain.url, { query: `EIO=${version}&b64=1` });
      if (version === 4) await client.post("40");
      await client.poll();
      using held = await client.beginPoll();
      await isHeld(client, held, version);
      using socket = await RawWebSocket.open(plain.url, client.path("websocket"));
      socket.send("2probe");
      expect(await socket.waitForMessage()).toBe("3probe");
      expect((await held.response()).text).toBe(pack("6"));
      expect((await client.poll()).text).toBe(pack("6"));
      // Two events while neither transport carries anything.
      await client.post(pack(event(1)));
      await client.post(pack(event(2)));
      socket.send("5");
      socket.send(event(3));
      expect(await socket.waitForMessages(3)).toEqual(["431[]", "432[]", "433[]"]);
      // Polling is over: 400, and the websocket does not mind.
      for (const response of [await client.poll(), await client.post(pack(event(4)))])
        expectRefusal(response, badRequest);
      // A second websocket is closed, and the first does not mind.
      using second = await RawWebSocket.open(plain.url, client.path("websocket"));
      second.send("2probe");
      expect((await second.waitForClose()).code).toBe(1000);
      socket.send(event(5));
      expect(await socket.waitForMessage()).toBe("435[]");
    },
  );

  test("EIO-13 a poll behind the packet 5 is refused, also where 5 waits for its turn in a busy gateway", async () => {
    for (let attempt = 0; attempt < 3; attempt++) {
      const client = await PollingClient.connect(plain.url);
      using socket = await RawWebSocket.open(plain.url, client.path("websocket"));
      socket.send("2probe");
      expect(await socket.waitForMessage()).toBe("3probe");
      using busy = await connected(plain);
      using connection = await RawConnection.open(plain.url);
      for (let id = 0; id < 3_000; id++) busy.send(event(id));
      socket.send("5");
      connection.write(requestBytes(plain.url, { path: client.path() }));
      expectRefusal(await connection.response(), badRequest);
      socket.send(event(1));
      expect(await socket.waitForMessage()).toBe("431[]");
      expect(await busy.waitForMessages(3_000)).toHaveLength(3_000);
    }
  });

  test("EIO-13 a second websocket during the upgrade is closed, the first goes on", async () => {
    const client = await PollingClient.connect(plain.url);
    using socket = await RawWebSocket.open(plain.url, client.path("websocket"));
    socket.send("2probe");
    await socket.waitForMessage();
    using second = await RawWebSocket.open(plain.url, client.path("websocket"));
    expect((await second.waitForClose()).code).toBe(1000);
    socket.send("5");
    socket.send(event(1));
    expect(await socket.waitForMessage()).toBe("431[]");
  });

  test("EIO-13 a websocket session accepts no second websocket", async () => {
    using socket = await RawWebSocket.open(plain.url, websocket4);
    const sid = /"sid":"([^"]+)"/.exec(String(await socket.waitForMessage()))?.[1];
    using second = await RawWebSocket.open(plain.url, `${websocket4}&sid=${sid}`);
    expect((await second.waitForClose()).code).toBe(1000);
    socket.send("40");
    expect(await socket.waitForMessage()).toStartWith("40{");
  });

  const wrong: readonly (readonly RawMessage[])[] = [
    ["5"],
    ["2"],
    ["2other"],
    ["40"],
    [Buffer.from("2probe")],
    ["2probe", "40"],
    ["2probe", "2probe"],
  ];
  test.each(wrong.map((frames) => [frames]))(
    "EIO-13 frames %p close the websocket, the polling session lives on",
    async (frames) => {
      const client = await PollingClient.connect(plain.url);
      using socket = await RawWebSocket.open(plain.url, client.path("websocket"));
      for (const frame of frames) socket.send(frame);
      expect((await socket.waitForClose()).code).toBe(1000);
      await client.post(event(1));
      expect((await client.poll()).text).toBe("431[]");
    },
  );

  test("EIO-13 without a 5 in time the websocket is closed, the polling session lives on", async () => {
    const client = await PollingClient.connect(fast.url);
    const beating = beat(client);
    using socket = await RawWebSocket.open(fast.url, client.path("websocket"));
    socket.send("2probe");
    expect(await socket.waitForMessage()).toBe("3probe");
    expect((await socket.waitForClose(2_000)).code).toBe(1000);
    expect(await beating.stop()).toBe(true);
  });

  test("EIO-13 EIO-11 after the upgrade the heartbeat goes over the websocket", async () => {
    const client = await PollingClient.connect(fast.url);
    using socket = await RawWebSocket.open(fast.url, client.path("websocket"));
    socket.send("2probe");
    await socket.waitForMessage();
    socket.send("5");
    for (let count = 0; count < 2; count++) {
      expect(await socket.waitForMessage(1_000)).toBe("2");
      socket.send("3");
    }
    expect((await socket.waitForClose(2_000)).code).toBe(1000);
  });
});

describe("origins", () => {
  const page = "http://localhost:7788";
  const cors = (response: RawResponse): (string | undefined)[] =>
    ["access-control-allow-origin", "access-control-allow-credentials", "vary"].map((name) =>
      response.headers.get(name),
    );

  test("EIO-18 WSE-02 a list is compared exactly; no Origin is always allowed; refusals carry no CORS headers", async () => {
    const origins = [page, "https://example.com"];
    await using gateway = await startGateway({ listeners: [{ address: "127.0.0.1:0", origins }] });
    const open = async (headers: Record<string, string>): Promise<RawResponse> =>
      rawRequest(gateway.url, { path: polling4, headers });
    for (const Origin of origins) expect(cors(await open({ Origin }))).toEqual([Origin, "true", "Origin"]);
    expect((await open({})).status).toBe(200);
    const others = [
      "http://127.0.0.1:7788",
      `${page}/`,
      "HTTP://localhost:7788",
      "http://Localhost:7788",
      "null",
      `${page}.evil.com`,
      "https://localhost:7788",
      gateway.url,
    ];
    for (const Origin of others) {
      const response = await open({ Origin });
      expectRefusal(response, badRequest);
      expect(cors(response).slice(0, 2)).toEqual([undefined, undefined]);
      const refused = await RawWebSocket.tryOpen(gateway.url, websocket4, { Origin });
      expect(refused instanceof RawWebSocket ? 101 : refused.status).toBe(400);
      const preflight = await rawRequest(gateway.url, {
        method: "OPTIONS",
        path: polling4,
        headers: { Origin },
      });
      expectRefusal(preflight, badRequest);
    }
    using allowed = await RawWebSocket.open(gateway.url, websocket4, { Origin: page });
    expect(await allowed.waitForMessage()).toStartWith("0{");
  });

  test("EIO-18 every answer of a session carries the headers, errors too", async () => {
    const headers = { Origin: page };
    const client = await PollingClient.open(plain.url, { headers });
    const responses = [
      client.opened,
      await client.post("40"),
      await client.poll(),
      await rawRequest(plain.url, { path: "/socket.io/?EIO=4", headers }),
      await rawRequest(plain.url, { path: `${polling4}&sid=x`, headers }),
      await client.post("abc"),
    ];
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 400, 400, 400]);
    for (const response of responses) expect(cors(response)).toEqual([page, "true", "Origin"]);
  });

  test("EIO-18 OPTIONS is answered with methods, and the headers that were asked for", async () => {
    const response = await rawRequest(plain.url, {
      method: "OPTIONS",
      path: polling4,
      headers: {
        Origin: page,
        "Access-Control-Request-Headers": "content-type,x-custom",
        "Access-Control-Request-Method": "POST",
      },
    });
    expect(response.status).toBe(200);
    expect(cors(response)).toEqual([page, "true", "Origin"]);
    expect(response.headers.get("access-control-allow-methods")).toBe("OPTIONS, GET, POST");
    expect(response.headers.get("access-control-allow-headers")).toBe("content-type,x-custom");
  });

  test("EIO-18 WSE-02 an empty list allows nobody who has an Origin", async () => {
    await using gateway = await startGateway({ listeners: [{ address: "127.0.0.1:0", origins: [] }] });
    expect((await rawRequest(gateway.url, { path: polling4 })).status).toBe(200);
    expectRefusal(await rawRequest(gateway.url, { path: polling4, headers: { Origin: page } }), badRequest);
  });

  test("EIO-18 without a configured list, a page of the gateway's own origin is allowed", async () => {
    await using gateway = await startGateway();
    const open = async (Origin: string): Promise<number> =>
      (await rawRequest(gateway.url, { path: polling4, headers: { Origin } })).status;
    expect(await open(gateway.url)).toBe(200);
    expect(await open(page)).toBe(400);
  });

  test("EIO-19 the cookie of version 3: off by default, on the polling handshake alone when on", async () => {
    const handshakes = async (gateway: TestGateway): Promise<(string | undefined)[]> => {
      const cookies: (string | undefined)[] = [];
      for (const query of ["EIO=3", "EIO=4"]) {
        const client = await PollingClient.open(gateway.url, { query });
        cookies.push(client.opened.headers.get("set-cookie")?.replace(client.sid, "<sid>"));
        cookies.push((await client.post(query === "EIO=3" ? "1:2" : "3")).headers.get("set-cookie"));
      }
      return cookies;
    };
    const off = [undefined, undefined, undefined, undefined];
    expect(await handshakes(plain)).toEqual(off);
    await using gateway = await gatewayWith({ cookie: true });
    const cookie = "io=<sid>; Path=/; HttpOnly; SameSite=Lax";
    expect(await handshakes(gateway)).toEqual([cookie, undefined, undefined, undefined]);
  });
});

/** Waits until the gateway holds a poll: what it has not answered, although it answers what came later. */
async function isHeld(
  client: PollingClient,
  held: { readonly hasEnded: boolean },
  version: 3 | 4 = 4,
): Promise<void> {
  // A later request of the same session was answered: the earlier one has been seen, as both took the same way.
  const noop = client.opened.text.startsWith("118:") || version === 3 ? "1:6" : "6";
  for (let asked = 0; asked < 3; asked++) expect((await client.post(noop)).text).toBe("ok");
  expect(held.hasEnded).toBe(false);
}

/** Polls for a condition. */
async function eventually(isTrue: () => Promise<boolean>, timeoutMs = 3_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline)
      throw new Error(`Expected the condition to hold within ${timeoutMs} ms`);
    await Bun.sleep(10);
  }
}

/** Keeps a polling session alive: polls, and answers pings. */
function beat(client: PollingClient): { stop(): Promise<boolean> } {
  const state = { isOver: false };
  const run = async (): Promise<boolean> => {
    while (!state.isOver) {
      const response = await client.poll();
      if (response.status !== 200) return false;
      if (response.text.includes("2")) await client.post("3");
    }
    return (await client.post("3")).text === "ok";
  };
  const done = run();
  return {
    stop: async () => {
      state.isOver = true;
      return done;
    },
  };
}
