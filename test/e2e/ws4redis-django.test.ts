// Real Django projects with django-websocket-redis as the backend, of the oldest and of the newest kind that lives: their
// logins, their sessions in a real Redis, what RedisPublisher says there, and the package's own script in Chromium.

import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import type { z } from "zod";
import type { identityOptions } from "../../src/auth/django/options.ts";
import { withBrowser } from "../support/chromium.ts";
import { Django, passwordOf } from "../support/django.ts";
import type { Person } from "../support/django.ts";
import {
  askedDjango,
  compressedJson,
  coreCache,
  djangoRedis5,
  redisSessions,
  signedCookies,
} from "../support/django/sites.ts";
import type { Site } from "../support/django/sites.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";

/** Making the Python environments takes most of it, the first time. */
const timeoutMs = 180_000;
const heartbeat = "--heartbeat--";
const everything = "subscribe-broadcast&subscribe-group&subscribe-user&subscribe-session";

interface House {
  readonly redis: RedisServer;
  readonly django: Django;
  readonly identity: z.input<typeof identityOptions>;
  readonly prefix?: string;
}

/** A gateway that knows the visitors of a Django, and lets its pages in. */
async function gatewayOf({ redis, django, identity, prefix = "" }: House): Promise<TestGateway> {
  return startGateway({
    listeners: [{ address: "127.0.0.1:0", dialects: ["ws4redis"], origins: [django.url] }],
    redis: redis.url,
    identity,
    ws4redis: { prefix, heartbeat, publish: ["chat*"] },
  });
}

/** A client of `/ws/news`, as a page of no origin: a program. */
async function listen(gateway: TestGateway, query: string, cookie?: string): Promise<RawWebSocket> {
  return RawWebSocket.open(gateway.url, `/ws/news?${query}`, cookie === undefined ? {} : { cookie });
}

/** The next messages, without the signs of life. */
async function hear(socket: RawWebSocket, count: number): Promise<readonly unknown[]> {
  const heard: unknown[] = [];
  while (heard.length < count) {
    const message = await socket.waitForMessage(20_000);
    if (message !== heartbeat) heard.push(message);
  }
  return heard;
}

/** What comes until a text does, without the signs of life. */
async function heardUntil(socket: RawWebSocket, last: string): Promise<readonly unknown[]> {
  const heard: unknown[] = [];
  for (;;) {
    const message = await socket.waitForMessage(20_000);
    if (message === last) return heard;
    if (message !== heartbeat) heard.push(message);
  }
}

/** Everybody listens to all there is; Django speaks to each audience in turn. @returns what each of them heard. */
async function speakToAll(siteOn: (redis: RedisServer) => Site) {
  await using redis = await startRedis();
  const site = siteOn(redis);
  await using django = await Django.start(site.django);
  await using gateway = await gatewayOf({ ...site, redis, django });
  const cookies = {
    john: await django.login("john"),
    johnElsewhere: await django.login("john"),
    mary: await django.login("mary"),
    anna: await django.login("anna"),
    visitor: await django.visit(),
    stranger: undefined,
  };
  const facility = "news";
  await django.publish({ facility, message: "welcome", broadcast: true });
  const sockets = new Map<string, RawWebSocket>();
  for (const [name, cookie] of Object.entries(cookies)) {
    const socket = await listen(gateway, everything, cookie);
    // Whoever was told what was kept hears what is to come (W4R-04).
    expect(await heardUntil(socket, "welcome")).toEqual([]);
    sockets.set(name, socket);
  }
  const say = { facility, expire: 0 };
  await django.publish({ ...say, message: "to john", users: ["john"] });
  await django.publish({ ...say, message: "to mary", users: ["SELF"] }, cookies.mary);
  await django.publish({ ...say, message: "to staff", groups: ["staff"] });
  await django.publish({ ...say, message: "to chätters \u{1f514}", groups: ["SELF"] }, cookies.mary);
  await django.publish({ ...say, message: "to a visitor", sessions: ["SELF"] }, cookies.visitor);
  await django.publish({ ...say, message: "to one of john's", sessions: ["SELF"] }, cookies.john);
  await django.publish({ ...say, facility: "other", message: "elsewhere", broadcast: true });
  await django.publish({ ...say, message: "to all", broadcast: true });
  const heard: Record<string, readonly unknown[]> = {};
  for (const [name, socket] of sockets) {
    heard[name] = await heardUntil(socket, "to all");
    socket[Symbol.dispose]();
  }
  return heard;
}

/** Each heard what was for them, and nobody else did. */
const eachTheirs = {
  john: ["to john", "to staff", "to chätters \u{1f514}", "to one of john's"],
  johnElsewhere: ["to john", "to staff", "to chätters \u{1f514}"],
  mary: ["to mary", "to chätters \u{1f514}"],
  anna: [],
  visitor: ["to a visitor"],
  stranger: [],
};

test(
  "W4R-03 W4R-06 DJS-03 DJS-04 DJS-09 Django 3.2, sessions of django-redis 5",
  async () => {
    expect(await speakToAll(djangoRedis5)).toEqual(eachTheirs);
  },
  timeoutMs,
);

test(
  "W4R-03 W4R-06 DJS-03 DJS-04 DJS-09 Django 5.2, sessions of its own cache before SQL",
  async () => {
    expect(await speakToAll(coreCache)).toEqual(eachTheirs);
  },
  timeoutMs,
);

test(
  "W4R-03 W4R-06 DJS-03 DJS-04 DJS-09 Django 5.2, sessions of django-redis 7 as compressed JSON",
  async () => {
    expect(await speakToAll(compressedJson)).toEqual(eachTheirs);
  },
  timeoutMs,
);

test(
  "W4R-03 W4R-06 DJS-06 DJS-07 DJS-09 Django 5.2, django-redis-sessions, names with a prefix",
  async () => {
    expect(await speakToAll(redisSessions)).toEqual(eachTheirs);
  },
  timeoutMs,
);

test(
  "W4R-06 DJS-07 DJS-08 DJS-09 Django 3.2, signed cookies: all but a session audience",
  async () => {
    const sessionless = { john: eachTheirs.johnElsewhere, visitor: [] };
    expect(await speakToAll(signedCookies)).toEqual({ ...eachTheirs, ...sessionless });
  },
  timeoutMs,
);

test(
  "W4R-04 W4R-06 what RedisPublisher kept is told to newcomers, each theirs, the last of each",
  async () => {
    await using redis = await startRedis();
    const site = coreCache(redis);
    await using django = await Django.start(site.django);
    await using gateway = await gatewayOf({ ...site, redis, django });
    const [john, mary] = [await django.login("john"), await django.login("mary")];
    const facility = "news";
    await django.publish({ facility, message: "an old one", broadcast: true });
    await django.publish({ facility, message: "to all", broadcast: true });
    await django.publish({ facility, message: "not kept", broadcast: true, expire: 0 });
    await django.publish({ facility, message: "to staff", groups: ["staff"], expire: 60 });
    await django.publish({ facility, message: "to john", users: ["john"] });
    await django.publish({ facility, message: "to his session", sessions: ["SELF"] }, john);
    using johns = await listen(gateway, everything, john);
    expect(await hear(johns, 4)).toEqual(["to all", "to staff", "to john", "to his session"]);
    using marys = await listen(gateway, everything, mary);
    using strangers = await listen(gateway, everything);
    for (const socket of [marys, strangers]) expect(await hear(socket, 1)).toEqual(["to all"]);
    // Nothing else was kept for anybody: this comes next.
    await django.publish({ facility, message: "now", broadcast: true });
    for (const socket of [johns, marys, strangers]) expect(await heardUntil(socket, "now")).toEqual([]);
  },
  timeoutMs,
);

test(
  "DJS-09 user names from the primary key, and from a hash that the application keeps",
  async () => {
    await using redis = await startRedis();
    const { django: options, identity } = djangoRedis5(redis);
    await using django = await Django.start(options);
    const cookie = await django.login("john");
    const { id } = await django.whoIs(cookie);
    await redis.command("HSET", "app:names", String(id), "john");
    for (const [username, name] of [
      ["pk", String(id)],
      ["hash:app:names", "john"],
    ] as const) {
      await using gateway = await gatewayOf({ redis, django, identity: { ...identity, username } });
      await django.publish({ facility: "news", message: `to ${name}`, users: [name] });
      using socket = await listen(gateway, "subscribe-user", cookie);
      expect(await hear(socket, 1)).toEqual([`to ${name}`]);
    }
  },
  timeoutMs,
);

test(
  "W4R-14 W4R-15 W4R-16 SEC-08 whom Django does not know has no back-channel, and pages of other sites stay out",
  async () => {
    await using redis = await startRedis();
    const site = djangoRedis5(redis);
    await using django = await Django.start(site.django);
    await using gateway = await gatewayOf({ ...site, redis, django });
    const cookie = await django.login("john");
    using stranger = await listen(gateway, "subscribe-user&subscribe-group");
    using john = await listen(gateway, "subscribe-user", cookie);
    john.send(heartbeat);
    expect(await john.waitForMessage()).toBe(heartbeat);
    // What RedisPublisher makes of SELF when nobody is logged in is an object of Python's, under its name.
    await django.publish({ facility: "news", message: "to nobody", users: ["SELF", "AnonymousUser", ""] });
    await django.publish({ facility: "news", message: "to john", users: ["john"] });
    expect(await heardUntil(john, "to john")).toEqual([]);
    stranger.send(heartbeat);
    expect(await heardUntil(stranger, heartbeat)).toEqual([]);

    const knock = async (origin: string, query: string) =>
      RawWebSocket.tryOpen(gateway.url, `/ws/news?${query}`, { cookie, origin });
    expect(await knock("http://elsewhere.example", "subscribe-user")).toMatchObject({ status: 403 });
    // One port further is another site.
    expect(await knock(django.url.replace(/\d+$/, "1"), "subscribe-user")).toMatchObject({ status: 403 });
    const listed = await knock(django.url, "subscribe-user");
    expect(listed).toBeInstanceOf(RawWebSocket);
    if (listed instanceof RawWebSocket) listed[Symbol.dispose]();
    using forged = await listen(gateway, "subscribe-session", "sessionid=abcdefghijklmnopqrstuvwxyz012345");
    expect(await forged.waitForClose()).toEqual({ code: 1001, reason: "Websocket Closed" });
  },
  timeoutMs,
);

test(
  "DJS-10 W4R-13 a view of the project says who comes and what they may hear",
  async () => {
    await using redis = await startRedis();
    await using django = await Django.start(askedDjango(redis));
    const identity = { callbackUrl: `${django.url}/identify`, callbackTimeout: 20 };
    await using gateway = await gatewayOf({ redis, django, identity });
    const [john, mary] = [await django.login("john"), await django.login("mary")];
    const facility = "news";
    for (const [message, audience] of [
      ["to all", { broadcast: true }],
      ["to staff", { groups: ["staff"] }],
      ["to john", { users: ["john"] }],
      ["to his session", { sessions: ["SELF"] }],
    ] as const) {
      await django.publish({ facility, message, ...audience }, john);
    }
    using johns = await listen(gateway, everything, john);
    expect(await hear(johns, 4)).toEqual(["to all", "to staff", "to john", "to his session"]);
    using strangers = await listen(gateway, everything);
    expect(await hear(strangers, 1)).toEqual(["to all"]);
    await django.publish({ facility, message: "now", broadcast: true });
    expect(await heardUntil(strangers, "now")).toEqual([]);
    expect(await heardUntil(johns, "now")).toEqual([]);

    const quiet = "quiet-news";
    await django.publish({ facility: quiet, message: "to john", users: ["john"] });
    await django.publish({ facility: quiet, message: "to all", broadcast: true });
    using quieted = await RawWebSocket.open(gateway.url, `/ws/${quiet}?${everything}`, { cookie: john });
    expect(await hear(quieted, 1)).toEqual(["to all"]);
    await django.publish({ facility: quiet, message: "to john again", users: ["john"] });
    await django.publish({ facility: quiet, message: "now", broadcast: true });
    expect(await heardUntil(quieted, "now")).toEqual([]);

    const path = "/ws/staff-room?subscribe-broadcast";
    for (const cookie of ["", mary]) {
      expect(await RawWebSocket.tryOpen(gateway.url, path, { cookie })).toMatchObject({ status: 403 });
    }
    using staff = await RawWebSocket.open(gateway.url, path, { cookie: john });
    staff.send(heartbeat);
    expect(await staff.waitForMessage()).toBe(heartbeat);
  },
  timeoutMs,
);

/** What the page has heard so far. */
async function heardOn(page: Page): Promise<readonly string[]> {
  return page.locator("#heard li").allTextContents();
}

async function untilHeard(page: Page, text: string): Promise<void> {
  await page.getByText(text, { exact: true }).waitFor();
}

async function say(page: Page, text: string): Promise<void> {
  await page.fill("input[name=message]", text);
  await page.click("button");
}

/** Through the login page, which goes on to the address. */
async function logIn(page: Page, person: Person, address: string): Promise<void> {
  const { origin, pathname, search } = new URL(address);
  await page.goto(`${origin}/login/?${new URLSearchParams({ next: pathname + search })}`);
  await page.fill("input[name=username]", person);
  await page.fill("input[name=password]", passwordOf(person));
  await page.click("button");
  await page.waitForURL(address);
}

test(
  "W4R-05 W4R-06 W4R-08 W4R-09 W4R-17 DJS-03 ws4redis.js in Chromium: log in, hear, say, stay alive",
  async () => {
    await using redis = await startRedis();
    const site = coreCache(redis);
    const settings = { ...site.django.settings, WS4REDIS_HEARTBEAT: heartbeat };
    await using django = await Django.start({ ...site.django, settings });
    await using gateway = await gatewayOf({ ...site, redis, django });
    const { url } = gateway;
    const facility = "chat";
    await django.publish({ facility, message: "welcome", broadcast: true });
    await withBrowser(async ({ open }) => {
      const publishing = `${everything}&publish-broadcast`;
      const address = django.pageFor({ url, facility, channels: publishing });
      const echoing = django.pageFor({ url, facility, channels: `${publishing}&echo` });
      const [{ page: john }, { page: mary }, { page: stranger }] = [
        await open(address),
        await open(echoing),
        await open(address),
      ];
      await logIn(john, "john", address);
      await logIn(mary, "mary", echoing);
      const pages = [mary, stranger, john];
      for (const page of pages) await untilHeard(page, "welcome");
      // The gateway's own sign of life after 4 s, and its answer to that of ws4redis.js after 5 s. The next one, which
      // would make the gateway forget what John said, is far.
      for (const page of pages) {
        await page.waitForFunction(() => Number(document.querySelector("#beats")?.textContent) >= 2);
        expect(await page.textContent("#state")).toBe("connected");
      }

      await django.publish({ facility, message: "to john", users: ["john"], expire: 0 });
      await django.publish({ facility, message: "to staff", groups: ["staff"], expire: 0 });
      await say(john, "john says");
      await untilHeard(mary, "john says");
      await say(mary, "mary says");
      for (const page of pages) await untilHeard(page, "mary says");
      expect(await heardOn(john)).toEqual(["welcome", "to john", "to staff", "mary says"]);
      expect(await heardOn(mary)).toEqual(["welcome", "john says", "mary says"]);
      expect(await heardOn(stranger)).toEqual(["welcome", "john says", "mary says"]);

      // What a browser said last is kept for newcomers, too.
      await john.reload();
      await untilHeard(john, "mary says");
      expect(await heardOn(john)).toEqual(["mary says"]);
      expect(await redis.command("TTL", `broadcast:${facility}`)).toBeWithin(3_000, 3_601);
    });
  },
  timeoutMs,
);

test(
  "W4R-16 W4R-17 in Chromium: a page of another site stays out, and nobody publishes where it is not open",
  async () => {
    await using redis = await startRedis();
    const site = djangoRedis5(redis);
    await using django = await Django.start(site.django);
    await using gateway = await gatewayOf({ ...site, redis, django });
    // The same pages from another port: cookies know no ports, so the browser sends John's.
    using other = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async ({ url }) => fetch(url.replace(/^http:..[^/]+/, django.url)),
    });
    const facility = "news";
    const channels = "subscribe-broadcast&publish-broadcast&echo";
    const address = django.pageFor({ url: gateway.url, facility, channels });
    await django.publish({ facility, message: "welcome", broadcast: true });
    await withBrowser(async ({ open }) => {
      const { page, takeProblems } = await open(address);
      await logIn(page, "john", address);
      await untilHeard(page, "welcome");
      await say(page, "from a browser");
      await django.publish({ facility, message: "from Django", broadcast: true });
      await untilHeard(page, "from Django");
      expect(await heardOn(page)).toEqual(["welcome", "from Django"]);
      expect(takeProblems()).toEqual([]);

      const refusal = page.waitForEvent("console", (message) => message.text().includes("code: 403"));
      await page.goto(address.replace(django.url, other.url.origin));
      expect((await refusal).text()).toContain(`${new URL(gateway.url).host}/ws/news`);
      expect(await heardOn(page)).toEqual([]);
      // It would go on trying.
      await page.close();
      expect(takeProblems()).not.toEqual([]);
    });
  },
  timeoutMs,
);
