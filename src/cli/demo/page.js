// The demo page: an ordinary Socket.IO page that joins rooms and shows what it hears, and posts like a backend.

const byId = (id) => document.getElementById(id);
const settings = JSON.parse(document.querySelector("meta[name=belfry]")?.content ?? "{}");
const socket = io();
const rooms = new Set();

function join(room) {
  rooms.add(room);
  socket.emit("join", { room });
}

function show(event, args) {
  const line = document.createElement("li");
  line.textContent = `${new Date().toLocaleTimeString()}  ${event}  ${args.map((arg) => JSON.stringify(arg)).join(" ")}`;
  byId("heard").prepend(line);
  while (byId("heard").childElementCount > 50) byId("heard").lastElementChild.remove();
}

function setState(text) {
  byId("state").textContent = text;
  byId("state").className = text;
}

socket.on("connect", () => {
  setState("connected");
  rooms.add("time");
  for (const room of rooms) socket.emit("join", { room });
});
socket.on("disconnect", () => setState("disconnected"));
socket.io.on("reconnect_attempt", () => setState("reconnecting"));
socket.onAny((event, ...args) => {
  if (event === "clock") byId("clock").textContent = args[0];
  else show(event, args);
});

function emission() {
  const room = byId("room").value;
  return { event: "message", room, data: byId("text").value, secret: settings.secret };
}

/** As a POSIX shell reads it: what is quoted stays as it is, a quote itself is written outside. */
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function showCurl() {
  byId("curl").textContent = `curl ${location.origin}/emit -d ${quoted(JSON.stringify(emission()))}`;
}

byId("ring").addEventListener("input", showCurl);
byId("ring").addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  join(byId("room").value);
  const answer = await fetch("/emit", { method: "POST", body: JSON.stringify(emission()) });
  if (!answer.ok) show("refused", [await answer.text()]);
});
showCurl();
