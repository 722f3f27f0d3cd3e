// How a backend publishes to rooms, in the two ways of ws-emit: over HTTP to a gateway, or into the Redis that
// gateways listen to.

import { createClient } from "@redis/client";

/** Between two tries to reach a Redis that has gone, ms. */
const retryMs = 1_000;

/** One event for the clients in these rooms; a client that is in several of them gets it once. */
export interface Emission {
  readonly event: string;
  readonly room: string | readonly string[];
  readonly data: unknown;
}

export interface Backend extends AsyncDisposable {
  emit(emission: Emission): Promise<void>;
}

/** By `POST /emit`, with the publish secret of the gateway. */
export function httpBackend(url: string, secret: string): Backend {
  return {
    async emit(emission) {
      const answer = await fetch(`${url}/emit`, {
        method: "POST",
        body: JSON.stringify({ ...emission, secret }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`Expected the gateway to emit, got ${answer.status}: ${text.trim()}`);
    },
    async [Symbol.asyncDispose]() {
      // Nothing is kept open.
    },
  };
}

export interface RedisBackend extends Backend {
  set(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
}

/** By a message on the channel of Flask-SocketIO, in the least that is one. Throws a sentence without a Redis there. */
export async function redisBackend(url: string): Promise<RedisBackend> {
  let isUp = false;
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: () => (isUp ? retryMs : false) },
  });
  client.on("error", (error: Error) => {
    if (isUp) console.error(`Redis: ${error.message}`);
  });
  await client.connect().catch((error: unknown) => {
    throw new Error(`Expected --redis to answer, got ${String(error)}`, { cause: error });
  });
  isUp = true;
  return {
    async emit(emission) {
      await client.publish("flask-socketio", JSON.stringify({ method: "emit", namespace: "/", ...emission }));
    },
    async set(key, value) {
      await client.set(key, value);
    },
    async remove(key) {
      await client.del(key);
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
    },
  };
}
