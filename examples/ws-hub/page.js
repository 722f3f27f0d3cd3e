// A client of WS-HUB: page.html?key=123456 connects with that key, and shows the messages for its groups.

const query = new URLSearchParams(location.search);
const hub = query.get("hub") ?? `${location.hostname}:8080`;
const key = query.get("key") ?? "123456";
/** Why the hub closes a connection for good; after any other code, a client comes back. */
const farewells = { 4000: "replaced: this key connected elsewhere", 4003: "refused: this key is unknown" };
/** The newest connection. */
let socket;

const show = (text) => {
  document.getElementById("state").textContent = text;
};

function hear({ data }) {
  const item = document.createElement("li");
  item.textContent = data;
  const list = document.getElementById("heard");
  list.prepend(item);
  while (list.children.length > 20) list.lastChild.remove();
}

function connect() {
  socket = new WebSocket(`ws://${hub}/ws?session_key=${encodeURIComponent(key)}`);
  socket.addEventListener("open", () => show("connected"));
  socket.addEventListener("message", hear);
  socket.addEventListener("close", ({ code }) => {
    show(farewells[code] ?? "reconnecting");
    if (!(code in farewells)) setTimeout(connect, 1000 + Math.random() * 1000);
  });
}

document.getElementById("say").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket.readyState === WebSocket.OPEN) socket.send(event.target.elements.text.value);
  event.target.reset();
});
connect();
