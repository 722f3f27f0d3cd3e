// A page of a Django site: it gets the messages for everyone, for its user and for its session at the facility `foobar`, and
// may publish to everyone there.

const channels = "subscribe-broadcast&publish-broadcast&subscribe-user&subscribe-session&echo";
let ws;

const show = (text) => {
  document.getElementById("state").textContent = text;
};

function connect() {
  ws = new WebSocket(`ws://${document.body.dataset.gateway}/ws/foobar?${channels}`);
  ws.addEventListener("open", () => show("websocket connected"));
  ws.addEventListener("message", (e) => {
    const item = document.createElement("li");
    item.textContent = `Received: ${e.data}`;
    document.getElementById("heard").append(item);
  });
  ws.addEventListener("close", () => {
    show("connection closed");
    setTimeout(connect, 1000 + Math.random() * 1000);
  });
}

function send_message(msg) {
  ws.send(msg);
}

document.getElementById("say").addEventListener("submit", (event) => {
  event.preventDefault();
  if (ws.readyState === WebSocket.OPEN) send_message(event.target.elements.text.value);
  event.target.reset();
});
// The page stays: what is said shows itself.
for (const button of document.querySelectorAll("[data-quiet]")) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    void fetch(button.formAction, { method: "POST", body: new FormData(button.form) });
  });
}
connect();
