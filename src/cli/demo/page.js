// The demo page: an ordinary Socket.IO page that hears two rooms, `time` and the one in its box, and posts like a
// backend. The secret for that is read anew at every connection: a gateway that was started again has another one.

const byId = (id) => document.getElementById(id);
const socket = io();

/** Of this start of the gateway; the page is served to this machine alone. */
let secret = "";
/** Which room the page hears beside `time`, and the answer to its join. */
let room = "time";
let joined = Promise.resolve();

const shownLines = 50;
const shownCharacters = 500;

function join(name) {
  // Refused or not, ringing goes on: the answer is awaited only so that what is rung is heard.
  return socket
    .timeout(2000)
    .emitWithAck("join", { room: name })
    .catch(() => []);
}

/** Rooms with `::` are for pages that have the secret of their room-space, which this one has not. */
const isOpen = (name) => !name.includes("::");

/** Hears the room of the box, and no longer the one before it. */
function followBox() {
  const typed = byId("room").value;
  if (typed === room) return;
  if (room !== "time") socket.emit("leave", { room });
  room = typed;
  if (isOpen(room)) joined = join(room);
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

/** @returns what went wrong, in words; nothing when the bell has rung. */
async function ring() {
  if (socket.connected) await joined;
  const answer = await fetch("/emit", { method: "POST", body: emission() }).catch(() => undefined);
  if (!answer) return "Not sent: the gateway does not answer. Ring again when this page is connected.";
  const text = await answer.text();
  if (answer.status === 403) {
    return "Refused: the gateway was started again and has a new publish secret. Reload this page to get it.";
  }
  return answer.ok ? "" : `Refused: ${text}`;
}

function cell(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
  return element;
}

function describe(arg) {
  return arg instanceof ArrayBuffer ? `<${arg.byteLength} bytes>` : JSON.stringify(arg);
}

function show(event, args) {
  const line = document.createElement("li");
  const time = new Date().toTimeString().slice(0, 8);
  line.append(cell("time", time), cell("b", event), cell("span", args.map(describe).join(" ")));
  byId("heard").prepend(line);
  while (byId("heard").childElementCount > shownLines) byId("heard").lastElementChild.remove();
}

function setState(state) {
  byId("state").textContent = state;
  byId("state").className = state;
  byId("clock").classList.toggle("stopped", state !== "connected");
}

socket.on("connect", () => {
  setState("connected");
  joined = Promise.all([...new Set(["time", room])].filter(isOpen).map(join));
  readSettings().catch(() => {
    // Gone again: the next connection reads them.
  });
});
socket.on("disconnect", () => setState(socket.active ? "reconnecting" : "disconnected"));
socket.onAny((event, ...args) => {
  if (event === "clock") byId("clock").textContent = args[0];
  else show(event, args);
});

byId("ring").addEventListener("input", () => {
  byId("note").textContent = isOpen(byId("room").value)
    ? ""
    : "A room with `::` is heard by pages that show its secret. This one has none.";
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
