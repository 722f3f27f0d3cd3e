// Pages with the browser bundles of socket.io-client 1.0 to 4.8 in a real Chromium, over each transport, and text outside
// ASCII from each door of a backend: pickle, MessagePack, JSON on the queue, and POST /emit. What a page of 1.x cannot read
// ends its connection, so one message more proves that it could.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Emitter } from "@socket.io/redis-emitter";
import type { Page } from "playwright-core";
import { emit } from "../support/emit.ts";
import { withBrowser } from "../support/chromium.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { oldClient } from "../support/old-clients.ts";
import type { OldVersion } from "../support/old-clients.ts";
import { PythonProgram } from "../support/python.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";

// For a machine that does much else besides.
setDefaultTimeout(120_000);

const modules = join(import.meta.dir, "../../node_modules");
const installed = {
  "2.5": "socket.io-client-2/dist/socket.io.js",
  "3.0": "socket.io-client-3/dist/socket.io.js",
  "4.8": "socket.io-client/dist/socket.io.js",
} as const;

type Version = OldVersion | keyof typeof installed;

/** Options of the client, and the transport that it ends with. */
const transports = {
  polling: [{ transports: ["polling"] }, "polling"],
  websocket: [{ transports: ["websocket"] }, "websocket"],
  upgrade: [{}, "websocket"],
  "polling without binary": [{ transports: ["polling"], forceBase64: true }, "polling"],
  "websocket without binary": [{ transports: ["websocket"], forceBase64: true }, "websocket"],
  JSONP: [{ transports: ["polling"], forceJSONP: true }, "polling"],
} as const;

type Transport = keyof typeof transports;

const secret = "S3CRET";
const text = "é😀";

let redis: RedisServer;
let gateway: TestGateway;
let site: Bun.Server<undefined>;
let bus: RedisClient;
let pickler: PythonProgram;

beforeAll(async () => {
  redis = await startRedis();
  site = startSite();
  bus = await connectRedis(redis.url);
  pickler = await PythonProgram.start("socketio-5.13", "manager", [redis.url, "flask-socketio"]);
  gateway = await startGateway({
    redis: redis.url,
    secret,
    listeners: [{ address: "127.0.0.1:0", origins: [site.url.origin] }],
  });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await pickler[Symbol.asyncDispose]();
  await bus.close();
  await site.stop(true);
  await redis.stop();
});

async function bundleOf(version: Version): Promise<string> {
  return version in installed
    ? join(modules, installed[version as keyof typeof installed])
    : oldClient(version as OldVersion);
}

/** Serves a page that loads a client, connects, and keeps what it hears in `heard`. */
function startSite(): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      const version = searchParams.get("version") as Version;
      if (pathname === "/client.js") return new Response(Bun.file(await bundleOf(version)));
      const options = searchParams.get("options") ?? "{}";
      const html = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<body><script src="/client.js?version=${version}"></script><script>
const heard = [];
const plain = (value) => value instanceof ArrayBuffer ? [...new Uint8Array(value)] : value;
let socket;
// Later than the page's own scripts: a JSONP poll is one, and the page would never be loaded.
addEventListener("load", () => setTimeout(() => {
  socket = io(${JSON.stringify(gateway.url)}, { forceNew: true, reconnection: false, ...${options} });
  for (const name of ["connect", "connect_error", "error", "disconnect", "update", "é😀"])
    socket.on(name, (...args) => heard.push([name, ...args.map(plain)]));
}));
const join = (room, blob) => socket.emit("join", { room, blob }, (...args) => heard.push(["joined", ...args]));
</script>`;
      return new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } });
    },
  });
}

/** What a page heard, one after the other. */
class Ear {
  readonly #page: Page;
  #next = 0;

  constructor(page: Page) {
    this.#page = page;
  }

  async next(): Promise<unknown> {
    const index = this.#next++;
    await this.#page.waitForFunction(`heard.length > ${index}`);
    return this.#page.evaluate(`heard[${index}]`);
  }
}

const envelope = { method: "emit", namespace: "/", room: "time", skip_sid: null, callback: null };

/** By each door, the same words into the room `time`. */
const doors: Readonly<Record<string, (event: string) => Promise<unknown>>> = {
  pickle: async (event) =>
    pickler.run(`manager.emit(${JSON.stringify(event)}, {${JSON.stringify(text)}: ["é😀"]}, room="time")`),
  msgpack: async (event) => new Emitter(bus).to("time").emit(event, { [text]: [text] }),
  queue: async (event) =>
    bus.publish("flask-socketio", JSON.stringify({ ...envelope, event, data: { [text]: [text] } })),
  emit: async (event) => emit(gateway.url, { event, room: "time", data: { [text]: [text] }, secret }),
};

const versions: readonly Version[] = ["1.0.6", "1.3.7", "1.4.8", "1.7.4", "2.5", "3.0", "4.8"];

/** Version 4 of the client knows no JSONP. */
const transportsOf = (version: Version): readonly Transport[] =>
  (Object.keys(transports) as Transport[]).filter(
    (transport) => transport !== "JSONP" || !version.startsWith("4"),
  );

async function hearEverything(page: Page, transport: Transport): Promise<void> {
  const ear = new Ear(page);
  expect((await ear.next()) as unknown[]).toEqual(["connect"]);
  const [, name] = transports[transport];
  await page.waitForFunction(`(socket.io.engine || {}).transport.name === ${JSON.stringify(name)}`);
  await page.evaluate('join("time")');
  expect(await ear.next()).toEqual(["joined"]);
  for (const [door, emit] of Object.entries(doors)) {
    for (const event of ["update", text]) {
      await emit(event);
      expect([door, await ear.next()]).toEqual([door, [event, { [text]: [text] }]]);
    }
  }
  const binary = [{ _placeholder: true, num: 0 }, Buffer.from([0, 1, 255])] as const;
  const data = [[binary[0], text], binary[1].toString("base64")];
  await bus.publish("flask-socketio", JSON.stringify({ ...envelope, event: "update", data, binary: true }));
  expect(await ear.next()).toEqual(["update", [0, 1, 255], text]);
  await page.evaluate('join("another", new Uint8Array([0, 30, 255]).buffer)');
  expect(await ear.next()).toEqual(["joined"]);
  await bus.publish("flask-socketio", JSON.stringify({ ...envelope, event: "update", room: "another" }));
  expect(await ear.next()).toEqual(["update"]);
}

describe.each(versions)("socket.io-client %s in Chromium", (version) => {
  test("EIO-08 EIO-09 EIO-10 EIO-13 EIO-21 SIO-08 SIO-09 hears text outside ASCII from every door, over every transport", async () => {
    await withBrowser(async ({ open }) => {
      for (const transport of transportsOf(version)) {
        const [options] = transports[transport];
        const query = new URLSearchParams({ version, options: JSON.stringify(options) });
        const { page } = await open(`${site.url.origin}/?${query}`);
        try {
          await hearEverything(page, transport);
        } catch (error) {
          throw new Error(`${version} over ${transport}: ${JSON.stringify(await page.evaluate("heard"))}`, {
            cause: error,
          });
        }
        await page.close();
      }
    });
  });
});
