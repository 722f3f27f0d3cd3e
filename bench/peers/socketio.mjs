// The peer: the `socket.io` package on Node, with the page's `join` event, fed from the same Redis channel.
//   node socketio.mjs PORT REDIS_URL CHANNEL
import { createServer } from "node:http";
import { createClient } from "redis";
import { Server } from "socket.io";

const [, , port, url, channel] = process.argv;
const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });
io.on("connection", (socket) => {
  socket.on("join", ({ room }, acknowledge) => {
    void socket.join(room);
    acknowledge();
  });
});
const subscriber = createClient({ url });
await subscriber.connect();
await subscriber.subscribe(channel, (text) => {
  const message = JSON.parse(text);
  if (message.method === "emit") io.to(message.room).emit(message.event, message.data);
});
http.listen(Number(port), "127.0.0.1", 4096, () => console.log("ready"));
