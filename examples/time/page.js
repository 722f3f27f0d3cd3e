// A page that joins the room `time` and shows what is said there.

const { gatewayPort } = await (await fetch("/settings.json")).json();
const socket = io(`http://${location.hostname}:${gatewayPort}`);

const show = (id, text) => {
  document.getElementById(id).textContent = text;
};

socket.on("connect", () => {
  show("state", "connected");
  socket.emit("join", { room: "time" });
});
socket.on("disconnect", () => show("state", "reconnecting"));
socket.on("update", ({ time }) => show("time", new Date(time * 1000).toLocaleTimeString()));
