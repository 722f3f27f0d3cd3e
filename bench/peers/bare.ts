// The bare engine: Bun.serve with one topic and the answers that the page waits for, nothing else.
//   bun bare.ts PORT
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response(null, { status: 400 })),
  websocket: {
    open(ws) {
      ws.send('0{"sid":"x"}');
    },
    message(ws, text) {
      if (text === "40") {
        ws.send('40{"sid":"x"}');
      } else if (text !== "3") {
        ws.subscribe("time");
        ws.send("430[]");
      }
    },
  },
});
console.log("ready");
