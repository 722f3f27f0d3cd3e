// A program: one real socket.io-client, in a process of its own so that it may be busy. It joins the room `time`, checks
// that the numbers of the events come in order, and says so. Arguments: URL, transport, how many events to expect; and
// for how many milliseconds it is busy with which one, and every how many-th after it.

import { io } from "socket.io-client";

const [url = "", transport = "", ...numbers] = process.argv.slice(2);
const [expected = 0, busyMs = 0, busyFrom = 0, busyEvery = 1] = numbers.map(Number);

const socket = io(url, { transports: [transport], forceNew: true, reconnection: false });
let next = 0;

function end(text: string): void {
  console.log(text);
  process.exit(0);
}

socket.on("connect", () => {
  socket.emit("join", { room: "time" }, () => {
    console.log("joined");
  });
});
socket.on("burst", ({ n }: { n: number }) => {
  if (n !== next) end(`expected ${next}, got ${n}`);
  next++;
  if (busyMs > 0 && n >= busyFrom && (n - busyFrom) % busyEvery === 0) Bun.sleepSync(busyMs);
  if (next === expected) end(`all ${expected}`);
});
socket.on("disconnect", (reason) => {
  end(`lost after ${next}: ${reason}`);
});
socket.on("connect_error", (error) => {
  end(`refused: ${error.message}`);
});
