// How the suite speaks with the native dialect: websockets with their room in the query, `belfry:<room>` in Redis, and both
// HTTP doors.

import { handshakeHeaders, RawWebSocket } from "../raw.ts";
import type { RawMessage } from "../raw.ts";
import { ask } from "./ask.ts";
import type { BadRequest, DialectDriver, Door, Meaning, Refusal } from "./driver.ts";
import { nothing, room, tryOpen } from "./driver.ts";
import { Ear, leaveForGood } from "./ear.ts";
import type { Place } from "./site.ts";

function meaning(name: string): Meaning {
  if (name === "") return nothing("the empty name is none");
  if (!name.isWellFormed()) return nothing("half surrogates have no bytes in a query or in Redis");
  if (/\p{Cc}/u.test(name)) return nothing("control characters cannot be seen in a name");
  return name.includes("\uFFFD") ? nothing("U+FFFD stands for bytes that are no text") : room(name);
}

function pathOf(name: string): string {
  return `/connect?room=${encodeURIComponent(name)}`;
}

/** Without what the suite cannot know, the room and where it stands; the rest as it came, digit by digit. */
function read(message: RawMessage): RawMessage {
  return String(message)
    .replace(/^\{"room":"(?:[^"\\]|\\.)*",/, "{")
    .replace(/,"at":"[^"]*"\}$/, "}");
}

function isPublication(message: RawMessage): boolean {
  return String(message).startsWith('{"room":');
}

async function enter(place: Place, name: string): Promise<Ear | Refusal> {
  const socket = await tryOpen(place, pathOf(name));
  if (!(socket instanceof RawWebSocket)) return socket;
  const first = String(await socket.waitForMessage());
  if (first.startsWith('{"type":"joined"')) return new Ear(socket, { name, read, isHeard: isPublication });
  socket[Symbol.dispose]();
  const { error } = JSON.parse(first) as { readonly error: unknown };
  return { status: 403, headers: new Map(), text: JSON.stringify(error) };
}

/** HTTP doors say so when no client could be in such a room. */
function inBounds(name: string): Meaning {
  const [space = "", ...rest] = name.split("::");
  const isLong = Buffer.byteLength(space) > 256 || Buffer.byteLength(rest.join("::")) > 256;
  return isLong ? nothing("a part of it is over 256 bytes") : meaning(name);
}

const channel: Door = {
  name: "belfry:<room>",
  form: "payload",
  meaning,
  say: async ({ backend }, name, what) => {
    await backend.publish(`belfry:${name}`, typeof what === "string" ? what : Buffer.from(what));
  },
};

async function post(place: Place, path: string, body: string | Uint8Array): Promise<void> {
  const headers = { Authorization: `Bearer ${place.secret}` };
  const answer = await ask(place.url, { method: "POST", path, headers, body });
  if (answer.status !== 200) throw new Error(`Expected 200, got ${answer.status} ${answer.text}`);
}

const publish: Door = {
  name: "POST /api/publish",
  form: "event",
  meaning: inBounds,
  say: async (place, name, what) =>
    post(place, "/api/publish", JSON.stringify({ room: name, event: "update", data: what })),
};

const bare: Door = {
  name: "POST /rooms/<room>",
  form: "payload",
  // The engine resolves these in a path.
  meaning: (name) =>
    name === "." || name === ".." ? nothing("a path has no such segments") : inBounds(name),
  say: async (place, name, what) => post(place, `/rooms/${encodeURIComponent(name)}`, what),
};

function badRequests({ secret }: Place, word: () => string): readonly BadRequest[] {
  const stream = { Accept: "text/event-stream" };
  const api = { method: "POST", path: "/api/publish" };
  const right = { Authorization: `Bearer ${secret}` };
  return [
    { path: `/connect?room=${word()}` },
    { path: `/connect?room=${word()}&ticket=${word()}`, headers: stream },
    {
      ...api,
      path: "/api/tickets",
      headers: right,
      body: JSON.stringify({ rooms: [word()], [word()]: word() }),
    },
    { ...api, path: "/api/tickets", headers: { Authorization: `Bearer ${word()}` }, body: word() },
    { path: `/connect?${word()}=${word()}`, headers: stream },
    { path: `/connect?room=${word()}::${word()}&secret=${word()}`, headers: stream },
    { path: `/connect?room=${word().repeat(20)}`, headers: stream },
    { path: `/connect?room=${word()}`, headers: { ...stream, Origin: `http://${word()}.example` } },
    {
      path: `/connect?room=${word()}`,
      headers: { ...handshakeHeaders(), Origin: `http://${word()}.example` },
    },
    { path: "/connect", headers: { ...handshakeHeaders(), "Sec-WebSocket-Version": word() } },
    { ...api, headers: { Authorization: `Bearer ${word()}` }, body: word() },
    { ...api, headers: right, body: `{"${word()}":` },
    { ...api, headers: right, body: JSON.stringify({ room: word(), event: [word()], data: word() }) },
    { ...api, headers: right, body: JSON.stringify({ rooms: [[word()]], data: word() }) },
    { ...api, headers: right, body: JSON.stringify({ publications: word() }) },
    { ...api, headers: right, body: JSON.stringify({ room: word(), binary: `${word()}!` }) },
    { method: "POST", path: `/rooms/${word()}%ff`, headers: right, body: word() },
    {
      method: "POST",
      path: `/rooms/${word()}`,
      headers: { Authorization: `Bearer ${word()}` },
      body: word(),
    },
  ];
}

async function whisper(place: Place, word: (where: string) => string): Promise<readonly string[]> {
  const { backend, secret, url } = place;
  await backend.set("ws-emit::secret::nativekept", word("keptsecret"));
  const right = String(await backend.get("ws-emit::secret::nativekept"));
  using socket = await RawWebSocket.open(url, `/connect?room=${word("room")}&${word("parameter")}=1`, {
    Authorization: `Bearer ${word("bearer")}`,
    Cookie: `sessionid=${word("session")}`,
  });
  const ear = new Ear(socket, { name: "" });
  await ear.until("joined");
  for (const [id, command] of [
    { type: "join", room: `nativekept::${word("room")}`, secret: right },
    { type: "join", room: `nativekept::${word("room")}`, secret: word("wrongsecret") },
    { type: "join", room: word("longroom").repeat(20), at: word("position") },
    { type: "publish", room: word("nowhere"), event: word("event"), data: word("data") },
    { type: "token", token: word("token") },
    { type: word("type"), room: word("typeroom") },
    { type: "history", room: word("historyroom") },
  ].entries()) {
    socket.send(JSON.stringify({ id, ...command }));
    await ear.until(`"id":${id}`);
  }
  socket.send(word("garbage"));
  socket.send(Buffer.from(word("garbagebytes")));
  await backend.publish(`belfry:${word("channel")}`, word("payload"));
  await backend.publish(`belfry:${word("longchannel").repeat(20)}`, word("longpayload"));
  const answers = [];
  for (const tried of [secret, word("publishsecret")]) {
    const headers = { Authorization: `Bearer ${tried}` };
    const body = JSON.stringify({ room: word("apiroom"), event: word("apievent"), data: word("apidata") });
    answers.push(await ask(url, { method: "POST", path: "/api/publish", headers, body }));
    const path = `/rooms/${word("pathroom")}?event=${word("pathevent")}`;
    answers.push(await ask(url, { method: "POST", path, headers, body: word("body") }));
  }
  return answers.map(({ whole }) => whole);
}

export const native: DialectDriver<"native"> = {
  dialect: "native",
  config: {},
  guarded: {},
  doors: [channel, publish, bare],
  redisDoor: channel,
  entry: "asks",
  isSilent: false,
  farewell: { code: 1001, reason: "Shutting down" },
  meaning,
  enter,
  async leave(_place, ear) {
    ear.socket.send(JSON.stringify({ id: 1, type: "leave", room: ear.name }));
    await ear.answer('{"id":1,"type":"left"');
    // In no room, it could be told nothing.
    await leaveForGood(ear);
  },
  hears(form, what) {
    if (form === "event") return [JSON.stringify({ event: "update", data: what })];
    if (typeof what !== "string") return [JSON.stringify({ binary: Buffer.from(what).toString("base64") })];
    return [`{"data":${isJson(what) ? what : JSON.stringify(what)}}`];
  },
  callAll: async (place, ears, text) => {
    for (const name of new Set(ears.map((ear) => ear.name))) await channel.say(place, name, text);
  },
  handshake: "/connect?room=a",
  badRequests,
  whisper,
};

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
