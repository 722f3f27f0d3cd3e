// The bare engine: Bun.serve with one topic and the answers that a page waits for, nothing else. It publishes one
// ready-made frame per byte that arrives on its control connection, like the floor.
//   bun bare.ts PORT CONTROL_PORT socketio|plain PAYLOAD_BYTES
const [, , port, control, style, payload] = process.argv;
const isPlain = style === "plain";
const text = "x".repeat(Number(payload));
const frame = isPlain ? text : `42["update","${text}"]`;
const topic = "time";

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  fetch: (request, serving) => (serving.upgrade(request) ? undefined : new Response(null, { status: 400 })),
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
      for (let left = bytes.length; left > 0; left--) server.publish(topic, frame);
    },
  },
});
console.log("ready");
