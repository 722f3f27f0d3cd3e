// How the suite speaks with the websocket-channels dialect: a websocket at the path of its channel, a Redis channel, and
// `POST /publish`.

import { handshakeHeaders, RawWebSocket } from "../raw.ts";
import { ask } from "./ask.ts";
import type { BadRequest, DialectDriver, Door, Meaning, Refusal } from "./driver.ts";
import { nothing, plainHears, room, tryOpen } from "./driver.ts";
import { Ear, leaveForGood } from "./ear.ts";
import type { Place } from "./site.ts";

/** The path of a name without its empty parts (WSC-04). */
function normal(name: string): string {
  return name
    .split("/")
    .filter((part) => part !== "")
    .join("/");
}

function fault(name: string): Meaning | undefined {
  if (!name.isWellFormed()) return nothing("half surrogates have no bytes in a path or in Redis");
  if (name.includes("\uFFFD")) return nothing("U+FFFD stands for bytes that are no text");
  if (normal(name).split("/").length > 32) return nothing("a channel has at most 32 segments (WSC-04)");
  return undefined;
}

/** The channel of a client (WSC-01). */
function meaning(name: string): Meaning {
  if (name === "." || name === "..") return nothing("the engine resolves these in a path");
  const path = normal(name);
  if (path === "") return nothing("the root channel is no room (WSC-04)");
  return fault(name) ?? room(path);
}

/** Whom a publish is for (WSC-03). */
function address(name: string): Meaning {
  if (name === "") return nothing("the empty name reaches nobody (WSC-03)");
  const path = normal(name);
  if (Buffer.byteLength(path) > 256) return nothing("a channel has at most 256 bytes (SEC-06)");
  return fault(name) ?? (name.endsWith("/") ? { kind: "tree", below: path } : room(path));
}

async function enter(place: Place, name: string): Promise<Ear | Refusal> {
  const socket = await tryOpen(place, `/ws/${encodeURIComponent(name)}`);
  return socket instanceof RawWebSocket ? new Ear(socket, { name }) : socket;
}

const channel: Door = {
  name: "websocket:<channel>",
  form: "payload",
  only: "websocket-channels",
  meaning: address,
  say: async ({ backend }, name, what) => {
    await backend.publish(`websocket:${name}`, typeof what === "string" ? what : Buffer.from(what));
  },
};

function authorized({ secret }: Place): Record<string, string> {
  return { Authorization: `Bearer ${secret}` };
}

const publish: Door = {
  name: "POST /publish",
  form: "payload",
  meaning: (name) => (normal(name) === "" ? nothing("no channel, for anyone (WSC-07)") : address(name)),
  say: async (place, name, what) => {
    // As text: a member `__proto__` of an object literal would be something else.
    const body = `{${JSON.stringify(name)}:${JSON.stringify(what)}}`;
    const answer = await ask(place.url, {
      method: "POST",
      path: "/publish",
      headers: authorized(place),
      body,
    });
    if (answer.text !== "OK") throw new Error(`Expected OK, got ${answer.status} ${answer.text}`);
  },
};

function badRequests(place: Place, word: () => string): readonly BadRequest[] {
  const upgrade = handshakeHeaders();
  const post = { method: "POST", path: "/publish", headers: authorized(place) };
  return [
    { path: `/ws/${word()}::${word()}`, headers: upgrade },
    { path: `/ws/${word()}%ff`, headers: upgrade },
    { path: `/ws/${word().repeat(20)}`, headers: upgrade },
    { path: `/ws/${"a/".repeat(40)}${word()}`, headers: upgrade },
    { path: `/ws/${word()}?token=${word()}` },
    { path: `/ws/${word()}`, headers: { ...upgrade, "Sec-WebSocket-Version": word() } },
    { ...post, body: JSON.stringify({ [word()]: word() }), headers: { Authorization: `Bearer ${word()}` } },
    { ...post, body: `{"${word()}":` },
    { ...post, body: JSON.stringify([word()]) },
    { ...post, body: JSON.stringify({ [word().repeat(20)]: word() }) },
    { ...post, headers: { ...post.headers, "Content-Encoding": word() }, body: word() },
    { method: "PUT", path: `/publish?${word()}`, body: word() },
    { method: "POST", path: `/${word()}`, body: word() },
  ];
}

async function whisper(place: Place, word: (where: string) => string): Promise<readonly string[]> {
  const { backend, url } = place;
  const name = word("channel");
  using socket = await RawWebSocket.open(
    url,
    `/ws/${name}?token=${word("token")}&session_key=${word("key")}`,
    {
      Authorization: `Bearer ${word("bearer")}`,
      Cookie: `sessionid=${word("cookie")}`,
    },
  );
  socket.send(word("said"));
  socket.send(Buffer.from(word("saidbytes")));
  await backend.publish(`websocket:${word("otherchannel")}`, word("otherdata"));
  await backend.publish(`websocket:${word("longchannel").repeat(20)}`, word("longdata"));
  const data = word("data");
  await backend.publish(`websocket:${name}`, data);
  await new Ear(socket, { name }).until(data);
  const answers = [];
  for (const headers of [authorized(place), { Authorization: `Bearer ${word("wrongtoken")}` }]) {
    const path = `/publish?token=${word("publishtoken")}`;
    for (const body of [JSON.stringify({ [word("mapchannel")]: word("mapdata") }), `{"${word("broken")}`]) {
      answers.push(await ask(url, { method: "POST", path, headers, body }));
    }
  }
  const path = `/ws/${word("space")}::${word("room")}?secret=${word("secret")}`;
  answers.push(await ask(url, { path, headers: handshakeHeaders() }));
  return answers.map(({ whole }) => whole);
}

export const websocketChannels: DialectDriver<"websocket-channels"> = {
  dialect: "websocket-channels",
  config: {},
  guarded: { "websocket-channels": { checkOrigin: true } },
  doors: [channel, publish],
  redisDoor: channel,
  entry: "asks",
  isSilent: false,
  farewell: { code: 1001, reason: "Shutting down" },
  meaning,
  enter,
  enterToSpeak: enter,
  leave: async (_place, ear) => leaveForGood(ear),
  hears: plainHears,
  callAll: async (place, _ears, text) => channel.say(place, "/", text),
  handshake: "/ws/a-channel",
  inPath: { path: (text) => `/ws/${text}`, keepsInvalid: false },
  badRequests,
  whisper,
};
