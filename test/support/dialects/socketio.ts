// How the suite speaks with the socketio dialect: websockets of protocol 5 that join by an event, the Python queue, the
// Node emitter and `POST /emit`.

import { encode } from "@msgpack/msgpack";
import type { RawMessage } from "../raw.ts";
import { RawWebSocket, handshakeHeaders } from "../raw.ts";
import type { BadRequest, DialectDriver, Door, Refusal } from "./driver.ts";
import { nothing, room, tryOpen } from "./driver.ts";
import { Ear } from "./ear.ts";
import { ask } from "./ask.ts";
import type { Place } from "./site.ts";

const path = "/socket.io/?EIO=4&transport=websocket";

/** Events, and the binary values behind them. */
function isHeard(message: RawMessage): boolean {
  return typeof message !== "string" || message.startsWith("42") || message.startsWith("45");
}

async function enter(place: Place, name: string): Promise<Ear | Refusal> {
  const socket = await tryOpen(place, path);
  if (!(socket instanceof RawWebSocket)) return socket;
  socket.send("40");
  const arriving = new Ear(socket, { name, isHeard });
  const connected = await arriving.answer("40{");
  const { sid } = JSON.parse(connected.slice(2)) as { readonly sid: string };
  const ear = new Ear(socket, { name, id: sid, isHeard });
  await join(socket, ear, { room: name });
  return ear;
}

/** Resolves once the gateway has decided: not every refusal has an answer, but what comes behind it has. */
async function join(socket: RawWebSocket, ear: Ear, argument: unknown): Promise<void> {
  socket.send(`42${JSON.stringify(["join", argument])}`);
  socket.send(`429${JSON.stringify(["leave", { room: "a room that it is not in" }])}`);
  await ear.answer("439[]");
}

const queue: Door = {
  name: "the Python queue",
  form: "event",
  meaning: room,
  say: async ({ backend }, name, what) => {
    const message = { method: "emit", event: "update", data: what, namespace: "/", room: name };
    await backend.publish("flask-socketio", JSON.stringify(message));
  },
};

const emitter: Door = {
  name: "the Node emitter",
  form: "event",
  meaning: (name) =>
    name.isWellFormed() ? room(name) : nothing("half surrogates have no bytes in MessagePack"),
  say: async ({ backend }, name, what) => {
    const packet = { type: 2, data: ["update", what], nsp: "/" };
    await backend.publish("socket.io#/#", Buffer.from(encode(["emitter", packet, { rooms: [name] }])));
  },
};

const emit: Door = {
  name: "POST /emit",
  form: "event",
  meaning: (name) => (name === "" ? nothing("an empty room is everybody (WSE-23)") : room(name)),
  say: async ({ url, secret }, name, what) => {
    const body = JSON.stringify({ event: "update", room: name, data: what, secret });
    const answer = await ask(url, { method: "POST", path: "/emit", body });
    if (answer.text !== "OK\n") throw new Error(`Expected OK, got ${answer.status} ${answer.text}`);
  },
};

function hears(form: Door["form"], what: string | Uint8Array): RawMessage[] {
  if (form === "event") return [`42${JSON.stringify(["update", what])}`];
  if (typeof what === "string") return [`42${JSON.stringify(["message", what])}`];
  return ['451-["message",{"_placeholder":true,"num":0}]', Buffer.from(what)];
}

function badRequests({ secret }: Place, word: () => string): readonly BadRequest[] {
  const post = { method: "POST", path: "/emit" };
  return [
    { path: `/socket.io/?EIO=${word()}&transport=polling` },
    { path: `/socket.io/?EIO=4&transport=${word()}` },
    { path: `/socket.io/?EIO=4&transport=polling&sid=${word()}` },
    { path: `${path}&sid=${word()}`, headers: handshakeHeaders() },
    { path, headers: { ...handshakeHeaders(), Origin: `http://${word()}.example` } },
    { path, headers: { ...handshakeHeaders(), "Sec-WebSocket-Version": word() } },
    { ...post, body: JSON.stringify({ event: word(), room: word(), data: word(), secret: word() }) },
    { ...post, body: JSON.stringify({ event: [word()], room: word(), secret }) },
    { ...post, body: JSON.stringify({ event: word(), room: [[word()]], secret }) },
    { ...post, body: JSON.stringify({ event: word(), room: word(), namespace: [word()], secret }) },
    { ...post, body: `{"secret":"${word()}` },
    { method: "PUT", path: `/emit?${word()}=1`, body: word() },
    { path: `/emit/${word()}` },
  ];
}

async function whisper(place: Place, word: (where: string) => string): Promise<readonly string[]> {
  const { backend, secret } = place;
  await backend.set("ws-emit::secret::siokept", word("keptsecret"));
  const right = String(await backend.get("ws-emit::secret::siokept"));
  using socket = await RawWebSocket.open(
    place.url,
    `${path}&token=${word("token")}&session_key=${word("key")}`,
    {
      Authorization: `Bearer ${word("bearer")}`,
      Cookie: `io=${word("io")}; sessionid=${word("session")}`,
    },
  );
  socket.send(`40{"token":"${word("auth")}"}`);
  const ear = new Ear(socket, { name: "", isHeard });
  await ear.answer("40{");
  for (const argument of [
    { room: `siokept::${word("room")}`, secret: right },
    { room: `siokept::${word("room")}`, secret: word("wrongsecret") },
    { room: `${word("space")}::r`, secret: word("wrongsecret") },
    { room: word("longroom").repeat(20), secret: word("uselesssecret") },
    { room: [word("listroom")], secret: { [word("secretkey")]: 1 } },
  ]) {
    await join(socket, ear, argument);
  }
  socket.send(`42["${word("event")}",{"secret":"${word("argument")}"}]`);
  await backend.publish("flask-socketio", `{"method":"emit","secret":"${word("queue")}"`);
  await backend.publish(
    "flask-socketio",
    JSON.stringify({ method: word("method"), room: word("queueroom") }),
  );
  const emission = {
    event: word("emitevent"),
    room: word("emitroom"),
    data: word("emitdata"),
    namespace: "/",
  };
  const answers = [];
  for (const tried of [secret, word("emitsecret"), [word("emitlist")]]) {
    answers.push(
      await ask(place.url, {
        method: "POST",
        path: "/emit",
        body: JSON.stringify({ ...emission, secret: tried }),
      }),
    );
  }
  // The last word ends the connection.
  socket.send(`4${word("garbage")}`);
  await socket.waitForClose();
  return answers.map(({ whole }) => whole);
}

export const socketio: DialectDriver<"socketio"> = {
  dialect: "socketio",
  config: {},
  guarded: {},
  doors: [queue, emitter, emit],
  redisDoor: queue,
  entry: "asks",
  isSilent: true,
  farewell: { code: 1001, reason: "" },
  meaning: room,
  enter,
  async leave(_place, ear) {
    ear.socket.send(`422${JSON.stringify(["leave", { room: ear.name }])}`);
    await ear.answer("432[]");
  },
  hears,
  async callAll({ backend }, _ears, text) {
    const message = { method: "emit", event: "update", data: text, namespace: "/", room: null };
    await backend.publish("flask-socketio", JSON.stringify(message));
  },
  handshake: path,
  badRequests,
  whisper,
};
