// The backend of the chat in Node 20 or later, without packages: it shows the page, takes what is said there, and publishes
// it over HTTP. It needs the gateway's publish secret in the file `secret`.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

const page = readFileSync(new URL("page.html", import.meta.url));
const secret = readFileSync("secret", "utf8").trim();

async function publish(room, event, data) {
  const answer = await fetch("http://localhost:8899/api/publish", {
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify({ room, event, data }),
  });
  if (!answer.ok) throw new Error(`Expected the gateway to publish, got status ${answer.status}`);
}

async function answer(request, response) {
  response.setHeader("content-type", "text/html; charset=utf-8");
  if (request.method !== "POST") {
    response.end(page);
    return;
  }
  const said = new URLSearchParams(await text(request)).get("text");
  // This is the place to ask who says it, and whether they may.
  await publish("chat", "said", { text: said });
  response.writeHead(204).end(); // the browser stays on its page
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error.message);
    response.writeHead(503).end();
  });
});
server.listen(7788, "127.0.0.1", () => console.log("Open http://localhost:7788/"));
