// HTTP as the listener must speak it, over raw sockets: one request has one answer, a refused one ends the connection,
// and nothing that a request says is repeated. Much of it is the engine's own behaviour, pinned here for its next version.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { PollingClient } from "../support/polling-client.ts";
import { RawConnection, rawRequest } from "../support/raw.ts";

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ secret: "publish-secret", socketio: { pingInterval: 60 } });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const host = "Host: a\r\n";
/** What an attacker hides behind a request: its answer would be a 200. */
const hidden = `GET /-/health/live HTTP/1.1\r\n${host}\r\n`;
const handshake =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
const websocketPath = "/socket.io/?EIO=4&transport=websocket";

interface Answers {
  /** Of each answer in order; interim ones left out. */
  readonly statuses: readonly number[];
  readonly text: string;
}

/** Sends bytes, one per character, and waits until the gateway closes the connection. */
async function untilClosed(bytes: string, timeoutMs = 3_000): Promise<Answers> {
  using connection = await RawConnection.open(gateway.url);
  connection.write(Buffer.from(bytes, "latin1"));
  const text = (await connection.ended(timeoutMs)).toString("latin1");
  const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map((match) => Number(match[1]));
  return { statuses: statuses.filter((status) => status >= 200), text };
}

/** Headers and body behind `POST <door> HTTP/1.1` and a Host. Two readers may disagree where such a request ends. */
const desyncs: Readonly<Record<string, readonly [headers: string, body: string]>> = {
  "Content-Length and Transfer-Encoding": [
    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    "0\r\n\r\n",
  ],
  "Transfer-Encoding and Content-Length": [
    "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    "0\r\n\r\n",
  ],
  "two lengths": ["Content-Length: 0\r\nContent-Length: 43\r\n", ""],
  "twice the same length": ["Content-Length: 5\r\nContent-Length: 5\r\n", "hello"],
  "a list of lengths": ["Content-Length: 5, 5\r\n", "hello"],
  "a length with a sign": ["Content-Length: +3\r\n", "abc"],
  "a negative length": ["Content-Length: -3\r\n", "abc"],
  "a hexadecimal length": ["Content-Length: 0x3\r\n", "abc"],
  "a length with a space inside": ["Content-Length: 3 3\r\n", "abc"],
  "a length with a leading zero": ["Content-Length: 03\r\n", "abc"],
  "an empty length": ["Content-Length:\r\n", ""],
  "a length above 2^64": ["Content-Length: 18446744073709551617\r\n", ""],
  "a length with an exponent": ["Content-Length: 1e1\r\n", ""],
  "a space before the colon": ["Content-Length : 43\r\n", ""],
  "a tab before the colon": ["Content-Length\t: 43\r\n", ""],
  "a space before the name": [" Content-Length: 43\r\n", ""],
  xchunked: ["Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"],
  identity: ["Transfer-Encoding: identity\r\n", ""],
  "chunked, identity": ["Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"],
  "gzip, chunked": ["Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"],
  "chunked twice": ["Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"],
  "identity and chunked": ["Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"],
  "a vertical tab before chunked": ["Transfer-Encoding: \u000bchunked\r\n", "0\r\n\r\n"],
  "a space before the colon of Transfer-Encoding": ["Transfer-Encoding : chunked\r\n", "0\r\n\r\n"],
  "chunked on a folded line": ["Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"],
  "a folded line": ["X: a\r\n b\r\n", ""],
  "a length on a folded line": ["X: a\r\n Content-Length: 43\r\n", ""],
  "NUL in a value": ["X: a\u0000b\r\n", ""],
  "NUL in a name": ["X\u0000: a\r\n", ""],
  "a bare LF between headers": ["X: a\nContent-Length: 43\r\n", ""],
  "a bare CR between headers": ["X: a\rContent-Length: 43\r\n", ""],
  "a header without a colon": ["garbage\r\n", ""],
  "a header without a name": [": x\r\n", ""],
  "a chunk extension that ends in LF": ["Transfer-Encoding: chunked\r\n", "5;a\nhello\r\n0\r\n\r\n"],
  "a negative chunk": ["Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\n"],
  "a chunk size with 0x": ["Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"],
  "a chunk size with a space": ["Transfer-Encoding: chunked\r\n", "5 \r\nhello\r\n0\r\n\r\n"],
  "a chunk size that overflows": [
    "Transfer-Encoding: chunked\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
  ],
  "chunks that end in LF": ["Transfer-Encoding: chunked\r\n", "5\nhello\n0\n\n"],
  "a chunk without its end": ["Transfer-Encoding: chunked\r\n", "5\r\nhelloXX0\r\n\r\n"],
  "a length in the trailer": ["Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 43\r\n\r\n"],
};

describe("T22 one request never yields two answers", () => {
  test("two honest requests on one connection have two", async () => {
    const last = hidden.replace(host, `${host}Connection: close\r\n`);
    expect((await untilClosed(hidden + last)).statuses).toEqual([200, 200]);
  });

  for (const [name, [headers, body]] of Object.entries(desyncs)) {
    test(`T22 ${name}`, async () => {
      const session = await PollingClient.connect(gateway.url);
      for (const door of ["/nowhere", "/emit", "/-/health/live", session.path()]) {
        const { statuses } = await untilClosed(
          `POST ${door} HTTP/1.1\r\n${host}${headers}\r\n${body}${hidden}`,
        );
        expect(statuses.length, door).toBeLessThanOrEqual(1);
        expect(statuses[0] ?? 400, door).toBeGreaterThanOrEqual(400);
      }
    });
  }

  const whole: Readonly<Record<string, string>> = {
    "lines that end in LF": `POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n${hidden}`,
    "lines that end in CR": `POST / HTTP/1.1\rHost: a\r\r${hidden}`,
    "empty lines before the request": `\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n${hidden}`,
    "HTTP/1.2": `GET / HTTP/1.2\r\n${host}\r\n${hidden}`,
    "HTTP/2.0": `GET / HTTP/2.0\r\n${host}\r\n${hidden}`,
    "HTTP/0.9": `GET /\r\n${hidden}`,
    "the preface of HTTP/2": `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden}`,
    "two spaces in the request line": `GET  / HTTP/1.1\r\n${host}\r\n${hidden}`,
    "a space in the target": `GET /a b HTTP/1.1\r\n${host}\r\n${hidden}`,
    "tabs in the request line": `GET\t/\tHTTP/1.1\r\n${host}\r\n${hidden}`,
    "NUL in the target": `GET /a\u0000b HTTP/1.1\r\n${host}\r\n${hidden}`,
    "a target without a slash": `GET foo HTTP/1.1\r\n${host}\r\n${hidden}`,
    "an asterisk": `OPTIONS * HTTP/1.1\r\n${host}\r\n${hidden}`,
    "HTTP/1.0 in chunks": `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    "GET with a body": `GET /-/health/live HTTP/1.1\r\n${host}Content-Length: 43\r\n\r\n${hidden}`,
    "GET in chunks": `GET /-/health/live HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    "HEAD with a body": `HEAD /-/health/live HTTP/1.1\r\n${host}Content-Length: 43\r\n\r\n${hidden}`,
    CONNECT: `CONNECT a:80 HTTP/1.1\r\n${host}\r\n${hidden}`,
  };
  for (const [name, bytes] of Object.entries(whole)) {
    test(`T22 ${name}`, async () => {
      const { statuses } = await untilClosed(bytes);
      expect(statuses.length).toBeLessThanOrEqual(1);
      expect(statuses[0] ?? 400).toBeGreaterThanOrEqual(400);
    });
  }

  test("T22 the hidden request stays unanswered when it comes later, in a packet of its own", async () => {
    using connection = await RawConnection.open(gateway.url);
    connection.write(`POST /nowhere HTTP/1.1\r\n${host}Content-Length: 4\r\n\r\nabcd`);
    expect((await connection.response()).status).toBe(404);
    connection.write(hidden);
    expect((await connection.ended()).toString()).toBe("");
  });
});

describe("T22 the Host header", () => {
  const refused: Readonly<Record<string, string>> = {
    "two of them": "Host: a\r\nHost: b\r\n",
    "twice the same": "Host: a\r\nHost: a\r\n",
    none: "",
    "an empty one": "Host:\r\n",
    "a list": "Host: a, b\r\n",
    "a path": "Host: a/socket.io/?\r\n",
    "a backslash": "Host: a\\b\r\n",
    "a question mark": "Host: a?b\r\n",
    "a hash": "Host: a#b\r\n",
    "a user": "Host: user@a\r\n",
    "a space": "Host: a b\r\n",
    "an open bracket": "Host: [\r\n",
    "an address that is none": "Host: 256.1.1.1\r\n",
    "a port above 65535": "Host: a:99999\r\n",
    "bytes above 127": "Host: \u00e9\r\n",
  };
  for (const [name, headers] of Object.entries(refused)) {
    test(`T22 ${name} is refused with 400, and the connection ends`, async () => {
      const { statuses } = await untilClosed(`GET /-/health/live HTTP/1.1\r\n${headers}\r\n${hidden}`);
      expect(statuses).toEqual([400]);
    });
  }

  test("names, addresses and ports are fine", async () => {
    for (const name of [
      "a.example",
      "A_b-c.example.",
      "127.0.0.1:8899",
      "[::1]",
      "[::1]:8899",
      "localhost:80",
    ]) {
      const answer = await rawRequest(gateway.url, { path: "/-/health/live", headers: { Host: name } });
      expect(answer.status, name).toBe(200);
    }
  });

  test("the path is the target's, whatever stands in front of it", async () => {
    for (const target of ["http://elsewhere/-/health/live", "https://u@elsewhere/-/health/live"]) {
      expect((await rawRequest(gateway.url, { path: target })).status, target).toBe(200);
    }
    expect((await rawRequest(gateway.url, { path: "//elsewhere/-/health/live" })).status).toBe(404);
  });
});

describe("T22 a refused upgrade ends the connection", () => {
  const upgrade = (path: string, headers: string): string => `GET ${path} HTTP/1.1\r\n${host}${headers}\r\n`;
  const refused: Readonly<Record<string, readonly [status: number, bytes: string]>> = {
    "a body by its length": [400, `${upgrade(websocketPath, `${handshake}Content-Length: 5\r\n`)}hello`],
    "a length whose body never comes": [400, upgrade(websocketPath, `${handshake}Content-Length: 5\r\n`)],
    "a body in chunks": [
      400,
      `${upgrade(websocketPath, `${handshake}Transfer-Encoding: chunked\r\n`)}0\r\n\r\n`,
    ],
    "version 8": [426, upgrade(websocketPath, handshake.replace("Version: 13", "Version: 8"))],
    "version 777": [426, upgrade(websocketPath, handshake.replace("Version: 13", "Version: 777"))],
    "no version": [426, upgrade(websocketPath, handshake.replace("Sec-WebSocket-Version: 13\r\n", ""))],
    "no key": [400, upgrade(websocketPath, handshake.replace(/Sec-WebSocket-Key.*\r\n/, ""))],
    "a short key": [400, upgrade(websocketPath, handshake.replace("AAAA", ""))],
    "a key with other letters": [400, upgrade(websocketPath, handshake.replace("AAAA", "A-_A"))],
    "two keys": [400, upgrade(websocketPath, `${handshake}Sec-WebSocket-Key: BBBBBBBBBBBBBBBBBBBBBA==\r\n`)],
    "no Connection": [400, upgrade(websocketPath, handshake.replace("Connection: Upgrade\r\n", ""))],
    "Connection: keep-alive": [
      400,
      upgrade(websocketPath, handshake.replace("Connection: Upgrade", "Connection: keep-alive")),
    ],
    POST: [400, upgrade(websocketPath, handshake).replace("GET", "POST")],
    "POST with a body": [
      400,
      `${upgrade(websocketPath, `${handshake}Content-Length: 2\r\n`).replace("GET", "POST")}40`,
    ],
    "an unknown path": [404, upgrade("/nowhere", handshake)],
    "a path without websockets": [400, upgrade("/-/health/live", handshake)],
    "an unknown transport": [400, upgrade("/socket.io/?EIO=4&transport=carrier-pigeon", handshake)],
    "an unknown session": [400, upgrade(`${websocketPath}&sid=AAAAAAAAAAAAAAAAAAAA`, handshake)],
    "an unknown version of the protocol": [400, upgrade("/socket.io/?EIO=9&transport=websocket", handshake)],
    "an Origin that may not": [400, upgrade(websocketPath, `${handshake}Origin: https://evil.example\r\n`)],
  };
  for (const [name, [status, bytes]] of Object.entries(refused)) {
    test(`T22 EIO-15 ${name}: ${status}, Connection: close, no answer to what follows`, async () => {
      const { statuses, text } = await untilClosed(bytes + hidden);
      expect(statuses[0]).toBe(status);
      expect(statuses).not.toContain(200);
      expect(text.toLowerCase()).toContain("connection: close");
      if (status === 426) expect(text.toLowerCase()).toContain("sec-websocket-version: 13");
    });
  }

  test("T22 a refused upgrade reads nothing that comes later", async () => {
    using connection = await RawConnection.open(gateway.url);
    connection.write(upgrade(websocketPath, handshake.replace("Version: 13", "Version: 777")));
    expect((await connection.response()).status).toBe(426);
    connection.write(hidden);
    expect((await connection.ended()).toString()).toBe("");
  });

  test("an upgrade to something else is a plain request", async () => {
    const headers = {
      Connection: "Upgrade, HTTP2-Settings",
      Upgrade: "h2c",
      "HTTP2-Settings": "AAMAAABkAAQAAP__",
    };
    expect((await rawRequest(gateway.url, { path: "/-/health/live", headers })).status).toBe(200);
  });

  test("T7 no offered subprotocol or extension is selected", async () => {
    using connection = await RawConnection.open(gateway.url);
    const offers = "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    connection.write(upgrade(websocketPath, handshake + offers));
    const answer = await connection.response();
    expect(answer.status).toBe(101);
    expect([...answer.headers.keys()]).not.toContain("sec-websocket-protocol");
    expect([...answer.headers.keys()]).not.toContain("sec-websocket-extensions");
  });
});

describe("T7 large headers", () => {
  const count = 3_000;
  const large: Readonly<Record<string, string>> = {
    "3,000 headers": Array.from({ length: count }, (_, index) => `X${index}: a\r\n`).join(""),
    "a header of 1 MiB": `X: ${"a".repeat(1024 * 1024)}\r\n`,
    "64 KiB of Sec-WebSocket-Protocol": `Sec-WebSocket-Protocol: ${'"\\x", '.repeat(11_000)}\r\n`,
    "64 KiB of Sec-WebSocket-Extensions": `Sec-WebSocket-Extensions: ${'a; b="\\x", '.repeat(6_000)}\r\n`,
    "64 KiB of Connection": `Connection: ${" ,".repeat(32_768)}\r\n`,
  };
  for (const [name, headers] of Object.entries(large)) {
    test(`T7 ${name}: 431, at once`, async () => {
      const started = performance.now();
      const bytes = `GET ${websocketPath} HTTP/1.1\r\n${host}${handshake}${headers}\r\n${hidden}`;
      expect((await untilClosed(bytes)).statuses).toEqual([431]);
      expect(performance.now() - started).toBeLessThan(500);
    });
  }

  test("T7 T21 no header below the limit takes long to read", async () => {
    const length = 15_000;
    const nasty = [
      `Connection: a${" ".repeat(length)}b\r\n`,
      `Connection: ${"upgrade,\t".repeat(length / 9)}x\r\n`,
      `Sec-WebSocket-Key: ${"A".repeat(length)}\r\n`,
      `Sec-WebSocket-Protocol: ${'"\\x", '.repeat(length / 6)}\r\n`,
      `Sec-WebSocket-Extensions: ${'a; b="\\x", '.repeat(length / 11)}\r\n`,
      `X-Forwarded-For: ${"[]:1".repeat(length / 4)}\r\n`,
      `Accept-Encoding: ${" ,".repeat(length / 2)}\r\n`,
      `Cookie: ${"a=b; ".repeat(length / 5)}\r\n`,
      `Origin: http://${"a".repeat(length)}\r\n`,
    ];
    for (const header of nasty) {
      const started = performance.now();
      const bytes = `GET ${websocketPath} HTTP/1.1\r\n${host}${handshake.replace("Version: 13", "Version: 0")}${header}\r\n`;
      await untilClosed(bytes);
      // A quadratic reader needs more than 100 ms for one of these.
      expect(performance.now() - started, header.slice(0, 30)).toBeLessThan(80);
    }
  });

  test("T7 T9 a target of 1 MiB, and bodies over the limit", async () => {
    expect((await untilClosed(`GET /${"a".repeat(1024 * 1024)} HTTP/1.1\r\n${host}\r\n`)).statuses).toEqual([
      431,
    ]);
    const announced = `POST /emit HTTP/1.1\r\n${host}Content-Length: 2000000000\r\n\r\n`;
    expect((await untilClosed(announced)).statuses).toEqual([413]);
    const session = await PollingClient.connect(gateway.url);
    const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
    const endless = `POST ${session.path()} HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(40)}`;
    expect((await untilClosed(endless)).statuses).toEqual([413]);
  });
});

describe("methods", () => {
  test("HEAD has the headers of GET and no body", async () => {
    const { statuses, text } = await untilClosed(
      `HEAD /-/health/live HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    );
    expect(statuses).toEqual([200]);
    expect(text.endsWith("\r\n\r\n")).toBe(true);
  });

  test("T26 TRACE repeats nothing, and unknown methods end the connection", async () => {
    const trace = await rawRequest(gateway.url, {
      method: "TRACE",
      path: "/x",
      headers: { "X-Canary": "canary" },
    });
    expect([trace.status, trace.text.includes("canary")]).toEqual([404, false]);
    for (const method of ["FOO", "get", "POSTX", "GE T"]) {
      const { statuses } = await untilClosed(`${method} /-/health/live HTTP/1.1\r\n${host}\r\n${hidden}`);
      expect(
        statuses.filter((status) => status < 400),
        method,
      ).toEqual([]);
    }
  });
});

describe("SEC-05 T26 refusals", () => {
  const canary = "c4n4ry<script>alert(1)</script>";
  const encoded = encodeURIComponent(canary);
  const headers = { "X-Canary": canary, "User-Agent": canary, Cookie: canary, Referer: canary };
  const doors: readonly (readonly [method: string, path: string, more?: Readonly<Record<string, string>>])[] =
    [
      ["GET", `/${encoded}`],
      ["GET", `/?x=${encoded}`],
      ["GET", `/socket.io/?EIO=${encoded}&transport=polling`],
      ["GET", `/socket.io/?EIO=4&transport=${encoded}`],
      ["GET", `/socket.io/?EIO=4&transport=polling&sid=${encoded}`],
      ["GET", `/socket.io/?EIO=4&transport=polling&j=${encoded}`],
      ["GET", "/socket.io/?EIO=4&transport=polling", { Origin: `https://${canary}` }],
      ["DELETE", `/socket.io/?EIO=4&transport=polling&x=${encoded}`],
      ["POST", `/emit?x=${encoded}`],
      ["POST", `/-/health/${encoded}`],
      ["GET", `/-/${encoded}`],
      ["GET", "/-/health/live", { Host: canary }],
      ["GET", `${websocketPath}&x=${encoded}`, { Upgrade: "websocket", Connection: canary }],
      ["GET", `/${encoded}`, { Upgrade: "websocket", Connection: "Upgrade" }],
    ];
  for (const [method, path, more] of doors) {
    test(`SEC-05 T26 ${method} ${decodeURIComponent(path).slice(0, 45)} ${JSON.stringify(more ?? {}).slice(0, 40)}`, async () => {
      const body = method === "POST" ? { body: canary } : {};
      const answer = await rawRequest(gateway.url, {
        method,
        path,
        headers: { ...headers, ...more },
        ...body,
      });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      const head = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      expect(head + answer.text).not.toContain("c4n4ry");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      // The bodies of EIO-15 are JSON; nothing is ever HTML.
      expect(answer.headers.get("content-type")).toMatch(/^(text\/plain|application\/json)\b/);
    });
  }

  test("T26 a log line is one line, whatever a request says", async () => {
    const path = `/socket.io/?EIO=4&transport=polling&sid=${encodeURIComponent('x\n{"level":"error"}\u001b[31m')}`;
    expect((await rawRequest(gateway.url, { path })).status).toBe(400);
    for (const line of gateway.log.trim().split("\n")) expect(JSON.parse(line)).toBeObject();
    expect(gateway.log).not.toContain("\u001b");
  });
});

test("T11 connections that say nothing, or one byte a second, end within 20 s while others are served", async () => {
  const trickles: Readonly<Record<string, readonly [start: string, drip: string]>> = {
    silent: ["", ""],
    "half a header": [`GET / HTTP/1.1\r\n${host}`, ""],
    "a header that grows": [`GET / HTTP/1.1\r\n${host}X: `, "a"],
    "a body that grows": [`POST /emit HTTP/1.1\r\n${host}Content-Length: 1000\r\n\r\n`, "a"],
    "chunks that trickle": [`POST /emit HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`, "1\r\na\r\n"],
    "a body that never comes": [`POST /emit HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\n`, ""],
    "an idle one": [hidden, ""],
  };
  const each = 30;
  const open: RawConnection[] = [];
  const dripping: (readonly [RawConnection, string])[] = [];
  for (const [start, drip] of Object.values(trickles)) {
    for (let index = 0; index < each; index++) {
      const connection = await RawConnection.open(gateway.url);
      connection.write(start);
      open.push(connection);
      if (drip !== "") dripping.push([connection, drip]);
    }
  }
  const timer = setInterval(() => {
    for (const [connection, drip] of dripping) if (!connection.hasEnded) connection.write(drip);
  }, 1_000);
  const started = performance.now();
  let slowest = 0;
  while (open.some((connection) => !connection.hasEnded)) {
    const asked = performance.now();
    expect((await rawRequest(gateway.url, { path: "/-/health/live" })).status).toBe(200);
    slowest = Math.max(slowest, performance.now() - asked);
    if (asked - started > 20_000) break;
    await Bun.sleep(100);
  }
  clearInterval(timer);
  expect(open.filter((connection) => !connection.hasEnded).length).toBe(0);
  expect(slowest).toBeLessThan(1_000);
  for (const connection of open) connection[Symbol.dispose]();
}, 30_000);
