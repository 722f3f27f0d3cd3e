// Who is in a room, as users of the client are told: the whole state, its changes, and a new state after a break.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { startGateway } from "../test/support/gateway.ts";
import type { TestGateway } from "../test/support/gateway.ts";
import { TcpProxy } from "../test/support/tcp-proxy.ts";
import { auth, signToken } from "../test/support/tokens.ts";
import { until } from "../test/support/until.ts";
import { connect } from "./client.ts";
import type { Client } from "./client.ts";
import type { PresenceNotice } from "./messages.ts";
import { watchPresence } from "./presence.ts";

const secret = "publish-secret-of-the-client";
let gateway: TestGateway;
let proxy: TcpProxy;

beforeAll(async () => {
  gateway = await startGateway({ auth, secret, rooms: [{ match: "lobby*", presence: true }] });
  proxy = await TcpProxy.start(Number(new URL(gateway.url).port));
});

afterAll(async () => {
  await proxy.stop();
  await gateway[Symbol.asyncDispose]();
});

/** Disconnected when its test ends. */
function open(user: string, url: string): Client & Disposable {
  const token = async (): Promise<string> => signToken({ sub: user, info: { name: user.toUpperCase() } });
  const client = connect(`${url}/connect`, { token, maxDelayMs: 100 });
  return Object.assign(client, {
    [Symbol.dispose]() {
      client.disconnect();
    },
  });
}

test("the users of a room, who comes and who goes, and all of them again after a break", async () => {
  using ada = open("ada", `http://127.0.0.1:${proxy.port}`);
  const told: string[] = [];
  const stop = watchPresence(ada, "lobby", {
    changed({ total, users = new Map<string, unknown>() }) {
      told.push(`${total} ${[...users].map(([user, info]) => `${user}=${JSON.stringify(info)}`).join()}`);
    },
  });
  await ada.join("lobby");
  const alone = '1 ada={"name":"ADA"}';
  await until(() => told.at(-1) === alone);
  using bob = open("bob", gateway.url);
  await bob.join("lobby");
  const both = '2 ada={"name":"ADA"},bob={"name":"BOB"}';
  await until(() => told.at(-1) === both);
  proxy.cut();
  await until(() => ada.state === "waiting");
  told.length = 0;
  proxy.heal();
  await until(() => told.length > 0);
  expect(told).toEqual([both]);
  stop();
});

test("changes follow on the state; a room with too many users to be listed has their number alone", () => {
  const listeners: ((notice: PresenceNotice) => void)[] = [];
  const source: Parameters<typeof watchPresence>[0] = {
    state: "connecting",
    presence: async () => undefined,
    watch(name, listener) {
      if (name === "notice") listeners.push(listener as (notice: PresenceNotice) => void);
      return () => undefined;
    },
  };
  const told: unknown[] = [];
  watchPresence(source, "a", {
    changed: ({ total, users }) => told.push([total, users && Object.fromEntries(users)]),
  });
  const tell = (notice: object): void => {
    for (const listener of listeners)
      listener({ room: "a", epoch: "e", version: 1, ...notice } as PresenceNotice);
  };
  const change = { type: "presence_change", from: 1, joined: [], left: [] };
  tell({ type: "presence", total: 2, anonymous: 0, users: [{ user: "x", info: 1 }, { user: "y" }] });
  tell({ ...change, total: 2, joined: [{ user: "x", info: 2 }, { user: "z" }], left: ["y"] });
  tell({ ...change, room: "b", total: 9, left: ["x"] });
  tell({ type: "of a later version" });
  tell({ type: "presence", total: 5_000, anonymous: 0 });
  tell({ ...change, total: 4_999, left: ["z"] });
  expect(told).toEqual([
    [2, { x: 1, y: undefined }],
    [2, { x: 2, z: undefined }],
    [5_000, undefined],
    [4_999, undefined],
  ]);
});

test("a room that the client left is not joined again by what watches it", async () => {
  await using line = await TcpProxy.start(Number(new URL(gateway.url).port));
  using ada = open("ada", `http://127.0.0.1:${line.port}`);
  await ada.join("lobby-left");
  await ada.join("time");
  const stop = watchPresence(ada, "lobby-left", { changed: () => undefined });
  await ada.leave("lobby-left");
  line.cut();
  await until(() => ada.state === "waiting");
  line.heal();
  await until(() => ada.state === "connected");
  // Answered behind all that was asked for before it.
  await ada.join("other");
  const headers = { authorization: `Bearer ${secret}` };
  const published = await fetch(`${gateway.url}/rooms/lobby-left`, { method: "POST", headers, body: "1" });
  expect(await published.json()).toEqual({ delivered: 0 });
  stop();
});

test("what cannot be told is said, with a code", async () => {
  using eve = open("eve", gateway.url);
  await eve.join("time");
  const { promise, resolve } = Promise.withResolvers<string>();
  const stop = watchPresence(eve, "time", {
    changed: () => undefined,
    failed({ code }) {
      resolve(code);
    },
  });
  expect(await promise).toBe("no_presence");
  stop();
});
