// The bare engine: Bun.serve with one topic and the answers that a page waits for, nothing else. It publishes one
// ready-made frame per byte that arrives on its control connection, like the floor. In the style `stream` its pages have
// endless answers, one after the other: the engine has no topic for these.
//   bun bare.ts PORT CONTROL_PORT socketio|plain|stream PAYLOAD_BYTES
const [, , port, control, style, payload] = process.argv;
const isPlain = style === "plain";
const text = "x".repeat(Number(payload));
const frame = isPlain ? text : `42["update","${text}"]`;
const topic = "time";

const oneEvent = Buffer.from(`data: ${text}\n\n`);
const streams = new Set<ReadableStreamDefaultController>();

function openStream(): Response {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from(":\n\n"));
      streams.add(controller);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  idleTimeout: 0,
  fetch(request, serving) {
    if (style === "stream") return openStream();
    return serving.upgrade(request) ? undefined : new Response(null, { status: 400 });
  },
  websocket: {
    open(ws) {
      if (isPlain) ws.subscribe(topic);
      else ws.send('0{"sid":"x"}');
    },
    message(ws, packet) {
      if (packet === "40") {
        ws.send('40{"sid":"x"}');
      } else if (!isPlain && packet !== "3") {
        ws.subscribe(topic);
        ws.send("430[]");
      }
    },
  },
});
Bun.listen({
  hostname: "127.0.0.1",
  port: Number(control),
  socket: {
    data(_socket, bytes) {
      for (let left = bytes.length; left > 0; left--) {
        server.publish(topic, frame);
        for (const stream of streams) stream.enqueue(oneEvent);
      }
    },
  },
});
console.log("ready");
