// Real python-socketio servers of every generation live on the same queue as the gateway: they act on its clients, get
// their acknowledgements, and are not harmed by what the gateway puts on the channel for itself.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createClient } from "@redis/client";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { Page } from "../support/page.ts";
import { PythonProgram } from "../support/python.ts";
import { startRedis } from "../support/redis.ts";

const versions = [
  "socketio-5.7",
  "socketio-5.13",
  "socketio-5.14.1",
  "socketio-5.14.2",
  "socketio-5.15",
] as const;
const kinds = ["sync", "async"] as const;
const neighbours = versions.flatMap((version) => kinds.map((kind) => [version, kind] as const));

/** Servers before 5.10 move only their own clients between rooms (PSQ-13). */
const movesOthers = (version: string): boolean => version !== "socketio-5.7";

let redis: Awaited<ReturnType<typeof startRedis>>;
let gateway: TestGateway;
/** Everything on the queue channel, as the neighbours see it. */
let spy: Awaited<ReturnType<typeof startSpy>>;
const servers = new Map<string, PythonProgram>();

beforeAll(async () => {
  redis = await startRedis();
  spy = await startSpy(redis.url);
  for (const [version, kind] of neighbours) {
    servers.set(
      `${version} ${kind}`,
      await PythonProgram.start(version, "listener", [redis.url, "flask-socketio", kind]),
    );
  }
  gateway = await startGateway({ redis: redis.url });
}, 120_000);

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await Promise.all([...servers.values()].map((server) => server[Symbol.asyncDispose]()));
  await spy.stop();
  await redis.stop();
});

function server(version: string, kind: string): PythonProgram {
  const found = servers.get(`${version} ${kind}`);
  if (!found) throw new Error(`Expected a server of ${version} ${kind}, got none`);
  return found;
}

describe.each(neighbours)("%s %s", (version, kind) => {
  test("PSQ-10 each client's acknowledgement comes back to the server that asked", async () => {
    using page = await Page.connect(gateway.url);
    await page.join("ask");
    page.socket.on("ask", (question: string, answer: (...args: unknown[]) => void) => {
      answer(`${question}: yes`, { n: [1, null] });
    });
    const asker = server(version, kind);
    for (const room of ["ask", page.id]) {
      const question = crypto.randomUUID();
      await asker.run(`call('emit', 'ask', '${question}', room='${room}', callback=heard)`);
      const [line] = await asker.waitFor(new RegExp(`^heard .*${question}.*$`, "m"));
      expect(line).toBe(`heard ('${question}: yes', {'n': [1, None]})`);
    }
  });

  test("PSQ-10 SIO-10 in a room everybody is asked with an id of his own", async () => {
    using first = await Page.connect(gateway.url);
    using second = await Page.connect(gateway.url);
    const asker = server(version, kind);
    const question = crypto.randomUUID();
    for (const page of [first, second]) {
      await page.join("ask");
      page.socket.on("ask", (_question: string, answer: (...args: unknown[]) => void) => {
        answer(page.id);
      });
    }
    const before = spy.messages.length;
    await asker.run(`call('emit', 'ask', '${question}', room='ask', callback=heard)`);
    // The answer to an earlier question may still be on its way to the spy.
    const isOurs = (message: string): boolean => [first.id, second.id].some((id) => message.includes(id));
    const callbacks = await spy.find(
      2,
      (message) => message.includes('"method":"callback"') && isOurs(message),
      before,
    );
    const sent = callbacks.map((text) => JSON.parse(text) as Record<string, unknown>);
    const hostId = await asker.run("answer = manager.host_id");
    for (const message of sent) {
      expect(message).toMatchObject({ method: "callback", host_id: hostId, sid: "ask", namespace: "/" });
      expect(typeof message["id"]).toBe("number");
    }
    expect(new Set(sent.map((message) => JSON.stringify(message["args"])))).toEqual(
      new Set([JSON.stringify([first.id]), JSON.stringify([second.id])]),
    );
  });

  test("PSQ-12 a server disconnects a client of ours from the namespace, its connection stays", async () => {
    using page = await Page.connect(gateway.url);
    const other = page.socket.io.socket("/other");
    const connected = Promise.withResolvers<void>();
    other.once("connect", connected.resolve);
    await connected.promise;
    await server(version, kind).run(`call('disconnect', '${page.id}')`);
    expect(await page.next()).toEqual(["(disconnect)", "io server disconnect"]);
    expect(other.connected).toBe(true);
    const pong = Promise.withResolvers<unknown>();
    other.once("still", pong.resolve);
    await server(version, kind).run("call('emit', 'still', 'here', namespace='/other')");
    expect(await pong.promise).toBe("here");
  });

  test("PSQ-14 a closed room is empty, its members stay connected and are not told", async () => {
    using page = await Page.connect(gateway.url);
    await page.join("closing", "other");
    await server(version, kind).run(`
call('emit', 'before', 1, room='closing')
call('close_room', 'closing')
call('emit', 'after', 1, room='closing')
call('emit', 'end', 1, room='other')`);
    expect(await page.next()).toEqual(["before", 1]);
    expect(await page.next()).toEqual(["end", 1]);
  });

  if (movesOthers(version)) {
    test("PSQ-13 a server puts clients of ours into rooms and takes them out, secrets or not", async () => {
      using page = await Page.connect(gateway.url);
      const { id } = page;
      await server(version, kind).run(`
call('emit', 'x', 'outside', room='shop::orders')
call('enter_room', '${id}', 'shop::orders')
call('emit', 'x', 'inside', room='shop::orders')
call('enter_room', 'nobody', 'shop::orders')
call('leave_room', '${id}', 'shop::orders')
call('emit', 'x', 'left', room='shop::orders')
call('emit', 'end', 1)`);
      expect(await page.next()).toEqual(["x", "inside"]);
      expect(await page.next()).toEqual(["end", 1]);
    });
  }
});

describe("PSQ-11", () => {
  test("PSQ-11 acknowledgements for other hosts pass us by", async () => {
    using page = await Page.connect(gateway.url);
    const before = await gateway.metric("belfry_skipped_total");
    await using redisClient = await publisher(redis.url);
    const callback = { method: "callback", host_id: "somebody", sid: "r", namespace: "/", id: 1, args: [1] };
    await redisClient.publish(JSON.stringify(callback));
    await redisClient.publish(JSON.stringify({ method: "emit", event: "end", data: 1 }));
    expect(await page.next()).toEqual(["end", 1]);
    expect(await gateway.metric("belfry_skipped_total")).toBe(before);
  });

  test("PSQ-10 a binary acknowledgement has no form on the queue: dropped with a warning", async () => {
    using page = await Page.connect(gateway.url);
    page.socket.on("ask", (value: unknown, answer: (...args: unknown[]) => void) => {
      answer(value === "binary" ? Buffer.of(1) : value);
    });
    const asker = server("socketio-5.15", "sync");
    const before = spy.messages.length;
    await asker.run(`call('emit', 'ask', 'binary', room='${page.id}', callback=heard)`);
    await asker.run(`call('emit', 'ask', 'plain after binary', room='${page.id}', callback=heard)`);
    await asker.waitFor(/^heard \('plain after binary',\)$/m);
    const [callback = ""] = await spy.find(1, (message) => message.includes('"method":"callback"'), before);
    expect(JSON.parse(callback)).toMatchObject({ args: ["plain after binary"] });
    expect(gateway.log).toMatch(/"level":"warn".*"event":"ack_dropped"/);
  });
});

describe("PSQ-17", () => {
  test("PSQ-17 after several of our canaries every neighbour still listens and works", async () => {
    const seen = spy.messages.length;
    const canaries = await spy.find(3, (message) => message.includes("canary"), seen, 60_000);
    for (const canary of canaries) {
      const message: unknown = JSON.parse(canary);
      expect(message).toBeInstanceOf(Object);
      expect(message).not.toHaveProperty("method");
    }
    using page = await Page.connect(gateway.url);
    page.socket.on("alive", (question: string, answer: (...args: unknown[]) => void) => {
      answer(question);
    });
    for (const [name, neighbour] of servers) {
      expect(await neighbour.run("answer = is_listening()")).toBe(true);
      await neighbour.run(
        `call('emit', 'alive', 'canaries passed ${name}', room='${page.id}', callback=heard)`,
      );
      await neighbour.waitFor(new RegExp(`^heard \\('canaries passed ${name}',\\)$`, "m"));
    }
  }, 90_000);

  test('PSQ-17 this suite would notice: the bare word "method" ends the listener of python-socketio 5.7', async () => {
    await using victim = await PythonProgram.start("socketio-5.7", "listener", [redis.url, "victim", "sync"]);
    await using redisClient = await publisher(redis.url, "victim");
    const deadline = performance.now() + 20_000;
    let isListening: unknown = true;
    while (isListening === true && performance.now() < deadline) {
      await redisClient.publish('"method"');
      isListening = await victim.run("manager.thread.join(0.1); answer = is_listening()");
    }
    expect(isListening).toBe(false);
  }, 30_000);
});

/** Keeps every message of the queue channel. */
async function startSpy(url: string): Promise<{
  readonly messages: readonly string[];
  /** The first `count` messages from `start` on that pass; waits for them. */
  find(
    count: number,
    isWanted: (message: string) => boolean,
    start: number,
    timeoutMs?: number,
  ): Promise<readonly string[]>;
  stop(): Promise<void>;
}> {
  const messages: string[] = [];
  let wake = Promise.withResolvers<void>();
  const client = createClient({ url });
  await client.connect();
  await client.subscribe("flask-socketio", (message) => {
    messages.push(message);
    wake.resolve();
    wake = Promise.withResolvers<void>();
  });
  return {
    messages,
    async find(count, isWanted, start, timeoutMs = 10_000) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const { promise, resolve } = wake;
        const found = messages.slice(start).filter(isWanted);
        if (found.length >= count) return found.slice(0, count);
        const left = deadline - performance.now();
        if (left <= 0) throw new Error(`Expected ${count} such messages, got ${found.length}`);
        const timer = setTimeout(resolve, left);
        await promise;
        clearTimeout(timer);
      }
    },
    async stop() {
      await client.close();
    },
  };
}

async function publisher(
  url: string,
  channel = "flask-socketio",
): Promise<AsyncDisposable & { publish(message: string): Promise<unknown> }> {
  const client = createClient({ url });
  await client.connect();
  return {
    publish: (message) => client.publish(channel, message),
    [Symbol.asyncDispose]: () => client.close(),
  };
}
