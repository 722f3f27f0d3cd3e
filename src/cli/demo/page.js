// The demo page: an ordinary Socket.IO page in two rooms, `time` and the one in its box, and posts like a
// backend. An event does not say in which room it was said: each of the two has a connection of its own, so that each line
// can name it. The secret is read anew at every connection: a gateway that was started again has another one.

const byId = (id) => document.getElementById(id);
const timeSocket = io();
const boxSocket = io({ forceNew: true });

/** Of this start of the gateway; the page is served to this machine alone. */
let secret = "";
/** The room of the box, and the answers to the joins. */
let room = "time";
let joined = Promise.resolve();

const shownLines = 50;
const shownCharacters = 500;

/** As often as it is sent to several rooms of ours, a message is one line. */
const sameMessageMs = 1000;

function join(socket, name) {
  // Refused or not, publishing goes on: the answer is awaited only so that the page receives what it publishes.
  return socket
    .timeout(2000)
    .emitWithAck("join", { room: name })
    .catch(() => []);
}

/** Rooms with `::` are for pages that have the secret of their room-space, which this one has not. */
const isOpen = (name) => !name.includes("::");

/** Is the second connection in the room of the box? The first one is in `time`. */
const isInBox = () => room !== "time" && isOpen(room);

/** Joins the room of the box, and leaves the one before it. */
function followBox() {
  const typed = byId("room").value;
  if (typed === room) return;
  if (isInBox()) boxSocket.emit("leave", { room });
  room = typed;
  if (isInBox()) joined = join(boxSocket, room);
}

function emission() {
  return JSON.stringify({ event: "message", room, data: byId("text").value, secret });
}

/** As a POSIX shell reads it: what is quoted stays as it is, a quote itself is written outside. */
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function showCurl() {
  if (secret === "") return;
  byId("curl").textContent = `curl ${location.origin}/emit -d ${quoted(emission())}`;
  byId("copy").textContent = "Copy";
}

async function readSettings() {
  const answer = await fetch("/demo/settings.json");
  if (answer.ok) ({ secret } = await answer.json());
  showCurl();
}

/** @returns what went wrong, in words; nothing when it was published. */
async function ring() {
  if (timeSocket.connected) await joined;
  const answer = await fetch("/emit", { method: "POST", body: emission() }).catch(() => undefined);
  if (!answer) return notSent;
  const text = await answer.text();
  if (answer.status === 403) {
    return "Refused: the gateway was started again and has a new publish secret. Reload this page to get it.";
  }
  if (!answer.ok) return `Refused: ${text}`;
  return isOpen(room) ? "" : `Published in ${room}. This page did not receive it: ${closedRoom}`;
}

const notSent = "Not sent: the gateway does not answer. Publish again when this page is connected.";
const closedRoom = "only pages that send its secret can join a room with `::`, and this page has none.";

function cell(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
  return element;
}

function describe(arg) {
  return arg instanceof ArrayBuffer ? `<${arg.byteLength} bytes>` : JSON.stringify(arg);
}

const everyone = "(everyone)";

/** The line of a message that another connection received just now. */
let latest = { text: "", at: 0, rooms: [], cell: undefined };

function hear(where, event, args) {
  const text = JSON.stringify([event, args.map(describe)]);
  const isSame = latest.text === text && performance.now() - latest.at < sameMessageMs;
  if (isSame && !latest.rooms.includes(where)) {
    latest.rooms.push(where);
    latest.cell.textContent = latest.rooms.includes(everyone) ? everyone : latest.rooms.join(" + ");
    return;
  }
  latest = { text, at: performance.now(), rooms: [where], cell: cell("i", where) };
  show(latest.cell, event, args);
}

function show(where, event, args) {
  const line = document.createElement("li");
  const time = new Date().toTimeString().slice(0, 8);
  line.append(cell("time", time), where, cell("b", event), cell("span", args.map(describe).join(" ")));
  byId("heard").prepend(line);
  while (byId("heard").childElementCount > shownLines) byId("heard").lastElementChild.remove();
}

function setState(state) {
  byId("state").textContent = state;
  byId("state").className = state;
  byId("clock").classList.toggle("stopped", state !== "connected");
}

timeSocket.on("connect", () => {
  setState("connected");
  if (byId("note").textContent === notSent) byId("note").textContent = "";
  joined = join(timeSocket, "time");
  readSettings().catch(() => {
    // Gone again: the next connection reads them.
  });
});
boxSocket.on("connect", () => {
  if (isInBox()) joined = join(boxSocket, room);
});
// In no room of its own it receives messages to everyone alone.
boxSocket.onAny((event, ...args) => hear(isInBox() ? room : everyone, event, args));
timeSocket.on("disconnect", () => setState(timeSocket.active ? "reconnecting" : "disconnected"));
timeSocket.onAny((event, ...args) => {
  if (event === "clock") byId("clock").textContent = args[0];
  else hear("time", event, args);
});

byId("ring").addEventListener("input", () => {
  byId("note").textContent = isOpen(byId("room").value)
    ? ""
    : `${closedRoom[0].toUpperCase()}${closedRoom.slice(1)}`;
  if (!byId("ring").checkValidity()) return;
  followBox();
  showCurl();
});
byId("ring").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  void ring().then((problem) => {
    byId("note").textContent = problem;
  });
});
byId("copy").addEventListener("click", () => {
  const code = byId("curl");
  navigator.clipboard.writeText(code.textContent).then(
    () => {
      byId("copy").textContent = "Copied";
    },
    () => getSelection().selectAllChildren(code),
  );
});

byId("lines").textContent = `<script src="${location.origin}/socket.io/socket.io.js"></script>
<script>
  const socket = io("${location.origin}");
  socket.on("connect", () => socket.emit("join", { room: "time" }));
  socket.onAny((event, data) => console.log(event, data));
</script>`;
