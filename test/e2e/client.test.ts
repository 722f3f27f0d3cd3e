// The client where it is used: in pages of a real browser, as the gateway serves it, and in Node, as `npm pack` packs it.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Page } from "playwright-core";
import { apiPublish } from "../support/emit.ts";
import { withBrowser } from "../support/chromium.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { run } from "../support/process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(90_000);

const root = join(import.meta.dir, "../..");
const secret = "publish-secret-of-the-test";
const waitMs = 20_000;
/** How long the line is cut, ms. */
const cutMs = 5_000;

let gateway: TestGateway;
/** Of pages, and a way to the gateway by which no websockets come through. */
let site: Bun.Server<undefined>;

beforeAll(async () => {
  site = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      if (pathname.startsWith("/connect")) return throughWithoutWebsockets(request, pathname + search);
      return new Response(pageOf(pathname), { headers: { "content-type": "text/html" } });
    },
  });
  gateway = await startGateway({
    listeners: [{ address: "127.0.0.1:0", dialects: ["native"], origins: [site.url.origin] }],
    rooms: [{ match: "*", publish: "members" }],
    secret,
  });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await site.stop(true);
});

async function throughWithoutWebsockets(request: Request, path: string): Promise<Response> {
  const headers = new Headers();
  for (const name of ["accept", "origin", "last-event-id"]) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  return fetch(gateway.url + path, { headers, signal: request.signal });
}

/** A page that connects to `?url` and keeps what it is told, as a script or as a module. */
function pageOf(path: string): string {
  const use = `
    const client = connect(new URLSearchParams(location.search).get("url"), { maxDelayMs: 1000 });
    const told = [];
    client.on("count", (data, { room }) => told.push(room + " " + data));
    client.watch("recovered", ({ room, missed }) => told.push("recovered " + room + " " + missed));
    client.watch("gap", ({ rooms, reason }) => told.push("gap " + rooms + " " + reason));
    client.watch("state", ({ state, transport }) => { document.title = state + " " + (transport ?? ""); });
    Object.assign(globalThis, { client, told });`;
  const scripts =
    path === "/module"
      ? `<script type="module">import { connect } from "${gateway.url}/connect/client.mjs"; ${use}</script>`
      : `<script src="${gateway.url}/connect/client.js"></script><script>{ const { connect } = belfry; ${use} }</script>`;
  return `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>page</title>${scripts}`;
}

const pageUrl = (url: string, kind = ""): string =>
  `${site.url.origin}/${kind}?url=${encodeURIComponent(`${url}/connect`)}`;

async function publish(room: string, data: number): Promise<void> {
  await apiPublish(gateway.url, secret, { room, event: "count", data });
}

/** What pages of this test have as globals. */
interface Globals {
  readonly told: readonly string[];
  readonly client: {
    join(room: string): Promise<unknown>;
    publish(room: string, event: string, data: unknown): Promise<unknown>;
  };
}

const told = async (page: Page): Promise<string> =>
  page.evaluate(() => (globalThis as unknown as Globals).told.join());

async function joinRoom(page: Page, room: string): Promise<void> {
  await page.evaluate(async (name) => {
    await (globalThis as unknown as Globals).client.join(name);
  }, room);
}

async function expectTold(page: Page, all: string): Promise<void> {
  await until(async () => (await told(page)) === all, waitMs).catch(async () => {
    expect(await told(page)).toBe(all);
  });
}

describe("in pages", () => {
  test.each(["script", "module"])("two tabs hear the same, and one publishes: %s", async (kind) => {
    await withBrowser(async ({ open }) => {
      const one = (await open(pageUrl(gateway.url, kind))).page;
      const two = (await open(pageUrl(gateway.url, kind))).page;
      for (const page of [one, two]) await joinRoom(page, `tabs-${kind}`);
      await one.evaluate(async (room) => {
        await (globalThis as unknown as Globals).client.publish(room, "count", 1);
      }, `tabs-${kind}`);
      await publish(`tabs-${kind}`, 2);
      for (const page of [one, two]) await expectTold(page, `tabs-${kind} 1,tabs-${kind} 2`);
      expect(await one.title()).toBe("connected websocket");
    });
  });

  test("a line that is cut for five seconds loses nothing", async () => {
    await using proxy = await TcpProxy.start(Number(new URL(gateway.url).port));
    await withBrowser(async ({ open }) => {
      const { page, takeProblems } = await open(pageUrl(`http://127.0.0.1:${proxy.port}`));
      await joinRoom(page, "cut");
      await publish("cut", 1);
      await expectTold(page, "cut 1");
      proxy.cut();
      for (const data of [2, 3]) await publish("cut", data);
      // As long as the line is cut, not until something is there.
      await Bun.sleep(cutMs);
      await publish("cut", 4);
      proxy.heal();
      await expectTold(page, "cut 1,recovered cut 3,cut 2,cut 3,cut 4");
      await publish("cut", 5);
      await expectTold(page, "cut 1,recovered cut 3,cut 2,cut 3,cut 4,cut 5");
      takeProblems();
    });
  });

  test("a line that falls silent is noticed when the page is told that the network is back", async () => {
    await using proxy = await TcpProxy.start(Number(new URL(gateway.url).port));
    await withBrowser(async ({ open }) => {
      const { page, takeProblems } = await open(pageUrl(`http://127.0.0.1:${proxy.port}`));
      await joinRoom(page, "silent");
      proxy.blackhole();
      await publish("silent", 1);
      proxy.heal();
      await page.evaluate(() => dispatchEvent(new Event("online")));
      await expectTold(page, "recovered silent 1,silent 1");
      takeProblems();
    });
  });

  test("where websockets are blocked pages hear by event stream, and miss nothing when that is cut", async () => {
    await using proxy = await TcpProxy.start(Number(site.url.port));
    await withBrowser(async ({ open }) => {
      const { page, takeProblems } = await open(pageUrl(`http://127.0.0.1:${proxy.port}`));
      await joinRoom(page, "blocked");
      await publish("blocked", 1);
      await expectTold(page, "blocked 1");
      expect(await page.title()).toBe("connected stream");
      await joinRoom(page, "second");
      await publish("second", 1);
      await until(async () => (await told(page)).endsWith("second 1"), waitMs);
      proxy.cut();
      await publish("blocked", 2);
      await publish("second", 2);
      proxy.heal();
      await until(async () => (await told(page)).endsWith("second 2"), waitMs);
      const publications = (await told(page))
        .split(",")
        .filter((text) => /^(?:blocked|second) \d$/.test(text));
      expect(publications).toEqual(["blocked 1", "second 1", "blocked 2", "second 2"]);
      expect(await told(page)).not.toContain("gap");
      takeProblems();
    });
  });
});

describe("in the package", () => {
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "belfry-client-"));
    const packed = await run(["npm", "pack", "--pack-destination", folder], { cwd: root });
    expect(packed.code).toBe(0);
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
    mkdirSync(join(folder, "node_modules/belfry"), { recursive: true });
    const into = join(folder, "node_modules/belfry");
    expect((await run(["tar", "xzf", join(folder, tarball), "-C", into, "--strip-components=1"])).code).toBe(
      0,
    );
    symlinkSync(join(root, "node_modules/ws"), join(folder, "node_modules/ws"));
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  // Node 22 has a WebSocket of its own, Node 20 is handed one.
  test.each([
    ["Node, with the WebSocket of `ws`", ["node"], 'import { WebSocket } from "ws";'],
    ["Node, with its own WebSocket", ["node", "--experimental-websocket"], ""],
    ["Bun", [process.execPath], ""],
  ])("it joins, publishes, hears and ends: %s", async (title, command, line) => {
    const file = join(folder, "use.mjs");
    const room = title.replaceAll(/\W/g, "-");
    writeFileSync(
      file,
      `${line}
import { connect } from "belfry/client";
import { watchPresence } from "belfry/client/presence";
const client = connect("${gateway.url}/connect", ${line === "" ? "{}" : "{ WebSocket }"});
await client.join("${room}");
const heard = new Promise((resolve) => client.on("count", (data, { room }) => resolve(room + " " + data)));
await client.publish("${room}", "count", 7);
console.log(await heard);
watchPresence(client, "${room}", { failed: ({ code }) => { console.log(code); client.disconnect(); } });
`,
    );
    const { code, stdout, stderr } = await run([...command, file], { timeoutMs: 20_000 });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${room} 7\nno_presence\n`, stderr: "" });
  });

  test("without any WebSocket it says what it needs", async () => {
    const file = join(folder, "none.mjs");
    writeFileSync(
      file,
      `import { connect } from "belfry/client";
try { connect("ws://127.0.0.1:1/connect", { transport: "stream" }); } catch (error) { console.log(error.message); }`,
    );
    expect((await run(["node", file])).stdout).toBe("Expected options.WebSocket\n");
  });

  test("its types are those of a user's own map, in a strict project", async () => {
    const use = (event: string, type: string): string => `import { connect } from "belfry/client";
import { watchPresence } from "belfry/client/presence";
interface Events { clock: string }
const client = connect<Events>("http://localhost/connect");
client.on("${event}", (time, { room }) => { const text: [${type}, string] = [time, room]; void text; });
void client.publish("time", "clock", "12:00");
watchPresence(client, "time", { changed: ({ users }) => { const names: string[] = [...(users ?? new Map()).keys()]; void names; } });
`;
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: { strict: true, noEmit: true, module: "nodenext", target: "es2022", types: [] },
        files: ["use.ts"],
      }),
    );
    const check = async (text: string): Promise<string> => {
      writeFileSync(join(folder, "use.ts"), text);
      return (await run([join(root, "node_modules/.bin/tsc"), "--project", folder])).stdout;
    };
    expect(await check(use("clock", "string"))).toBe("");
    expect(await check(use("clock", "number"))).toContain("Type 'string' is not assignable to type 'number'");
    expect(await check(use("click", "string"))).toContain("'\"click\"' is not assignable");
  });
});
