// The connect hook (docs/auth.md): an application says who shows a token or a cookie, in every dialect; what it does not clearly
// say keeps the client out, and its answers are kept for as long as it says.

import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { io } from "socket.io-client";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { HookApp } from "../support/hook-app.ts";
import { RawWebSocket } from "../support/raw.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const secret = "publish-secret-of-the-test";
const people: Readonly<Record<string, object>> = {
  "token-of-john": { user: "john", groups: ["staff"], rooms: ["chat::*"], ignored: 1, info: null },
  "token-of-jane": { user: "jane" },
  "session-of-john": { user: "john" },
  "token-of-one-channel": { user: "john", channels: ["subscribe-user"] },
};

let app: HookApp;
let gateway: TestGateway;
/** Members that are put into each answer. */
let more: object = {};

beforeAll(async () => {
  app = new HookApp(() => new Response("unused"));
  gateway = await startGateway({
    listeners: [
      {
        address: "127.0.0.1:0",
        dialects: ["native", "socketio", "websocket-channels", "ws4redis", "ws-hub"],
        origins: ["http://site.example"],
      },
    ],
    ws4redis: { path: "/facility/", publish: [] },
    "websocket-channels": { path: "/ws/" },
    "ws-hub": { serverUrl: "/hub" },
    socketio: { joinAnswers: true },
    auth: { hook: { ...app.hook, cookie: "sid", timeout: 1 } },
    secret,
  });
});

beforeEach(() => {
  more = {};
  app.answer = ({ token, cookie }) => {
    const known = people[token ?? cookie?.replace("sid=", "") ?? ""];
    return known ? Response.json({ ...known, ...more }) : new Response("who?", { status: 401 });
  };
  app.asked.length = 0;
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await app[Symbol.asyncDispose]();
});

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

/** `joined`, a code, a close code or a status: what a client of each dialect makes of a token or a cookie. */
async function verdicts(headers: Record<string, string>, room: string): Promise<Record<string, string>> {
  const { url } = gateway;
  const status = async (path: string): Promise<string> => {
    const answer = await RawWebSocket.tryOpen(url, path, headers);
    if (!(answer instanceof RawWebSocket)) return String(answer.status);
    answer[Symbol.dispose]();
    return "in";
  };
  const native = async (): Promise<string> => {
    using socket = await RawWebSocket.open(url, `/connect?room=${room}`, headers);
    const first = await socket.waitForMessage().catch((error: unknown) => String(error));
    return /"type":"(\w+)"/.exec(String(first))?.[1] ?? "closed";
  };
  const stream = async (): Promise<string> => {
    const answer = await fetch(`${url}/connect?room=${room}`, {
      headers: { ...headers, accept: "text/event-stream" },
    });
    const start = answer.body ? new TextDecoder().decode((await answer.body.getReader().read()).value) : "";
    return answer.status === 200 ? (/event: (\w+)/.exec(start)?.[1] ?? start) : String(answer.status);
  };
  return {
    native: await native(),
    stream: await stream(),
    channels: await status(`/ws/${room}`),
    ws4redis: await status(`/facility/${room}?subscribe-broadcast`),
    // Of one key, few may come at once.
    hub: await status(`/hub?session_key=${crypto.randomUUID()}`),
  };
}

/** What a page of Socket.IO learns. */
async function page(auth: object, room?: string): Promise<unknown> {
  const socket = io(gateway.url, { auth, forceNew: true, reconnection: false });
  try {
    return await new Promise((resolve) => {
      socket.once("connect", () => {
        resolve(room === undefined ? "in" : socket.timeout(5_000).emitWithAck("join", { room }));
      });
      socket.once("connect_error", (error) => {
        resolve((error as Error & { data?: unknown }).data);
      });
    });
  } finally {
    socket.disconnect();
  }
}

describe("who comes", () => {
  test("SEC-10 a token opens what the application says, in every dialect; one signed question for each", async () => {
    expect(await verdicts(bearer("token-of-john"), "chat::1")).toEqual({
      native: "joined",
      stream: "joined",
      channels: "in",
      ws4redis: "in",
      hub: "in",
    });
    expect(app.asked).toHaveLength(5);
    expect(app.asked.every(({ isSigned }) => isSigned)).toBe(true);
    expect(app.asked[0]?.body).toMatchObject({
      facility: "",
      channels: [],
      path: "/connect",
      query: "room=chat::1",
      remote: "127.0.0.1",
    });
    expect(app.asked[3]?.body).toMatchObject({ facility: "chat::1", channels: ["subscribe-broadcast"] });
    expect(await page({ token: "token-of-john" }, "group:staff::news")).toEqual({ ok: true });
    expect(await page({ token: "token-of-jane" }, "chat::1")).toEqual({ ok: false, reason: "secret" });
  });

  test("a cookie, of the configured name alone, and from pages of listed origins alone", async () => {
    const cookie = { Cookie: "other=secret-of-another; sid=session-of-john" };
    const room = "user:john::inbox";
    const expected = { native: "joined", stream: "joined", channels: "in", ws4redis: "in", hub: "in" };
    expect(await verdicts(cookie, room)).toEqual(expected);
    expect(app.asked.map((one) => one.cookie)).toEqual(
      Array.from({ length: 5 }, () => "sid=session-of-john"),
    );
    expect(await verdicts({ ...cookie, Origin: "http://site.example" }, room)).toEqual(expected);
    app.asked.length = 0;
    for (const path of ["/connect", "/ws/a", "/facility/a?subscribe-broadcast", "/hub?session_key=a"]) {
      const headers = { ...cookie, Origin: "http://evil.example" };
      expect(await RawWebSocket.tryOpen(gateway.url, path, headers)).toHaveProperty("status", 403);
    }
    expect(app.asked).toEqual([]);
  });

  test("SEC-08 T1 the cookies of a page of another origin may be read where they are asked for, and there alone", async () => {
    const ask = async (origin: string) =>
      fetch(`${gateway.url}/connect?room=time`, { headers: { accept: "text/event-stream", origin } });
    const allowed = await ask("http://site.example");
    expect(allowed.headers.get("access-control-allow-origin")).toBe("http://site.example");
    expect(allowed.headers.get("access-control-allow-credentials")).toBe("true");
    await allowed.body?.cancel();
    expect((await ask("http://evil.example")).headers.has("access-control-allow-credentials")).toBe(false);
    await using open = await startGateway({
      listeners: [{ address: "127.0.0.1:0", dialects: ["native"], origins: "*" }],
    });
    const answer = await fetch(`${open.url}/connect?room=time`, {
      headers: { accept: "text/event-stream", origin: "http://any.example" },
    });
    expect(answer.headers.get("access-control-allow-origin")).toBe("http://any.example");
    expect(answer.headers.has("access-control-allow-credentials")).toBe(false);
    await answer.body?.cancel();
  });

  test("W4R-13 channels of ws4redis that it takes away", async () => {
    using socket = await RawWebSocket.open(
      gateway.url,
      "/facility/inbox?subscribe-user&subscribe-broadcast",
      bearer("token-of-one-channel"),
    );
    const publish = async (room: string) =>
      fetch(`${gateway.url}/rooms/${room}`, {
        method: "POST",
        headers: { authorization: `Bearer ${secret}` },
        body: room,
      });
    await publish("inbox");
    await publish("user:john::inbox");
    expect(String(await socket.waitForMessage())).toBe("user:john::inbox");
  });

  test("what shows nothing is anonymous, and the application is not asked", async () => {
    expect(await verdicts({ Cookie: "other=1" }, "time")).toMatchObject({ native: "joined", hub: "in" });
    expect(await page({}, "time")).toEqual({ ok: true });
    expect(app.asked).toEqual([]);
  });

  test("a token in the first message", async () => {
    using socket = await RawWebSocket.open(gateway.url, "/connect");
    socket.send(JSON.stringify({ id: 1, type: "token", token: "token-of-john" }));
    expect(String(await socket.waitForMessage())).toContain('"type":"token"');
    socket.send(JSON.stringify({ id: 2, type: "join", room: "chat::9" }));
    expect(String(await socket.waitForMessage())).toContain('"joined"');
  });
});

describe("what is no clear answer keeps the client out", () => {
  const out = { native: "closed", channels: "503", ws4redis: "503", hub: "503", stream: "refused" };

  test("SEC-02 401 and 403: refused for good", async () => {
    const denied = { native: "closed", stream: "401", channels: "401", ws4redis: "403", hub: "401" };
    expect(await verdicts(bearer("unknown"), "time")).toEqual(denied);
    app.answer = () => new Response("", { status: 403 });
    expect(await verdicts(bearer("token-of-john"), "time")).toEqual(denied);
    expect(await page({ token: "unknown" })).toEqual({ code: "token_invalid", retry: false });
  });

  const trap = new HookApp(() => Response.json({ user: "admin" }));
  afterAll(async () => {
    await trap[Symbol.asyncDispose]();
  });

  test.each<[string, () => Response | Promise<Response>]>([
    ["500", () => new Response("no", { status: 500 })],
    ["404", () => new Response("no", { status: 404 })],
    ["204", () => new Response(null, { status: 204 })],
    ["a redirect", () => Response.redirect(trap.hook.url, 307)],
    ["no JSON", () => new Response("user: john")],
    ["a list", () => Response.json([{ user: "john" }])],
    ["null", () => Response.json(null)],
    ["a user that is none", () => Response.json({ user: 1 })],
    ["an empty user", () => Response.json({ user: "" })],
    ["groups that are none", () => Response.json({ user: "john", groups: "staff" })],
    ["an end that is none", () => Response.json({ user: "john", expires: "tomorrow" })],
    ["too many rooms", () => Response.json({ rooms: Array.from({ length: 101 }, String) })],
    ["too large", () => Response.json({ user: "john", more: "x".repeat(70_000) })],
    ["too late", async () => Bun.sleep(1_500).then(() => Response.json({ user: "john" }))],
  ])("SEC-02 T24 %s: may work later", async (_, answer) => {
    app.answer = answer;
    expect(await verdicts(bearer("token-of-john"), "time")).toEqual(out);
    expect(await page({ token: "token-of-john" })).toEqual({ code: "unavailable", retry: true });
    expect(trap.asked).toEqual([]);
  });

  test("SEC-02 no application there", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    await using alone = await startGateway({
      auth: { hook: { ...app.hook, url: `http://127.0.0.1:${port}/` } },
    });
    using socket = await RawWebSocket.open(alone.url, "/connect", bearer("x"));
    expect((await socket.waitForClose()).code).toBe(4000);
  });
});

describe("answers that say when they end", () => {
  const inSeconds = (seconds: number) => ({ expires: Date.now() / 1_000 + seconds });
  const open = async (token: string) =>
    RawWebSocket.open(gateway.url, "/connect?room=user:john::a", bearer(token));
  const joins = async (token: string): Promise<string> => {
    using socket = await open(token);
    return String(await socket.waitForMessage());
  };

  test("T28 are kept for the same proof until then; the connection ends with them", async () => {
    more = inSeconds(3);
    using socket = await open("token-of-john");
    expect(String(await socket.waitForMessage())).toContain('"joined"');
    await Promise.all(Array.from({ length: 20 }, async () => joins("token-of-john")));
    expect(app.asked).toHaveLength(1);
    expect(await socket.waitForClose(10_000)).toEqual({ code: 4001, reason: "Token expired" });
    more = {};
    expect(await joins("token-of-john")).toContain('"joined"');
    expect(app.asked).toHaveLength(2);
  });

  test("without an end each handshake asks, and a refusal is never kept", async () => {
    for (let count = 1; count <= 3; count++) {
      await joins("token-of-john");
      expect(app.asked).toHaveLength(count);
    }
    app.asked.length = 0;
    for (let count = 1; count <= 3; count++) {
      using socket = await open("unknown");
      await socket.waitForClose();
      expect(app.asked).toHaveLength(count);
    }
  });

  test("T28 a user that is taken back: out, and the application is asked anew", async () => {
    more = inSeconds(600);
    using socket = await open("session-of-john");
    expect(String(await socket.waitForMessage())).toContain('"joined"');
    await fetch(`${gateway.url}/api/revoke`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({ user: "john", before: Math.floor(Date.now() / 1_000), seconds: 5 }),
    });
    expect((await socket.waitForClose()).code).toBe(4501);
    app.asked.length = 0;
    app.answer = () => new Response("banned", { status: 403 });
    using second = await open("session-of-john");
    expect((await second.waitForClose()).code).toBe(4501);
    expect(app.asked).toHaveLength(1);
    app.answer = () => Response.json({ user: "john" });
    // What it says in another second than the order is from after it.
    await until(async () => (await joins("session-of-john").catch(() => "")).includes('"joined"'), 5_000);
  });
});

test("T17 SEC-04 nothing that a client shows, or that the application answers, is in the log, the metrics or an answer", async () => {
  const words: string[] = [];
  const canary = (where: string): string => {
    const word = `canary-${where}-${crypto.randomUUID().slice(0, 8)}`;
    words.push(word);
    return word;
  };
  let shown = "";
  const keep = async (answer: Response): Promise<void> => {
    const start = await answer.body?.getReader().read();
    shown += [...answer.headers].join() + new TextDecoder().decode(start?.value);
  };
  // What is said of a user is for the gateway alone; what is no clear answer is said to none.
  const answers: readonly (() => Response)[] = [
    () => Response.json({ user: canary("user"), groups: [canary("group")], info: canary("info") }),
    () => Response.json({ user: [canary("baduser")] }),
    () => new Response(canary("text")),
    () => new Response(canary("denied"), { status: 403, headers: { "x-why": canary("header") } }),
    () => new Response(canary("failed"), { status: 500 }),
    () => Response.redirect(`http://${canary("host")}.example/`),
  ];
  for (const answer of answers) {
    app.answer = answer;
    const tokens = { Authorization: `Bearer ${canary("bearer")}`, Cookie: `sid=${canary("beside")}` };
    for (const headers of [
      tokens,
      { Cookie: `sid=${canary("cookie")}` },
      { "Sec-WebSocket-Protocol": `belfry, bearer.${canary("subprotocol")}` },
    ]) {
      await keep(
        await fetch(`${gateway.url}/connect?room=time`, {
          headers: { ...headers, accept: "text/event-stream" },
        }),
      );
      for (const path of [
        "/connect?room=time",
        "/ws/time",
        "/facility/time?subscribe-broadcast",
        `/hub?session_key=${canary("key")}`,
      ]) {
        const opened = await RawWebSocket.tryOpen(
          gateway.url,
          `${path}${path.includes("?") ? "&" : "?"}x=${canary("query")}`,
          headers,
        );
        if (!(opened instanceof RawWebSocket)) shown += [...opened.headers].join() + opened.text;
        else opened[Symbol.dispose]();
      }
    }
    for (const path of [
      "/connect?room=time",
      "/ws/time",
      "/facility/time?subscribe-broadcast",
      "/hub?session_key=b",
    ]) {
      const opened = await RawWebSocket.tryOpen(
        gateway.url,
        `${path}${path.includes("?") ? "&" : "?"}ticket=${canary("ticket")}`,
      );
      if (!(opened instanceof RawWebSocket)) shown += [...opened.headers].join() + opened.text;
      else opened[Symbol.dispose]();
    }
    shown += JSON.stringify(await page({ token: canary("auth") }));
    using socket = await RawWebSocket.open(gateway.url, "/connect");
    socket.send(JSON.stringify({ id: 1, type: "token", token: canary("message") }));
    shown += String(await socket.waitForMessage());
  }
  const revoked = await fetch(`${gateway.url}/api/revoke`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify({ user: canary("revoked"), [canary("member")]: 1 }),
  });
  shown += await revoked.text();
  shown += await (await fetch(`${gateway.url}/-/metrics`)).text();
  shown += await (await fetch(`${gateway.url}/api/openapi.json`)).text();
  shown += gateway.log;
  expect(words.length).toBeGreaterThan(100);
  const isSeen = (word: string): boolean =>
    [word, Buffer.from(word).toString("hex"), Buffer.from(word).toString("base64").slice(0, 24)].some(
      (guise) => shown.includes(guise),
    );
  expect(words.filter(isSeen)).toEqual([]);
});
