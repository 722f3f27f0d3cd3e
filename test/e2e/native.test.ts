// The native dialect in a real browser and through a real nginx: pages without a library, that come back by themselves.

import { connect } from "node:http2";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { withBrowser } from "../support/chromium.ts";
import { EventStreamClient } from "../support/event-stream.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { HaProxy } from "../support/haproxy.ts";
import { include, Nginx } from "../support/nginx.ts";
import { freePort } from "../support/ports.ts";
import { RawWebSocket } from "../support/raw.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const secret = "publish-secret-of-the-test";
const headers = { authorization: `Bearer ${secret}` };
const html = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>page</title>';

let gateway: TestGateway;
/** Of pages. */
let site: Bun.Server<undefined>;
let stranger: Bun.Server<undefined>;

const serve = (): Bun.Server<undefined> =>
  Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(html, { headers: { "content-type": "text/html" } }),
  });

beforeAll(async () => {
  site = serve();
  stranger = serve();
  gateway = await startGateway({
    listeners: [
      {
        address: "127.0.0.1:0",
        dialects: ["native"],
        origins: [site.url.origin],
        trustedProxies: ["127.0.0.1"],
      },
    ],
    native: { heartbeat: 1 },
    secret,
  });
  await until(async () => {
    using socket = await RawWebSocket.open(gateway.url, "/connect?room=begin");
    return String(await socket.waitForMessage()).includes('"at":"');
  }, 20_000);
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await site.stop(true);
  await stranger.stop(true);
});

async function publish(room: string, text: string): Promise<void> {
  const answer = await fetch(`${gateway.url}/rooms/${room}`, { method: "POST", headers, body: text });
  expect(answer.status).toBe(200);
}

test("F12 an EventSource of a plain page that was cut off hears what it missed, once and in order", async () => {
  await using proxy = await TcpProxy.start(Number(new URL(gateway.url).port));
  await withBrowser(async (browser) => {
    const { page, takeProblems } = await browser.open(site.url.href);
    await page.evaluate((url) => {
      const heard: string[] = [];
      Object.assign(globalThis, { heard });
      const source = new EventSource(`${url}/connect?room=time`);
      source.addEventListener("joined", ({ data }: MessageEvent<string>) => {
        const { recovered } = JSON.parse(data) as { recovered?: boolean };
        heard.push(`joined ${recovered}`);
      });
      source.addEventListener("message", ({ data }: MessageEvent<string>) => {
        heard.push((JSON.parse(data) as { data: string }).data);
      });
    }, `http://127.0.0.1:${proxy.port}`);
    const heard = async (): Promise<string> =>
      page.evaluate(() => (globalThis as unknown as { heard: string[] }).heard.join());
    await until(async () => (await heard()) === "joined undefined", 20_000);
    await publish("time", "a");
    await until(async () => (await heard()) === "joined undefined,a", 20_000);
    proxy.cut();
    for (const text of ["b", "c", "line one\nline two"]) await publish("time", text);
    proxy.heal();
    const all = "joined undefined,a,joined true,b,c,line one\nline two";
    await until(async () => (await heard()) === all, 20_000);
    await publish("time", "d");
    await until(async () => (await heard()) === `${all},d`, 20_000);
    takeProblems();
  });
});

test("T1 SEC-07 a page of a listed origin connects either way, one of another origin neither", async () => {
  await withBrowser(async (browser) => {
    for (const [origin, outcome] of [
      [site, ["open", "open"]],
      [stranger, ["error", "error"]],
    ] as const) {
      const { page, takeProblems } = await browser.open(origin.url.href);
      const seen = await page.evaluate(async (url) => {
        const first = async (target: EventTarget): Promise<string> =>
          new Promise((resolve) => {
            for (const type of ["open", "error"]) {
              target.addEventListener(type, () => {
                resolve(type);
              });
            }
          });
        const source = new EventSource(`${url}/connect?room=time`);
        const socket = new WebSocket(`${url.replace("http", "ws")}/connect?room=time`);
        return Promise.all([first(source), first(socket)]);
      }, gateway.url);
      expect(seen).toEqual([...outcome]);
      takeProblems();
    }
  });
});

test("T23 S11 what is said in a room is one event in a browser, with equal text", async () => {
  const texts = [
    "\n\nevent: gap\ndata: x\n\n",
    "a\rb\r\nc",
    "\u2028\u2029",
    "\ufeffid: 1",
    "x\0y",
    "data: ",
    ":",
  ];
  await withBrowser(async (browser) => {
    const { page, takeProblems } = await browser.open(site.url.href);
    const heard = page.evaluate(
      async ([url = "", count = "0"]) =>
        new Promise<string[]>((resolve) => {
          const all: string[] = [];
          const source = new EventSource(`${url}/connect?room=hostile`);
          source.addEventListener("gap", () => all.push("a gap that was injected"));
          source.addEventListener("message", ({ data }: MessageEvent<string>) => {
            all.push((JSON.parse(data) as { data: string }).data);
            if (all.length === Number(count)) {
              source.close();
              resolve(all);
            }
          });
        }),
      [gateway.url, String(texts.length)],
    );
    await until(async () => (await gateway.metric("belfry_connections", 'transport="stream"')) > 0, 20_000);
    for (const text of texts) await publish("hostile", text);
    expect(await heard).toEqual(texts);
    takeProblems();
  });
});

/** Streams, websockets and the client come through at once; nothing else does. */
async function expectThrough(url: string): Promise<void> {
  using stream = await EventStreamClient.open(`${url}/connect?room=proxied`);
  expect((await stream.next()).type).toBe("joined");
  using socket = await RawWebSocket.open(url, "/connect?room=proxied");
  expect(String(await socket.waitForMessage())).toStartWith('{"type":"joined"');
  for (const file of ["client.js", "client.mjs", "presence.mjs"])
    expect([file, (await fetch(`${url}/connect/${file}`)).status]).toEqual([file, 200]);
  for (const path of ["/connect/other", "/rooms/proxied", "/-/metrics"])
    expect([path, (await fetch(url + path)).status]).toEqual([path, 404]);
  await publish("proxied", "now");
  expect(JSON.parse((await stream.next()).data)).toMatchObject({ data: "now" });
  expect(String(await socket.waitForMessage())).toContain('"data":"now"');
  // Heartbeats come through, too: they move the id on.
  const before = stream.lastEventId;
  void stream.next().catch(() => undefined);
  await publish("elsewhere", "counted");
  await until(() => stream.lastEventId !== before, 20_000);
}

test("F17 through HAProxy, streams and websockets are heard at once", async () => {
  await using proxy = await HaProxy.start(new URL(gateway.url).host);
  await expectThrough(proxy.url);
});

test("F17 through nginx, streams and websockets are heard at once, over HTTP/1.1 and HTTP/2", async () => {
  const port = await freePort();
  await using nginx = await Nginx.start({
    upstreams: { belfry: new URL(gateway.url).host },
    server: `listen 127.0.0.1:${port} http2;\n    ${include("belfry-native.conf")}`,
  });
  await expectThrough(nginx.url);
  const session = connect(`http://127.0.0.1:${port}`);
  const request = session.request({ ":path": "/connect?room=proxied", accept: "text/event-stream" });
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => (text += chunk));
  await until(() => text.includes("event: joined"), 20_000);
  await publish("proxied", "later");
  await until(() => text.includes('"data":"later"'), 20_000);
  session.destroy();
});
