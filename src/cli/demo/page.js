// The demo page: in the rooms `time` and that of its box, natively by Belfry's client and by Socket.IO, and a backend that
// posts. Its button cuts both connections: natively it gets afterwards what it missed. The secret is read anew at every
// connection: a gateway that was started again has another one.

import { showEvent, showPublication, showWord } from "./lines.js";

const byId = (id) => document.getElementById(id);
const client = globalThis.belfry.connect("/connect", { maxDelayMs: 5000 });
const socket = globalThis.io();

/** Of this start of the gateway; the page is served to this machine alone. */
let secret = "";
/** The room of the box, and the answers to the joins. */
let room = "time";
let joined = Promise.resolve();

const answerMs = 2000;
const cutSeconds = 5;

/** Refused, late or not: it is awaited only so that the page receives what it publishes. */
const answered = (promise) =>
  Promise.race([promise, new Promise((resolve) => setTimeout(resolve, answerMs))]).catch(() => undefined);

function join(name) {
  joined = Promise.all([answered(client.join(name)), answered(socket.emitWithAck("join", { room: name }))]);
}

/** Rooms with `::` are for pages that have the secret of their room-space, which this one has not. */
const isOpen = (name) => !name.includes("::");

/** Joins the room of the box, and leaves the one before it; `time` is never left. */
function followBox() {
  const typed = byId("room").value;
  if (typed === room) return;
  if (room !== "time" && isOpen(room)) {
    void client.leave(room);
    socket.emit("leave", { room });
  }
  room = typed;
  if (room !== "time" && isOpen(room)) join(room);
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
async function publish() {
  if (isConnected()) await joined;
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

const isConnected = () => client.state === "connected" && socket.connected;
let isCut = false;

function showState() {
  const state = isConnected() ? "connected" : isCut ? "cut" : "reconnecting";
  byId("state").textContent = state;
  byId("state").className = state;
  byId("clock").classList.toggle("stopped", client.state !== "connected");
  if (state !== "connected") return;
  if (byId("note").textContent === notSent) byId("note").textContent = "";
  readSettings().catch(() => {
    // Gone again: the next connection reads them.
  });
}

/** By room: so many of the publications that come next were missed. */
const missing = new Map();

client.watch("state", showState);
client.watch("recovered", ({ room: name, missed }) => {
  missing.set(name, missed);
  showWord("native", `${name}: recovered, ${missed} missed`);
});
client.watch("gap", ({ rooms, reason }) => {
  for (const name of rooms) missing.delete(name);
  showWord("native", `${rooms.join(", ")}: something may be missing (${reason})`);
});
client.onPublication((publication) => {
  const left = missing.get(publication.room) ?? 0;
  missing.set(publication.room, left - 1);
  if (publication.event === "clock") byId("clock").textContent = publication.data;
  if (publication.event !== "clock" || left > 0) showPublication(publication, left > 0);
});

let hasConnected = false;
socket.on("connect", () => {
  if (hasConnected) showWord("socketio", socket.recovered ? "recovered" : "connected again, not recovered");
  hasConnected = true;
  for (const name of new Set(["time", room])) if (isOpen(name)) join(name);
  showState();
});
socket.on("disconnect", showState);
socket.onAny((event, ...args) => {
  if (event !== "clock") showEvent(event, args);
});

/** Both connections end; Socket.IO's without a packet that says so, as when a network is lost. */
function cut() {
  isCut = true;
  byId("cut").disabled = true;
  for (const list of ["native", "socketio"]) showWord(list, `cut for ${cutSeconds} seconds`);
  client.disconnect();
  socket.io.reconnection(false);
  socket.io.engine.close();
  setTimeout(() => {
    isCut = false;
    byId("cut").disabled = false;
    client.connect();
    socket.io.reconnection(true);
    socket.connect();
    showState();
  }, cutSeconds * 1000);
}

byId("cut").addEventListener("click", cut);
byId("publish").addEventListener("input", () => {
  byId("note").textContent = isOpen(byId("room").value)
    ? ""
    : `${closedRoom[0].toUpperCase()}${closedRoom.slice(1)}`;
  if (!byId("publish").checkValidity()) return;
  followBox();
  showCurl();
});
byId("publish").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  void publish().then((problem) => {
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

byId("native-lines").textContent = `<script>
  const source = new EventSource("${location.origin}/connect?room=time");
  source.onmessage = (event) => console.log(JSON.parse(event.data));
</script>`;
byId("lines").textContent = `<script src="${location.origin}/socket.io/socket.io.js"></script>
<script>
  const socket = io("${location.origin}");
  socket.on("connect", () => socket.emit("join", { room: "time" }));
  socket.onAny((event, data) => console.log(event, data));
</script>`;
