// The bare engine with rooms: Bun.serve, a topic for each room that pages join, and `POST /emit` as little as it can be.
// With a Redis URL it hears the emits on a channel, too.
//   bun bare-rooms.ts PORT SECRET [REDIS_URL CHANNEL]
import { createClient } from "@redis/client";

const [, , port, secret, redisUrl, channel] = process.argv;

interface Emit {
  readonly event: string;
  readonly data: unknown;
  readonly room: string;
  readonly secret?: string;
}

function publish({ event, data, room }: Emit): void {
  server.publish(room, `42${JSON.stringify([event, data])}`);
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  async fetch(request, serving) {
    if (request.method !== "POST") {
      return serving.upgrade(request) ? undefined : new Response(null, { status: 400 });
    }
    const emit = (await request.json()) as Emit;
    if (emit.secret !== secret) return new Response("Incorrect secret\n", { status: 401 });
    publish(emit);
    return new Response("OK\n");
  },
  websocket: {
    open(ws) {
      ws.send('0{"sid":"x"}');
    },
    message(ws, packet) {
      if (packet === "40") {
        ws.send('40{"sid":"x"}');
      } else if (packet !== "3") {
        const [, { room }] = JSON.parse(String(packet).slice(3)) as [string, { room: string }];
        ws.subscribe(room);
        ws.send("430[]");
      }
    },
  },
});
if (redisUrl !== undefined && channel !== undefined) {
  const subscriber = createClient({ url: redisUrl });
  await subscriber.connect();
  await subscriber.subscribe(channel, (text) => {
    publish(JSON.parse(text) as Emit);
  });
}
console.log("ready");
