// The nginx recipes of docs/migrate/, in a real nginx between clients and the gateway: the snippets of packaging/nginx/
// as they are, and the recipes that the other systems documented. What the pages say of both is proved here.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connectBackend } from "../support/dialects/site.ts";
import type { Backend } from "../support/dialects/site.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { until } from "../support/until.ts";
import { include, Nginx } from "../support/nginx.ts";
import { Page } from "../support/page.ts";
import { RunningProcess } from "../support/process.ts";
import { pythonEnv } from "../support/python.ts";
import { handshakeHeaders, rawRequest, RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";

const loopback = "127.0.0.1";
/** Generous: the machine may be busy with something else. */
const patienceMs = 20_000;

setDefaultTimeout(60_000);

let redis: RedisServer;
let backend: Backend;
let folder: string;

beforeAll(async () => {
  redis = await startRedis();
  backend = await connectBackend(redis.url);
  folder = mkdtempSync(join(tmpdir(), "belfry-migrate-"));
});

afterAll(async () => {
  await backend.close();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Options = NonNullable<Parameters<typeof startGateway>[0]>;
type Listener = NonNullable<Options["listeners"]>[number];

/** A gateway with one listener on a free port that believes the proxies of this machine. */
async function gatewayBehind(
  dialects: NonNullable<Listener["dialects"]>,
  options: Options = {},
): Promise<TestGateway> {
  const listener = { address: `${loopback}:0`, dialects, trustedProxies: [loopback] };
  return startGateway({ redis: redis.url, listeners: [listener], ...options });
}

const hostOf = ({ url }: TestGateway): string => new URL(url).host;

/** The status of a handshake; 101 is ended at once. */
async function statusOf(url: string, path: string, headers: Record<string, string> = {}): Promise<number> {
  const opened = await RawWebSocket.tryOpen(url, path, headers);
  if (!(opened instanceof RawWebSocket)) return opened.status;
  opened[Symbol.dispose]();
  return 101;
}

/** Waits for a ping of the gateway and answers it. */
async function pinged(socket: RawWebSocket): Promise<void> {
  const [ping, pong] = [Buffer.of(0x89, 0), 10];
  await socket.connection.read(
    (received) =>
      received.subarray(0, 2).equals(ping) ? { result: undefined, length: ping.length } : undefined,
    patienceMs,
  );
  socket.sendFrame(pong, "");
}

/** Each snippet, with the dialect that it is for and a handshake of one of its clients. */
const snippets = [
  {
    file: "belfry-ws-hub.conf",
    upstream: "belfry_ws_hub",
    dialect: "ws-hub",
    path: (name: string) => `/ws?session_key=${name}`,
    pingSeconds: 54,
  },
  {
    file: "belfry-ws4redis.conf",
    upstream: "belfry_ws4redis",
    dialect: "ws4redis",
    path: (name: string) => `/ws/${name}?subscribe-broadcast`,
    pingSeconds: 30,
  },
  {
    file: "belfry-websocket-channels.conf",
    upstream: "belfry_channels",
    dialect: "websocket-channels",
    path: (name: string) => `/ws/${name}`,
    pingSeconds: 30,
  },
] as const;

describe.each(snippets)("$file", ({ file, upstream, dialect, path, pingSeconds }) => {
  let gateway: TestGateway;
  let nginx: Nginx;

  beforeAll(async () => {
    gateway = await gatewayBehind([dialect], {
      identity: { sessionEngine: "none" },
      limits: { connectionsPerAddress: 2 },
    });
    nginx = await Nginx.start({ upstreams: { [upstream]: hostOf(gateway) }, server: include(file) });
  });

  afterAll(async () => {
    await nginx[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  test("SEC-15 a client counts by the address that its proxy saw", async () => {
    const from = { "X-Forwarded-For": "203.0.113.9" };
    using first = await RawWebSocket.open(nginx.url, path("a"), from);
    using second = await RawWebSocket.open(nginx.url, path("b"), from);
    expect(await statusOf(nginx.url, path("c"), from)).toBe(503);
    expect(await statusOf(nginx.url, path("d"), { "X-Forwarded-For": "203.0.113.10" })).toBe(101);
    expect([first.connection.hasEnded, second.connection.hasEnded]).toEqual([false, false]);
  });

  test("SEC-15 nginx says who came, and to which host, over what the client says", async () => {
    const echo = Bun.serve({
      hostname: loopback,
      port: 0,
      fetch: ({ headers }) => Response.json(Object.fromEntries(headers)),
    });
    await using front = await Nginx.start({
      upstreams: { [upstream]: `${loopback}:${echo.port}` },
      server: include(file),
    });
    const lies = {
      "X-Forwarded-For": "203.0.113.9",
      "X-Forwarded-Host": "elsewhere.example",
      "X-Forwarded-Proto": "gopher",
    };
    const headers = { ...handshakeHeaders(), ...lies };
    const { text } = await rawRequest(front.url, { path: path("a"), headers });
    await echo.stop(true);
    const { host } = new URL(front.url);
    expect(JSON.parse(text)).toMatchObject({
      host,
      "x-forwarded-for": `203.0.113.9, ${loopback}`,
      "x-forwarded-host": host,
      "x-forwarded-proto": "http",
      upgrade: "websocket",
      connection: "upgrade",
    });
  });

  test("SEC-13 RTE-10 publishing, health, metrics and status pages are not passed on, by any spelling", async () => {
    const up = String.raw`/ws/..\-/metrics`;
    const spelled = ["..", "%2e%2e", ".%2E", "./..", "x/%2e./.."].map((out) => `/ws/${out}/-/metrics`);
    const paths = [
      "/-/metrics",
      "/-/health/live",
      "/publish",
      "/emit",
      "/status",
      "/clients",
      up,
      ...spelled,
    ];
    for (const inside of [...paths, "/ws/-/metrics", "/ws/x", "/ws", "/ws/"]) {
      for (const method of ["GET", "POST"]) {
        const { status } = await rawRequest(nginx.url, { method, path: inside });
        expect([inside, method, [400, 404, 405].includes(status)]).toEqual([inside, method, true]);
      }
      const handshake = { ...handshakeHeaders(), Upgrade: "h2c" };
      const { status } = await rawRequest(nginx.url, { path: inside, headers: handshake });
      expect([inside, [400, 404].includes(status)]).toEqual([inside, true]);
    }
    // The gateway itself refuses what two readers would read as two.
    expect((await rawRequest(gateway.url, { path: up })).status).toBe(400);
  });

  test("nginx waits for longer than the pings are apart", async () => {
    const text = await Bun.file(join(import.meta.dir, "../../packaging/nginx", file)).text();
    for (const name of ["proxy_read_timeout", "proxy_send_timeout"]) {
      const [, seconds] = new RegExp(String.raw`^\s*${name} (\d+)s;$`, "m").exec(text) ?? [];
      expect(Number(seconds)).toBeGreaterThan(2 * pingSeconds);
    }
  });
});

describe("ws-hub", () => {
  const server = include("belfry-ws-hub.conf");

  test("HUB-01 HUB-05 HUB-08 HUB-09 at /ws and /ws/, groups and data go through at once, large ones too", async () => {
    await using gateway = await gatewayBehind(["ws-hub"], { "ws-hub": { maxMessageSize: 1_000_000 } });
    await using nginx = await Nginx.start({ upstreams: { belfry_ws_hub: hostOf(gateway) }, server });
    const said = Promise.withResolvers<number>();
    const announced: string[] = [];
    const listener = await backend.duplicate().connect();
    await listener.subscribe("ws-hub:client-new", (key) => void announced.push(key));
    await listener.subscribe("ws-hub:client-data:k1", (text) => {
      said.resolve(text.length);
    });
    using first = await RawWebSocket.open(nginx.url, "/ws?session_key=k1");
    using second = await RawWebSocket.open(nginx.url, "/ws/?session_key=k%26%E2%82%AC");
    await until(() => announced.length === 2, patienceMs);
    expect(announced).toEqual(["k1", "k&€"]);
    await backend.publish("ws-hub:groups-new:k1", "all");
    await backend.publish("ws-hub:groups-new:k&€", "all");
    const large = "x".repeat(300_000);
    for (const message of ["1", "2", large]) {
      await backend.publish("ws-hub:group-data:all", message);
      expect(await first.waitForMessage(patienceMs)).toBe(message);
      expect(await second.waitForMessage(patienceMs)).toBe(message);
    }
    first.send(large);
    expect(await said.promise).toBe(large.length);
    await listener.close();
  });

  test("SEC-04 no key lands in a log of nginx, not even while Belfry is away", async () => {
    const gateway = await gatewayBehind(["ws-hub"]);
    const site = `location /site { return 204; } location /down { proxy_pass http://belfry_ws_hub; } ${server}`;
    await using nginx = await Nginx.start({
      upstreams: { belfry_ws_hub: hostOf(gateway) },
      server: site,
    });
    expect(await statusOf(nginx.url, "/ws?session_key=sesame-1")).toBe(101);
    expect((await rawRequest(nginx.url, { path: "/ws?session_key=sesame-2" })).status).toBe(400);
    await gateway[Symbol.asyncDispose]();
    expect(await statusOf(nginx.url, "/ws?session_key=sesame-3")).toBe(502);
    expect(await statusOf(nginx.url, "/ws/?session_key=sesame-4")).toBe(502);
    // What nginx logs elsewhere, and in the order of the requests.
    expect((await rawRequest(nginx.url, { path: "/down?word=in-both-logs" })).status).toBe(502);
    expect((await rawRequest(nginx.url, { path: "/site?word=in-one-log" })).status).toBe(204);
    await until(() => nginx.accessLog.includes("in-one-log"), patienceMs);
    await until(() => nginx.errorLog.includes("in-both-logs"), patienceMs);
    expect(nginx.accessLog).toContain("in-both-logs");
    expect(nginx.accessLog + nginx.errorLog).not.toContain("sesame");
    expect(nginx.accessLog).not.toContain("GET /ws");
  });

  test("HUB-11 pings keep an idle client connected for longer than nginx waits", async () => {
    await using gateway = await gatewayBehind(["ws-hub"], { "ws-hub": { pongWait: 1 } });
    const text = await Bun.file(join(import.meta.dir, "../../packaging/nginx/belfry-ws-hub.conf")).text();
    const short = join(folder, "short.conf");
    await Bun.write(short, text.replaceAll("timeout 120s;", "timeout 2s;"));
    await using nginx = await Nginx.start({
      upstreams: { belfry_ws_hub: hostOf(gateway) },
      server: include(short),
    });
    using client = await RawWebSocket.open(nginx.url, "/ws?session_key=k1");
    const start = performance.now();
    while (performance.now() - start < 4_000) await pinged(client);
    await backend.publish("ws-hub:groups-new:k1", "all");
    await backend.publish("ws-hub:group-data:all", "still there");
    expect(await client.waitForMessage(patienceMs)).toBe("still there");
  });
});

describe("ws4redis", () => {
  const session = "0123456789abcdef0123456789abcdef";
  const cookie = { Cookie: `sessionid=${session}` };
  const identity = { sessionEngine: "cache", username: "session:ws4redis:username" } as const;

  beforeAll(async () => {
    const content = { _auth_user_id: "7", "ws4redis:username": "john", "ws4redis:memberof": ["staff"] };
    await backend.set(`:1:django.contrib.sessions.cache${session}`, JSON.stringify(content));
  });

  /** The recipe in the documentation of django-websocket-redis, for a listener on a unix socket. */
  const documented = (socket: string, more = ""): string => `
    location /ws/ {
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_pass http://unix:${socket};
      ${more}
    }`;

  const unixGateway = async (unix: string, origins?: string[]): Promise<TestGateway> => {
    const listener: Listener = { unix, dialects: ["ws4redis"], ...(origins && { origins }) };
    return startGateway({ redis: redis.url, identity, listeners: [listener] });
  };

  /** A page of `origin` with the visitor's cookie asks for john's messages; the status, or what it heard. */
  const heardBy = async (nginx: Nginx, origin: string, facility = "news"): Promise<string | number> => {
    const headers = { ...cookie, Origin: origin };
    const opened = await RawWebSocket.tryOpen(nginx.url, `/ws/${facility}?subscribe-user`, headers);
    if (!(opened instanceof RawWebSocket)) return opened.status;
    using page = opened;
    await backend.publish(`user:john:${decodeURIComponent(facility)}`, "for john");
    return String(await page.waitForMessage(patienceMs));
  };

  const foreign = "https://elsewhere.example";

  test("W4R-16 behind our snippet, the site's own pages speak with their cookie, no other's", async () => {
    await using gateway = await gatewayBehind(["ws4redis"], { identity });
    const upstreams = { belfry_ws4redis: hostOf(gateway) };
    await using nginx = await Nginx.start({ upstreams, server: include("belfry-ws4redis.conf") });
    expect(await heardBy(nginx, nginx.url)).toBe("for john");
    expect(await heardBy(nginx, foreign)).toBe(403);
    // What a client says of the host is written over.
    const lie = { ...cookie, Origin: foreign, "X-Forwarded-Host": "elsewhere.example" };
    expect(await statusOf(nginx.url, "/ws/news?subscribe-user", lie)).toBe(403);
    // A site with a name, whose TLS ends before nginx.
    const named = { ...cookie, Host: "www.example.com", Origin: "https://www.example.com" };
    expect(await statusOf(nginx.url, "/ws/news?subscribe-user", named)).toBe(101);
  });

  test("W4R-01 behind our snippet, a facility comes as it was asked for", async () => {
    await using gateway = await gatewayBehind(["ws4redis"], { identity });
    const upstreams = { belfry_ws4redis: hostOf(gateway) };
    await using nginx = await Nginx.start({ upstreams, server: include("belfry-ws4redis.conf") });
    for (const facility of [
      "a/b",
      "a%2Fb",
      "a%252Fb",
      "a%3Fb",
      "a%23b",
      "a//b",
      "a/",
      "%E2%82%AC",
      "a+b",
      "a%20b",
    ]) {
      expect([facility, await heardBy(nginx, nginx.url, facility)]).toEqual([facility, "for john"]);
    }
  });

  test("W4R-16 SEC-15 the same over a unix socket", async () => {
    const socket = join(folder, "ours.sock");
    await using gateway = await unixGateway(socket);
    const upstreams = { belfry_ws4redis: `unix:${socket}` };
    await using nginx = await Nginx.start({ upstreams, server: include("belfry-ws4redis.conf") });
    expect(await heardBy(nginx, nginx.url)).toBe("for john");
    expect(await heardBy(nginx, foreign)).toBe(403);
    expect(gateway.url).toBe(`unix:${socket}`);
  });

  test("W4R-16 the documented recipe sends no Host: a page with a cookie is refused, and the log says what is missing", async () => {
    const socket = join(folder, "documented.sock");
    await using gateway = await unixGateway(socket);
    await using nginx = await Nginx.start({ upstreams: {}, server: documented(socket) });
    expect(await heardBy(nginx, nginx.url)).toBe(403);
    expect(gateway.log).toContain("proxy_set_header Host");
    // Whoever has no cookie has nothing that another site could use.
    expect(await statusOf(nginx.url, "/ws/news?subscribe-broadcast", { Origin: nginx.url })).toBe(101);
  });

  test("W4R-16 the documented recipe works as it stands once the site's origin is listed", async () => {
    const socket = join(folder, "listed.sock");
    await using _ = await unixGateway(socket, ["https://www.example.com"]);
    await using nginx = await Nginx.start({ upstreams: {}, server: documented(socket) });
    expect(await heardBy(nginx, "https://www.example.com")).toBe("for john");
    expect(await heardBy(nginx, foreign)).toBe(403);
  });

  test("W4R-16 the documented recipe works with one more line", async () => {
    const socket = join(folder, "one-line.sock");
    await using _ = await unixGateway(socket);
    const server = documented(socket, "proxy_set_header Host $http_host;");
    await using nginx = await Nginx.start({ upstreams: {}, server });
    expect(await heardBy(nginx, nginx.url)).toBe("for john");
    expect(await heardBy(nginx, foreign)).toBe(403);
  });

  /** The documented recipe for Apache strips the path; Apache says by itself which host was asked for. */
  const stripping = (more: string): string => `
    location /ws/ {
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_pass http://stripped/;
      ${more}
    }`;

  test("W4R-01 RTE-07 W4R-16 behind a proxy that strips the path, the facility has no slash, and X-Forwarded-Host is enough", async () => {
    await using gateway = await gatewayBehind(["ws4redis"], { identity });
    const server = stripping("proxy_set_header X-Forwarded-Host $http_host;");
    await using nginx = await Nginx.start({ upstreams: { stripped: hostOf(gateway) }, server });
    expect(await heardBy(nginx, nginx.url)).toBe("for john");
    expect(await heardBy(nginx, nginx.url, "a/b/")).toBe("for john");
    expect(await heardBy(nginx, foreign)).toBe(403);
    // Nothing in the query shows whose it is.
    expect(await statusOf(nginx.url, "/ws/news")).toBe(404);
  });

  test("W4R-16 X-Forwarded-Host of a proxy that is not trusted means nothing", async () => {
    const listeners: Listener[] = [{ address: `${loopback}:0`, dialects: ["ws4redis"] }];
    await using gateway = await startGateway({ redis: redis.url, identity, listeners });
    const server = stripping("proxy_set_header X-Forwarded-Host $http_host;");
    await using nginx = await Nginx.start({ upstreams: { stripped: hostOf(gateway) }, server });
    expect(await heardBy(nginx, nginx.url)).toBe(403);
  });
});

describe("websocket-channels", () => {
  /** The recipe of both READMEs. */
  const readme = `
    location ~ /ws/(?<rest>.+) {
      proxy_pass http://belfry_channels/$rest;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "Upgrade";
    }`;
  /** Another that strips the path, as many wrote it. */
  const stripping = `
    location /ws/ {
      proxy_pass http://belfry_channels/;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "Upgrade";
    }`;
  const recipes = [
    {
      title: "our snippet",
      server: include("belfry-websocket-channels.conf"),
      options: {},
      refuses: [],
      isExact: true,
      isOurs: true,
    },
    {
      title: "the READMEs' recipe",
      server: readme,
      options: { root: true, path: "/" },
      // A bare space in a request line; the names of Belfry's own paths.
      refuses: ["a%20b", "publish", "-/metrics"],
      isExact: false,
      isOurs: false,
    },
    {
      title: "a recipe that strips the path",
      server: stripping,
      options: { root: true, path: "/" },
      refuses: ["publish", "-/metrics"],
      isExact: true,
      isOurs: false,
    },
  ];

  /** As in the request line -> the channel that is meant; undefined: none can be. */
  const names: readonly (readonly [string, string | undefined])[] = [
    ["a/b", "a/b"],
    ["a%2Fb", "a/b"],
    ["a%2fb", "a/b"],
    ["a%25b", "a%b"],
    ["%E2%82%AC", "€"],
    ["a%FFb", undefined],
    ["caf%E9", undefined],
    ["a%EF%BF%BDb", undefined],
    ["a%2e%2e/b", "a../b"],
    ["a//b", "a/b"],
    ["a+b", "a+b"],
    ["a%20b", "a b"],
    ["users/1/", "users/1"],
    ["ws/x", "ws/x"],
    ["publish", "publish"],
    ["-/metrics", "-/metrics"],
  ];
  /** Names that do not survive being sent unescaped, and what is left of them then, if anything. */
  const cut: readonly (readonly [string, string, string | undefined])[] = [
    ["a%3Fb", "a?b", "a"],
    ["a%23b", "a#b", "a"],
    ["a%0Ab", "a\nb", "a"],
    ["a%5Cb", String.raw`a\b`, undefined],
    ["a%252Fb", "a%2Fb", "a/b"],
  ];

  /** What is said by a client on this channel, by the name of the Redis channel: none other than it hears. */
  async function channelOf(url: string, path: string): Promise<string | undefined> {
    const opened = await RawWebSocket.tryOpen(url, `/ws/${path}`);
    if (!(opened instanceof RawWebSocket)) return undefined;
    using client = opened;
    const listener = await backend.duplicate().connect();
    const said = Promise.withResolvers<string>();
    await listener.pSubscribe("websocket:*", (_text, channel) => {
      said.resolve(channel);
    });
    client.send("mine");
    const channel = await said.promise;
    await backend.publish(channel, "yours");
    expect(await client.waitForMessage(patienceMs)).toBe("mine");
    expect(await client.waitForMessage(patienceMs)).toBe("yours");
    await listener.close();
    return channel.slice("websocket:".length);
  }

  describe.each(recipes)("behind $title", ({ server, options, refuses, isExact, isOurs }) => {
    let gateway: TestGateway;
    let nginx: Nginx;

    beforeAll(async () => {
      gateway = await gatewayBehind(["websocket-channels"], { "websocket-channels": options });
      nginx = await Nginx.start({ upstreams: { belfry_channels: hostOf(gateway) }, server });
    });

    afterAll(async () => {
      await nginx[Symbol.asyncDispose]();
      await gateway[Symbol.asyncDispose]();
    });

    test.each([...names])(
      "WSC-01 WSC-04 /ws/%s is the channel that it means, or none",
      async (path, channel) => {
        const isRefused = refuses.some((name) => name === path);
        expect(await channelOf(nginx.url, path)).toBe(isRefused ? undefined : channel);
      },
    );

    test.each([...cut])(
      isExact
        ? "WSC-01 /ws/%s is the channel that it means"
        : "WSC-01 /ws/%s is cut by the recipe itself, as it always was",
      async (path, meant, left) => {
        expect(await channelOf(nginx.url, path)).toBe(isExact ? meant : left);
      },
    );

    test("SEC-13 what is no websocket goes through where the path is cut off, and not behind our snippet", async () => {
      const passed = [200, 401];
      const metrics = await rawRequest(nginx.url, { path: "/ws/-/metrics" });
      const publish = await rawRequest(nginx.url, { method: "POST", path: "/ws/publish", body: "{}" });
      expect([metrics.status, publish.status]).toEqual(isOurs ? [400, 400] : passed);
    });

    test("WSC-02 WSC-03 trees and large messages go through", async () => {
      using page = await RawWebSocket.open(nginx.url, "/ws/users/1");
      const large = "x".repeat(500_000);
      for (const message of ["all", large]) {
        await backend.publish("websocket:users/", message);
        expect(await page.waitForMessage(patienceMs)).toBe(message);
      }
      page.send(large);
      expect(await page.waitForMessage(patienceMs)).toBe(large);
    });
  });
});

describe("one Belfry for all of them", () => {
  test("RTE-01 RTE-02 RTE-03 on one port behind one nginx, every client finds its dialect", async () => {
    await using gateway = await gatewayBehind(["socketio", "ws-hub", "ws4redis", "websocket-channels"], {
      identity: { sessionEngine: "none" },
      secret: "publish-secret-of-this-test",
    });
    const address = hostOf(gateway);
    await using nginx = await Nginx.start({
      upstreams: { belfry: address, belfry_ws_hub: address, belfry_ws4redis: address },
      server: ["belfry.conf", "belfry-ws-hub.conf", "belfry-ws4redis.conf"].map(include).join("\n"),
    });
    using page = await Page.connect(nginx.url);
    await page.join("news");
    using facility = await RawWebSocket.open(nginx.url, "/ws/news?subscribe-broadcast");
    using channel = await RawWebSocket.open(nginx.url, "/ws/news");
    using member = await RawWebSocket.open(nginx.url, "/ws?session_key=k1");
    await backend.publish("ws-hub:groups-new:k1", "news");
    await backend.publish("broadcast:news", "by facility");
    for (const client of [facility, channel]) {
      expect(await client.waitForMessage(patienceMs)).toBe("by facility");
    }
    expect(await page.next()).toEqual(["message", "by facility"]);
    await backend.publish("ws-hub:group-data:news", "by group");
    expect(await member.waitForMessage(patienceMs)).toBe("by group");
  });
});

describe("docs/migrate/ws4redis.md", () => {
  let django: RunningProcess;
  let site: string;

  beforeAll(async () => {
    const page = await Bun.file(join(import.meta.dir, "../../docs/migrate/ws4redis.md")).text();
    const blocks = [...page.matchAll(/^( *)```python\n(.*?)^ *```$/gms)].map(([, indent = "", code = ""]) =>
      code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    );
    const files = { "page_signals.py": "user_logged_in", "page_views.py": "csrf_exempt" };
    for (const [file, word] of Object.entries(files)) {
      await Bun.write(join(folder, file), blocks.find((code) => code.includes(word)) ?? "");
    }
    const project = join(import.meta.dir, "../support/python/page_project.py");
    const python = await pythonEnv("django-5.2");
    django = new RunningProcess([python, "-u", project, folder, `${redis.url}/0`]);
    const [, port = ""] = await django.waitFor(/serving on port (\d+)/, 60_000);
    site = `http://${loopback}:${port}`;
  });

  afterAll(async () => {
    await django.stop();
  });

  /** The session of somebody who logs in now. */
  const logIn = async (name: string): Promise<string> => {
    const cookies = (await fetch(`${site}/login/${name}`)).headers.getSetCookie();
    const [, session] = /^sessionid=(\w+)/m.exec(cookies.join("\n")) ?? [];
    if (session === undefined) throw new Error(`Expected a session, got:\n${django.output}`);
    return session;
  };

  const channels = "subscribe-user&subscribe-group&subscribe-session";

  test("DJS-09 with the receiver of the page, a session opens the messages to its user", async () => {
    await using gateway = await gatewayBehind(["ws4redis"], {
      identity: { sessionEngine: "cache", username: "session:ws4redis:username" },
    });
    const session = await logIn("john");
    using page = await RawWebSocket.open(gateway.url, `/ws/news?${channels}`, {
      Cookie: `sessionid=${session}`,
    });
    for (const name of ["user:john", "user:mary", `session:${session}`]) {
      await backend.publish(`${name}:news`, `for ${name}`);
    }
    expect(await page.waitForMessages(2, patienceMs)).toEqual(["for user:john", `for session:${session}`]);
  });

  test("DJS-10 the view of the page says who a visitor is", async () => {
    await using gateway = await gatewayBehind(["ws4redis"], {
      identity: { callbackUrl: `${site}/who-is-it`, callbackTimeout: 20 },
    });
    const session = await logIn("mary");
    using page = await RawWebSocket.open(gateway.url, `/ws/news?${channels}`, {
      Cookie: `sessionid=${session}`,
    });
    for (const name of ["user:mary", "user:john", "group:staff", "group:other", `session:${session}`]) {
      await backend.publish(`${name}:news`, `for ${name}`);
    }
    const heard = ["for user:mary", "for group:staff", `for session:${session}`];
    expect(await page.waitForMessages(3, patienceMs)).toEqual(heard);
  });

  test("DJS-10 DJS-02 W4R-15 to the view of the page, a session that does not exist is none", async () => {
    await using gateway = await gatewayBehind(["ws4redis"], {
      identity: { callbackUrl: `${site}/who-is-it`, callbackTimeout: 20 },
    });
    const forged = "0123456789abcdefghijklmnopqrstuv";
    using page = await RawWebSocket.open(
      gateway.url,
      "/ws/news?subscribe-broadcast&subscribe-session&subscribe-user",
      { Cookie: `sessionid=${forged}` },
    );
    await backend.publish(`session:${forged}:news`, "for the forged");
    await backend.publish("broadcast:news", "for all");
    expect(await page.waitForMessage(patienceMs)).toBe("for all");
  });
});
