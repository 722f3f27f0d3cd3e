// A server with the `socket.io` package, two of which speak to each other through Redis: for runs of faults beside Belfry.
//   node socketio.mjs REDIS_URL pubsub|streams
// Its adapters as their READMEs set them up, and with pings, so that a silent link is found; connection state recovery where the
// adapter has it. POST /emit is the application: it emits to a room and answers.
import { createServer } from "node:http";
import { createAdapter as pubSub } from "@socket.io/redis-adapter";
import { createAdapter as streams } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [, , url, kind] = process.argv;

async function client() {
  const reconnectStrategy = (tries) => Math.min(tries * 50, 500);
  const redis = createClient({
    url,
    pingInterval: 3_000,
    // By itself it does not come back from this timeout.
    socket: { socketTimeout: 8_000, reconnectStrategy },
  });
  redis.on("error", () => undefined);
  await redis.connect();
  return redis;
}

// More than a run says in all.
const adapter =
  kind === "streams" ? streams(await client(), { maxLen: 100_000 }) : pubSub(await client(), await client());
const http = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const { room, event, data } = JSON.parse(Buffer.concat(chunks).toString());
    io.to(room).emit(event, data);
    response.end("OK\n");
  });
});
const recovery = { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } };
const io = new Server(http, { adapter, ...(kind === "streams" ? recovery : {}) });
io.on("connection", (socket) => {
  socket.on("join", async ({ room }, acknowledge) => {
    await socket.join(room);
    acknowledge();
  });
});
process.on("SIGTERM", () => {
  void io.close();
  setTimeout(() => process.exit(0), 1_000);
});
// It ends with the run that started it, also where that is killed.
const run = process.ppid;
setInterval(() => process.ppid !== run && process.exit(1), 1_000).unref();
// An application goes on when its Redis is away.
process.on("unhandledRejection", () => undefined);
http.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
