// The client with a token: who it is, at each connection and over the end of a token.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { startGateway } from "../test/support/gateway.ts";
import type { TestGateway } from "../test/support/gateway.ts";
import { TcpProxy } from "../test/support/tcp-proxy.ts";
import { auth, signToken, signTokenFor } from "../test/support/tokens.ts";
import { connect } from "./client.ts";
import type { Client, ClientOptions, Happenings } from "./client.ts";

let gateway: TestGateway;
let proxy: TcpProxy;

beforeAll(async () => {
  gateway = await startGateway({ auth, rooms: [{ match: "orders::*", join: ["token"] }] });
  proxy = await TcpProxy.start(Number(new URL(gateway.url).port));
});

afterAll(async () => {
  await proxy.stop();
  await gateway[Symbol.asyncDispose]();
});

const claims = { sub: "ada", rooms: ["orders::ada"] };

function open(token: NonNullable<ClientOptions["token"]>): Client & Disposable {
  const client = connect(`http://127.0.0.1:${proxy.port}/connect`, { maxDelayMs: 100, token });
  return Object.assign(client, {
    [Symbol.dispose]() {
      client.disconnect();
    },
  });
}

/** The next that comes of it. */
async function next<Name extends keyof Happenings>(client: Client, name: Name): Promise<Happenings[Name]> {
  const { promise, resolve } = Promise.withResolvers<Happenings[Name]>();
  const stop = client.watch(name, resolve);
  const happening = await promise;
  stop();
  return happening;
}

test("it opens rooms, again at each connection", async () => {
  let given = 0;
  using client = open(async () => {
    given++;
    return signToken(claims);
  });
  expect(await client.join("orders::ada")).toMatchObject({ room: "orders::ada" });
  const back = next(client, "recovered");
  proxy.cut();
  proxy.heal();
  expect(await back).toEqual({ room: "orders::ada", missed: 0 });
  expect(given).toBeGreaterThanOrEqual(2);
});

test("a fresh one is asked for before the last one expires, and the connection stays", async () => {
  const asked = Promise.withResolvers<void>();
  let given = 0;
  using client = open(async () => {
    given++;
    if (given === 2) asked.resolve();
    return given === 1 ? signTokenFor(3, claims) : signToken(claims);
  });
  await client.join("orders::ada");
  const states: string[] = [];
  client.watch("state", ({ state }) => states.push(state));
  await asked.promise;
  // Longer than the first one lives.
  await Bun.sleep(1_500);
  expect(await client.join("orders::ada")).toMatchObject({ room: "orders::ada" });
  expect(states).toEqual([]);
  expect(given).toBe(2);
});

test("T18 with a wrong one the client joins nothing, not as anonymous either, and does not come back", async () => {
  using client = open(() => "wrong");
  const refused = next(client, "refused");
  const joined = client.join("open to everyone").then(
    () => "joined",
    (error: { code?: string }) => error.code,
  );
  expect(await refused).toMatchObject({ room: undefined, error: { code: "token_invalid", retry: false } });
  expect(await joined).toBe("closed");
  expect(client.state).toBe("disconnected");
});

test("an application that cannot give one now is asked again", async () => {
  let asked = 0;
  using client = open(async () => {
    asked++;
    if (asked < 3) throw new Error("the application is away");
    return signToken(claims);
  });
  const refused = next(client, "refused");
  await client.join("orders::ada");
  expect(await refused).toMatchObject({ room: undefined, error: { message: "the application is away" } });
  expect(asked).toBe(3);
});

test("a token that comes after the connection ended is not shown on the next one", async () => {
  const late = Promise.withResolvers<string>();
  const first = Promise.withResolvers<void>();
  let asked = 0;
  using client = open(async () => {
    asked++;
    first.resolve();
    return asked === 1 ? late.promise : signToken(claims);
  });
  const waiting = Promise.withResolvers<void>();
  client.watch("state", ({ state }) => {
    if (state === "waiting") waiting.resolve();
  });
  const joined = client.join("orders::ada");
  await first.promise;
  proxy.cut();
  await waiting.promise;
  proxy.heal();
  late.resolve("wrong");
  expect(await joined).toMatchObject({ room: "orders::ada" });
});

test("event streams cannot show one and are not used", () => {
  class Never {
    readonly readyState = 0;
    addEventListener(): void {}
    close(): void {}
  }
  const options = { transport: "stream", EventSource: Never, token: () => "any" } as const;
  expect(() => connect(gateway.url, options)).toThrow("Expected options.WebSocket");
});
