// How the suite speaks with the ws4redis dialect: a websocket at the path of its facility, which asks for broadcasts, and
// the Redis channel of these. Broadcasts of the facility `F` are the room `F`.

import { handshakeHeaders, RawWebSocket } from "../raw.ts";
import { ask } from "./ask.ts";
import type { GatewayConfig } from "../gateway.ts";
import type { BadRequest, DialectDriver, Door, Meaning, Refusal, Visitors } from "./driver.ts";
import { nothing, ownRoom, plainHears, room, tryOpen } from "./driver.ts";
import { Ear, leaveForGood } from "./ear.ts";
import type { Place } from "./site.ts";

const token = "subscribe-broadcast";

/** A facility is kept as it is, slashes too (W4R-01). */
function facility(name: string): Meaning {
  if (!name.isWellFormed()) return nothing("half surrogates have no bytes in a path or in Redis");
  if (name.includes("\uFFFD")) return nothing("U+FFFD stands for bytes that are no text");
  // It shares its empty room with nobody (SEC-16).
  return name === "" ? ownRoom("ws4redis::") : room(name);
}

function meaning(name: string): Meaning {
  return name === "." || name === ".." ? nothing("the engine resolves these in a path") : facility(name);
}

function pathOf(name: string, tokens = token): string {
  return `/ws/${encodeURIComponent(name)}?${tokens}`;
}

async function enter(place: Place, name: string): Promise<Ear | Refusal> {
  const socket = await tryOpen(place, pathOf(name));
  return socket instanceof RawWebSocket ? new Ear(socket, { name }) : socket;
}

async function enterToSpeak(place: Place, name: string): Promise<Ear | Refusal> {
  const socket = await tryOpen(place, pathOf(name, `${token}&publish-broadcast&echo`));
  return socket instanceof RawWebSocket ? new Ear(socket, { name }) : socket;
}

/** Users, by the name that their session holds (DJS-09). */
const visitors: Visitors = {
  withoutName: "nobody",
  isName: (user) =>
    user !== "" && user.length <= 150 && user !== "_broadcast_" && !/[\p{Cc}\p{Cs}\uFFFD:]/u.test(user),
  async enterAs(place, user) {
    const session = crypto.randomUUID().replaceAll("-", "");
    const content = { _auth_user_id: "1", "ws4redis:username": user };
    await place.backend.set(`:1:django.contrib.sessions.cache${session}`, JSON.stringify(content));
    const socket = await tryOpen(place, "/ws/inbox?subscribe-user&subscribe-broadcast", {
      Cookie: `sessionid=${session}`,
    });
    return socket instanceof RawWebSocket ? new Ear(socket, { name: user, id: user }) : socket;
  },
  tell: async ({ backend }, user, text) => void (await backend.publish(`user:${user}:inbox`, text)),
  room: (user) => `user:${user}::inbox`,
  tellAll: async (place, _everyone, text) => broadcast.say(place, "inbox", text),
};

const broadcast: Door = {
  name: "broadcast:<facility>",
  form: "payload",
  meaning: facility,
  say: async ({ backend }, name, what) => {
    await backend.publish(`broadcast:${name}`, typeof what === "string" ? what : Buffer.from(what));
  },
};

function badRequests(_place: Place, word: () => string): readonly BadRequest[] {
  const upgrade = handshakeHeaders();
  return [
    { path: `/ws/${word()}::${word()}?${token}`, headers: upgrade },
    { path: `/ws/${word().repeat(20)}?${token}`, headers: upgrade },
    { path: `/ws/${word()}%ef%bf%bd?${token}`, headers: upgrade },
    { path: `/ws/${word()}?${token}=${word()}&${word()}` },
    { method: "POST", path: `/ws/${word()}?${token}`, headers: upgrade },
    { path: `/ws/${word()}?${token}`, headers: { ...upgrade, "Sec-WebSocket-Version": word() } },
    { path: `/ws/${word()}?${token}`, headers: { ...upgrade, "Sec-WebSocket-Key": word() } },
    {
      path: `/ws/${word()}?${token}`,
      headers: { ...upgrade, Cookie: `sessionid=${word()}`, Origin: `http://${word()}.example` },
    },
  ];
}

async function whisper(place: Place, word: (where: string) => string): Promise<readonly string[]> {
  const { backend, url } = place;
  const [session, user, name] = [word("sessionid"), word("user"), word("facility")];
  const content = { _auth_user_id: "1", "ws4redis:username": user, "ws4redis:memberof": [word("group")] };
  await backend.set(`:1:django.contrib.sessions.cache${session}`, JSON.stringify(content));
  const kept = word("kept");
  await backend.set(`user:${user}:${name}`, kept);
  const all =
    "subscribe-broadcast&subscribe-user&subscribe-group&subscribe-session&publish-broadcast&publish-user";
  using socket = await RawWebSocket.open(url, `/ws/${name}?${all}&token=${word("token")}`, {
    Cookie: `sessionid=${session}; csrftoken=${word("csrf")}`,
    Authorization: `Bearer ${word("bearer")}`,
    "Sec-WebSocket-Protocol": word("subprotocol"),
  });
  const ear = new Ear(socket, { name });
  await ear.until(kept);
  socket.send(word("said"));
  socket.send(Buffer.from(word("saidbytes")));
  for (const to of [`broadcast:${name}`, `user:${user}:${name}`, `session:${session}:${name}`]) {
    const data = word("data");
    await backend.publish(to, data);
    await ear.until(data);
  }
  await backend.publish(`user:${word("nofacility")}`, word("lostdata"));
  await backend.publish(`broadcast:${word("longfacility").repeat(20)}`, word("longdata"));
  const answers = [];
  for (const headers of [
    { Cookie: `sessionid=${word("unknownsession")}` },
    { Cookie: `sessionid=${word("longsession").repeat(20)}` },
    { Cookie: `sessionid=:${word("badsession")}`, Origin: `http://${word("origin")}.example` },
  ]) {
    const path = `/ws/${word("space")}::${word("room")}?${all}&secret=${word("secret")}`;
    answers.push(await ask(url, { path, headers: { ...handshakeHeaders(), ...headers } }));
  }
  return answers.map(({ whole }) => whole);
}

const config: GatewayConfig = {
  identity: { sessionEngine: "cache", username: "session:ws4redis:username" },
  ws4redis: { publish: ["voice-*"] },
};

export const ws4redis: DialectDriver<"ws4redis"> = {
  dialect: "ws4redis",
  config,
  // Wherever a cookie says who it is (W4R-16).
  guarded: config,
  doors: [broadcast],
  redisDoor: broadcast,
  entry: "asks",
  isSilent: false,
  farewell: { code: 1001, reason: "Websocket Closed" },
  meaning,
  enter,
  enterToSpeak,
  visitors,
  leave: async (_place, ear) => leaveForGood(ear),
  hears: plainHears,
  async callAll(place, ears, text) {
    for (const { name } of ears) await broadcast.say(place, name, text);
  },
  handshake: pathOf("a-facility"),
  // They stay as they are written (W4R-01).
  inPath: { path: (text) => `/ws/${text}?${token}`, keepsInvalid: true },
  handshakeHeaders: { Cookie: "sessionid=0123456789abcdef0123456789abcdef" },
  badRequests,
  whisper,
};
