// The `socket.io` package in a run, with each of its two Redis adapters, and pages with socket.io-client.

import { join } from "node:path";
import { RunningProcess } from "../../support/process.ts";
import { once } from "../publishers.ts";
import { SocketIoClient } from "../socketio-client.ts";
import { servedBy } from "../system.ts";
import type { System } from "../system.ts";

const program = join(import.meta.dir, "socketio.mjs");

function socketIo(title: string, kind: "pubsub" | "streams"): System {
  return {
    title,
    absence: async () => (Bun.which("node") === null ? "no `node` on this machine" : undefined),
    async serve(redisPort) {
      const server = new RunningProcess(["node", program, `redis://127.0.0.1:${redisPort}`, kind]);
      const [, url = ""] = await server.waitFor(/listening on (\S+)/);
      return servedBy(server, url);
    },
    client: async (parts) => SocketIoClient.start(parts, kind === "streams" ? undefined : "nothing"),
    publishers: (parts) =>
      ["a", "b", "c"].map((way) =>
        once({ ...parts, name: `${parts.room}-${way}` }, (id) => ({
          path: "/emit",
          body: JSON.stringify({ room: parts.room, event: "update", data: { id } }),
        })),
      ),
  };
}

export const socketIoPubSub = socketIo("socket.io 4.8.4, redis-adapter 8.3.0", "pubsub");
export const socketIoStreams = socketIo("socket.io 4.8.4, redis-streams-adapter 0.3.1", "streams");
