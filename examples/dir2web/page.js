// A page that shows a folder live, or with `?file=NAME` one file of it. The secret is in the part of the address that
// no server sees (`#secret=`), or typed in. File names and contents come from elsewhere: they are only ever text.

const byId = (id) => document.getElementById(id);
const file = new URLSearchParams(location.search).get("file");
let secret = new URLSearchParams(location.hash.slice(1)).get("secret");

const setState = (text) => {
  byId("state").textContent = text;
};

/** Answers may come in another order than they were asked for: an older one is not shown over a newer one. */
let asked = 0;
let shown = 0;

/** Shows what is there now, by the page's own server. */
async function refresh() {
  const turn = ++asked;
  const path = file === null ? "/files" : `/file?name=${encodeURIComponent(file)}`;
  const answer = await fetch(path, { headers: { authorization: `Bearer ${secret}` } });
  const body = file === null && answer.ok ? await answer.json() : await answer.text();
  if (turn < shown) return;
  shown = turn;
  if (answer.status === 404) showContent("");
  else if (!answer.ok) setState("this secret opens nothing here");
  else if (file === null) showList(body);
  else showContent(body);
}

function showList(files) {
  const items = files.map(({ name, size }) => {
    const link = document.createElement("a");
    link.href = `?file=${encodeURIComponent(name)}${location.hash}`;
    link.textContent = name;
    const item = document.createElement("li");
    item.append(link, ` ${size} bytes`);
    return item;
  });
  byId("files").replaceChildren(...items);
}

function showContent(text) {
  byId("content").textContent = text;
  byId("content").hidden = false;
}

function show() {
  refresh().catch(() => setState("the server of this page does not answer"));
}

async function listen() {
  const { gatewayPort } = await (await fetch("/settings.json")).json();
  const socket = io(`http://${location.hostname}:${gatewayPort}`);
  const room = file === null ? "dir::/" : `dir::${file}`;
  socket.on("connect", () => {
    setState("connected");
    // A page with a wrong secret is told nothing, now or later.
    socket.emit("join", { room, secret }, show);
  });
  socket.on("disconnect", () => setState("reconnecting"));
  socket.on("update", (change) => {
    setState(`${change.file} ${change.data}`);
    if (file === null || change.data !== "deleted") return show();
    shown = ++asked;
    showContent("");
  });
}

if (file !== null) {
  document.title = file;
  byId("title").textContent = file;
  byId("all").href = `/${location.hash}`;
  byId("all").hidden = false;
}
if (secret === null) {
  byId("ask").hidden = false;
  byId("ask").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    secret = byId("secret").value;
    history.replaceState(null, "", `#${new URLSearchParams({ secret })}`);
    byId("ask").hidden = true;
    void listen();
  });
} else {
  await listen();
}
