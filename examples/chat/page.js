// The room is the path of the page. What is said in it goes to everyone there, this page too; what a backend posts may be
// any text. All of it comes from elsewhere: it is only ever text here.

const { gatewayPort } = await (await fetch("/settings.json")).json();
const room = location.pathname.replace(/^\/+/, "");
const byId = (id) => document.getElementById(id);
/** The newest connection. */
let socket;

/** `{"handle": "Anna", "text": "hi"}` as this page says it, or whatever it is. */
function readable(data) {
  try {
    const { handle, text } = JSON.parse(data);
    if (typeof text === "string") return handle ? `${handle}: ${text}` : text;
  } catch {
    // Plain text, then.
  }
  return data;
}

/** As people read it, where it can be read. */
function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function hear({ data }) {
  const item = document.createElement("li");
  item.textContent = readable(data);
  byId("heard").prepend(item);
  while (byId("heard").children.length > 50) byId("heard").lastChild.remove();
}

function connect() {
  socket = new WebSocket(`ws://${location.hostname}:${gatewayPort}/ws/${room}`);
  socket.addEventListener("open", () => (byId("state").textContent = "connected"));
  socket.addEventListener("message", hear);
  socket.addEventListener("close", () => {
    byId("state").textContent = "reconnecting";
    setTimeout(connect, 1000 + Math.random() * 1000);
  });
}

byId("room").textContent = decoded(room) || "Chat";
byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const { handle, text } = event.target.elements;
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ handle: handle.value, text: text.value }));
  text.value = "";
});
// The root channel is no room: it takes no messages (WSC-04).
if (room === "") byId("state").textContent = "choose a room";
else connect();
