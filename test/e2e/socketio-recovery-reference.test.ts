// What a page sees with connection state recovery, compared with socket.io itself: one script runs against a server of
// socket.io with its adapter in memory and against the gateway, and what the page heard must be the same, line by line.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createServer } from "node:http";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { startGateway } from "../support/gateway.ts";
import { startRedis } from "../support/redis.ts";
import { ReturningClient, returningClients } from "../support/returning-client.ts";
import type { Line } from "../support/returning-client.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

/** What a backend of Node says, to rooms of a namespace: the API of the server and that of the emitter are one. */
interface Backend {
  emit(event: string, ...args: unknown[]): unknown;
  to(room: string | readonly string[]): Backend;
  except(room: string): Backend;
  disconnectSockets(): unknown;
  socketsLeave(room: string): unknown;
  readonly volatile: Backend;
}

interface Side {
  readonly port: number;
  backend(namespace: string): Backend;
  /** The server knows of no client any more. */
  isEmpty(): Promise<boolean>;
  /** It has received what the backend has said until now. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

const secret = "publish-secret-of-the-reference";

/** Short: a client that is cut off between two polls is missed by its pings alone. */
const pings = { pingInterval: 1_000, pingTimeout: 3_000 };

async function startReference(): Promise<Side> {
  const http = createServer();
  const io = new Server(http, { connectionStateRecovery: {}, ...pings });
  for (const namespace of ["/", "/chat"]) {
    io.of(namespace).on("connection", (socket) => {
      socket.on("join", ({ room }: { readonly room: string }, answer?: () => void) => {
        void socket.join(room);
        answer?.();
      });
      socket.on("leave", ({ room }: { readonly room: string }, answer?: () => void) => {
        void socket.leave(room);
        answer?.();
      });
    });
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  http.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = http.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    backend: (namespace) => io.of(namespace),
    isEmpty: async () => io.engine.clientsCount === 0,
    settled: async () => undefined,
    stop: async () => io.close(),
  };
}

async function startOurs(): Promise<Side> {
  const redis = await startRedis();
  const socketio = {
    recovery: true,
    pingInterval: pings.pingInterval / 1000,
    pingTimeout: pings.pingTimeout / 1000,
  };
  const gateway = await startGateway({ redis: redis.url, socketio, secret });
  const client = await createClient({ url: redis.url }).connect();
  const emitter = new Emitter(client);
  return {
    port: Number(new URL(gateway.url).port),
    backend: (namespace) => emitter.of(namespace),
    isEmpty: async () => (await gateway.metric("belfry_connections")) === 0,
    // What it publishes itself comes back to it behind all that.
    async settled() {
      await client.ping();
      const headers = { authorization: `Bearer ${secret}` };
      const answer = await fetch(`${gateway.url}/rooms/settled`, { method: "POST", headers, body: "now" });
      expect(await answer.json()).toMatchObject({ delivered: 0 });
    },
    async stop() {
      await gateway[Symbol.asyncDispose]();
      client.destroy();
      await redis.stop();
    },
  };
}

/** What a script does with one page. */
interface Stage {
  readonly page: ReturningClient;
  readonly backend: Backend;
  /** The page is cut off, and the server noticed. */
  readonly leave: () => Promise<void>;
  /** The page comes back; the server has received what the backend said meanwhile. */
  readonly comeBack: () => Promise<void>;
}

interface Script {
  readonly name: string;
  readonly namespace?: string;
  readonly run: (stage: Stage) => Promise<void>;
}

const scripts: readonly Script[] = [
  {
    name: "arguments of every kind, while it is away and before",
    run: async ({ page, backend, leave, comeBack }) => {
      await page.ask("join", { room: "time" });
      const say = (): void => {
        backend.to("time").emit("update", { time: 1 });
        backend.to("time").emit("update");
        backend.to("time").emit("update", "text");
        backend.to("time").emit("update", null, [1, 2.5], "ü☃", true);
        backend.to("time").emit("update", Buffer.from([1, 2, 3]), { more: Buffer.from([4]) });
        backend.emit("other", "everyone");
        backend.to("elsewhere").emit("update", "not for it");
      };
      say();
      await page.waitFor(7);
      await leave();
      say();
      await comeBack();
      say();
      await page.waitFor(21);
    },
  },
  {
    name: "it received nothing before",
    run: async ({ page, backend, leave, comeBack }) => {
      await page.ask("join", { room: "time" });
      await leave();
      backend.to("time").emit("update", 1);
      await comeBack();
      backend.to("time").emit("update", 2);
      backend.emit("update", 3);
      await page.waitFor(4);
    },
  },
  {
    name: "rooms that it left, rooms that leave it out, itself, several rooms",
    run: async ({ page, backend, leave, comeBack }) => {
      for (const room of ["a", "b", "c"]) await page.ask("join", { room });
      await page.ask("leave", { room: "c" });
      backend.to("a").emit("update", 0);
      await page.waitFor(2);
      await leave();
      backend.to("c").emit("update", 1);
      backend.to("a").except("b").emit("update", 2);
      backend.to(["a", "b"]).emit("update", 3);
      backend.to(page.ids[0] ?? "").emit("update", 4);
      backend.except("a").emit("update", 5);
      await comeBack();
      backend.to(["b", "c"]).emit("update", 6);
      backend.to("c").emit("update", 7);
      backend.emit("update", 8);
      await page.waitFor(8);
    },
  },
  {
    name: "what may be lost is not kept, and has no offset",
    run: async ({ page, backend, leave, comeBack }) => {
      await page.ask("join", { room: "time" });
      backend.to("time").emit("update", 1);
      await page.waitFor(2);
      await leave();
      backend.to("time").volatile.emit("update", 2);
      backend.to("time").emit("update", 3);
      await comeBack();
      await page.waitFor(5);
    },
  },
  {
    name: "text that may be lost stands where the offset would",
    run: async ({ page, backend, leave, comeBack }) => {
      await page.ask("join", { room: "time" });
      backend.to("time").emit("update", 1);
      await page.waitFor(2);
      backend.to("time").emit("update", 2);
      await page.waitFor(3);
      await leave();
      page.socket._lastOffset = "text";
      await comeBack();
      backend.emit("update", 3);
      await page.waitFor(6);
    },
  },
  {
    name: "a namespace beside `/`",
    namespace: "/chat",
    run: async ({ page, backend, leave, comeBack }) => {
      await page.ask("join", { room: "time" });
      backend.to("time").emit("update", 1);
      await page.waitFor(2);
      await leave();
      backend.to("time").emit("update", 2);
      await comeBack();
      backend.emit("update", 3);
      await page.waitFor(6);
    },
  },
  {
    name: "it comes back twice",
    run: async ({ page, backend, leave, comeBack }) => {
      await page.ask("join", { room: "time" });
      backend.to("time").emit("update", 1);
      await page.waitFor(2);
      for (const round of [2, 4]) {
        await leave();
        backend.to("time").emit("update", round);
        await comeBack();
        backend.to("time").emit("update", round + 1);
        await page.waitFor(2 + round * 2);
      }
    },
  },
  {
    name: "it left by itself",
    run: async ({ page, backend }) => {
      await page.ask("join", { room: "time" });
      backend.to("time").emit("update", 1);
      await page.waitFor(2);
      page.socket.disconnect();
      await page.waitFor(3);
      page.socket.connect();
      await page.waitFor(4);
      backend.to("time").emit("update", 2);
      backend.emit("update", 3);
      await page.waitFor(5);
    },
  },
  {
    name: "a backend disconnected it",
    run: async ({ page, backend }) => {
      await page.ask("join", { room: "time" });
      backend.to("time").emit("update", 1);
      await page.waitFor(2);
      backend.to("time").disconnectSockets();
      await page.waitFor(3);
      page.socket.connect();
      await page.waitFor(4);
      backend.to("time").emit("update", 2);
      backend.emit("update", 3);
      await page.waitFor(5);
    },
  },
];

let sides: readonly Side[] = [];

beforeAll(async () => {
  sides = await Promise.all([startReference(), startOurs()]);
});

afterAll(async () => {
  for (const side of sides) await side.stop();
});

interface Seen {
  readonly lines: readonly Line[];
  readonly isSame: readonly boolean[];
}

describe.each(returningClients)("socket.io-client %s over %s", (version, transport) => {
  test.each(scripts)("hears what it hears of socket.io: $name", async ({ namespace = "/", run }) => {
    const play = async (side: Side): Promise<Seen> => {
      await until(async () => side.isEmpty(), 30_000);
      const events = ["update", "other"];
      await using page = await ReturningClient.open({
        version,
        transport,
        port: side.port,
        namespace,
        events,
      });
      const leave = async (): Promise<void> => {
        await page.cutOff();
        await until(async () => side.isEmpty(), 30_000);
      };
      const comeBack = async (): Promise<void> => {
        await side.settled();
        await page.comeBack();
      };
      await run({ page, backend: side.backend(namespace), leave, comeBack });
      return { lines: page.lines, isSame: page.ids.map((id) => id === page.ids[0]) };
    };
    const [reference, ours] = await Promise.all(sides.map(play));
    expect(ours).toEqual(reference);
  });
});
