// The client in Bun, with a real gateway, and a proxy that cuts the line between them.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer } from "node:net";
import { TcpProxy } from "../test/support/tcp-proxy.ts";
import { startGateway } from "../test/support/gateway.ts";
import type { TestGateway } from "../test/support/gateway.ts";
import { BlockedWebSocket, FetchEventSource } from "../test/support/web-classes.ts";
import { connect } from "./client.ts";
import type { Client, ClientOptions, Happenings } from "./client.ts";
import { Failure } from "./failure.ts";

interface Events {
  said: { readonly text: string };
  file: { readonly name: string; readonly bytes: Uint8Array };
}

const secret = "publish-secret-of-the-client";
let gateway: TestGateway;
let proxy: TcpProxy;

beforeAll(async () => {
  gateway = await startGateway({
    secret,
    roomSecrets: { shop: "right" },
    rooms: [
      { match: "chat", publish: "members" },
      { match: "news", publish: "members", history: { size: 100, seconds: 60 } },
    ],
  });
  proxy = await TcpProxy.start(Number(new URL(gateway.url).port));
});

afterAll(async () => {
  await proxy.stop();
  await gateway[Symbol.asyncDispose]();
});

/** Disconnected when its test ends. */
function open(options: ClientOptions = {}, url = gateway.url): Client<Events> & Disposable {
  const client = connect<Events>(`${url}/connect`, { maxDelayMs: 100, ...options });
  return Object.assign(client, {
    [Symbol.dispose]() {
      client.disconnect();
    },
  });
}

/** The next happening for which `isMeant` holds. */
async function once<Name extends keyof Happenings>(
  client: Client<Events>,
  name: Name,
  isMeant: (happening: Happenings[Name]) => boolean = () => true,
): Promise<Happenings[Name]> {
  const { promise, resolve } = Promise.withResolvers<Happenings[Name]>();
  const stop = client.watch(name, (happening) => {
    if (isMeant(happening)) resolve(happening);
  });
  const happening = await promise;
  stop();
  return happening;
}

/** As a backend. */
async function publish(room: string, event: string, data: unknown): Promise<void> {
  const body = JSON.stringify({ room, event, data });
  const headers = { authorization: `Bearer ${secret}` };
  const answer = await fetch(`${gateway.url}/api/publish`, { method: "POST", headers, body });
  expect(answer.status).toBe(200);
}

async function failureOf(promise: Promise<unknown>): Promise<readonly [code: string, retry: boolean]> {
  const failure: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof Failure)) throw new Error(`Expected a failure, got ${String(failure)}`);
  return [failure.code, failure.retry];
}

test("each command has a promise, and events come typed to their listeners", async () => {
  using client = open();
  const heard: unknown[] = [];
  client.on("said", ({ text }, { room }) => heard.push([room, text]));
  const { promise, resolve } = Promise.withResolvers<void>();
  client.onPublication(({ event, data }) => {
    heard.push([event, data]);
    if (event === undefined) resolve();
  });
  expect(await client.join("chat")).toMatchObject({ room: "chat" });
  await client.publish("chat", "said", { text: "hello" });
  await client.publishBytes("chat", new Uint8Array([0, 255, 1]));
  await promise;
  expect(heard).toEqual([
    ["chat", "hello"],
    ["said", { text: "hello" }],
    [undefined, new Uint8Array([0, 255, 1])],
  ]);
  await client.leave("chat");
  expect(await failureOf(client.publish("chat", "said", { text: "gone" }))).toEqual(["not_in_room", false]);
});

test("a room that is joined, left and joined again in one turn is joined once, and nothing is missing in it", async () => {
  using client = open();
  await client.join("news");
  const gaps: Happenings["gap"][] = [];
  client.watch("gap", (gap) => gaps.push(gap));
  const first = failureOf(client.join("chat"));
  const left = client.leave("chat");
  await client.join("chat");
  await left;
  expect(await first).toEqual(["left", false]);
  // It is in the room, and its answers are there.
  await client.publish("chat", "said", { text: "hello" });
  expect(gaps).toEqual([]);
});

test("the answer to a join that was taken back is not the answer to the next one", async () => {
  using client = open();
  await client.join("chat");
  const wrong = failureOf(client.join("shop::orders", { secret: "wrong" }));
  void client.leave("shop::orders");
  expect(await client.join("shop::orders", { secret: "right" })).toMatchObject({ room: "shop::orders" });
  expect(await wrong).toEqual(["left", false]);
});

test("a refused command fails with the gateway's code", async () => {
  using client = open();
  expect(await failureOf(client.join("shop::orders", { secret: "wrong" }))).toEqual(["secret_wrong", false]);
  expect(await client.join("shop::orders", { secret: "right" })).toMatchObject({ room: "shop::orders" });
  expect(await failureOf(client.publish("shop::orders", "said", { text: "" }))).toEqual([
    "publish_forbidden",
    false,
  ]);
  expect(await failureOf(client.history("shop::orders"))).toEqual(["no_history", false]);
});

test("the log of a room is read in pages", async () => {
  using client = open();
  await client.join("news");
  for (const text of ["1", "2", "3"]) await client.publish("news", "said", { text });
  const { publications, hasMore } = await client.history("news", { limit: 2 });
  expect(publications.map(({ data }) => data)).toEqual([{ text: "3" }, { text: "2" }]);
  expect(hasMore).toBe(true);
  const since = publications[1]?.at ?? "";
  expect((await client.history("news", { since })).publications.map(({ data }) => data)).toEqual([
    { text: "3" },
  ]);
});

test("it comes back to its rooms by itself, with their secrets, and commands wait for it", async () => {
  using client = open({}, `http://127.0.0.1:${proxy.port}`);
  await client.join("shop::orders", { secret: "right" });
  await client.join("chat");
  const cut = once(client, "state", ({ state }) => state === "waiting");
  proxy.cut();
  await cut;
  const said = client.publish("chat", "said", { text: "later" });
  const { promise, resolve } = Promise.withResolvers<string>();
  client.on("said", ({ text }) => {
    resolve(text);
  });
  proxy.heal();
  await said;
  expect(await promise).toBe("later");
  const orders = Promise.withResolvers<unknown>();
  client.onPublication(({ data }) => {
    orders.resolve(data);
  });
  await publish("shop::orders", "said", { text: "order" });
  expect(await orders.promise).toEqual({ text: "order" });
});

test("where websockets are blocked it listens to an event stream, and says what does not work then", async () => {
  using client = open({ WebSocket: BlockedWebSocket, EventSource: FetchEventSource });
  const heard: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  client.on("said", ({ text }, { room }) => {
    heard.push(`${room} ${text}`);
    if (heard.length === 2) resolve();
  });
  await Promise.all([client.join("chat"), client.join("time")]);
  await publish("time", "said", { text: "12:00" });
  await publish("chat", "said", { text: "hello" });
  await promise;
  expect(heard).toEqual(["time 12:00", "chat hello"]);
  expect(await failureOf(client.publish("chat", "said", { text: "" }))).toEqual(["no_websocket", false]);
  expect(await failureOf(client.join("shop::orders", { secret: "right" }))).toEqual(["secret_wrong", false]);
});

test("the first room is joined at once where websockets are blocked, whatever the next attempt waits for", async () => {
  using client = open({ WebSocket: BlockedWebSocket, EventSource: FetchEventSource });
  await once(client, "state", ({ state }) => state === "waiting");
  const joined = client.join("chat");
  await Promise.resolve();
  expect(client.state).toBe("connecting");
  await joined;
});

test("a gateway that was only away for a moment is not left on an event stream", async () => {
  // The first websocket fails, the next ones work.
  let attempts = 0;
  const First = class extends WebSocket {
    constructor(url: string) {
      super(attempts++ === 0 ? `${url}/nothing-here` : url);
    }
  };
  using client = open({ WebSocket: First, EventSource: FetchEventSource });
  const connected = once(client, "state", ({ transport }) => transport === "websocket");
  await client.join("chat");
  await connected;
  await client.publish("chat", "said", { text: "by websocket" });
  expect(attempts).toBe(2);
});

test("commands fail when the client is disconnected, and rooms are there again after connect", async () => {
  using client = open();
  await client.join("chat");
  client.disconnect();
  expect(client.state).toBe("disconnected");
  expect(await failureOf(client.publish("chat", "said", { text: "" }))).toEqual(["closed", false]);
  expect(await failureOf(client.join("news"))).toEqual(["closed", false]);
  expect(await failureOf(client.join("chat"))).toEqual(["closed", false]);
  client.connect();
  await once(client, "state", ({ state }) => state === "connected");
  await client.publish("chat", "said", { text: "back" });
});

test("a command that is not answered fails in time", async () => {
  await using silent = await startSilent();
  using client = open({ timeoutMs: 50 }, `http://127.0.0.1:${silent.port}`);
  expect(await failureOf(client.publish("chat", "said", { text: "" }))).toEqual(["timeout", true]);
});

test("a join is waited for as long as its connection lives: late answers would be taken for those of later joins", async () => {
  await using late = await TcpProxy.start(Number(new URL(gateway.url).port));
  late.delay(100, /GET/);
  using client = open({ timeoutMs: 50 }, `http://127.0.0.1:${late.port}`);
  expect(await client.join("late")).toMatchObject({ room: "late" });
});

/** Takes connections, and says nothing. */
async function startSilent(): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<{ destroy(): unknown }>();
  const server = createServer((socket) => sockets.add(socket.on("error", () => undefined)));
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      const closed = Promise.withResolvers<void>();
      server.close(() => {
        closed.resolve();
      });
      await closed.promise;
    },
  };
}
