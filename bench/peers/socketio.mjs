// The peer: the `socket.io` package on Node, with the page's `join` event, fed by `POST /emit`, and from the same Redis
// channel where there is one.
//   node socketio.mjs PORT SECRET [REDIS_URL CHANNEL]
import { createServer } from "node:http";
import { createClient } from "redis";
import { Server } from "socket.io";

const [, , port, secret, url, channel] = process.argv;
const http = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const emit = JSON.parse(Buffer.concat(chunks).toString());
    const isRight = emit.secret === secret;
    if (isRight) io.to(emit.room).emit(emit.event, emit.data);
    response.statusCode = isRight ? 200 : 401;
    response.end(isRight ? "OK\n" : "Incorrect secret\n");
  });
});
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });
io.on("connection", (socket) => {
  socket.on("join", ({ room }, acknowledge) => {
    void socket.join(room);
    acknowledge();
  });
});
if (url !== undefined) {
  const subscriber = createClient({ url });
  await subscriber.connect();
  await subscriber.subscribe(channel, (text) => {
    const message = JSON.parse(text);
    if (message.method === "emit") io.to(message.room).emit(message.event, message.data);
  });
}
http.listen(Number(port), "127.0.0.1", 4096, () => console.log("ready"));
