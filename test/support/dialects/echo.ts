// How the suite speaks with the echo dialect of test/dialects: websockets with their room in the query, a Redis channel,
// and POST with a bare body.

import { handshakeHeaders, RawWebSocket } from "../raw.ts";
import type { RawMessage } from "../raw.ts";
import { ask } from "./ask.ts";
import type { DialectDriver, Door, Meaning, Refusal } from "./driver.ts";
import { nothing, room, tryOpen } from "./driver.ts";
import { Ear, leaveForGood } from "./ear.ts";
import type { Place } from "./site.ts";

function meaning(name: string): Meaning {
  return name.isWellFormed() ? room(name) : nothing("half surrogates have no bytes in a query or in Redis");
}

function pathOf(name: string): string {
  return `/echo?room=${encodeURIComponent(name)}`;
}

/** Without the room: the suite knows what is heard, and the client which rooms it is in. */
function withoutRoom(message: RawMessage): RawMessage {
  const { room: _room, ...rest } = JSON.parse(String(message)) as Record<string, unknown>;
  return JSON.stringify(rest);
}

async function enter(place: Place, name: string): Promise<Ear | Refusal> {
  const socket = await tryOpen(place, pathOf(name));
  if (!(socket instanceof RawWebSocket)) return socket;
  return new Ear(socket, {
    name,
    read: withoutRoom,
    isHeard: (message) => String(message).includes('"room"'),
  });
}

const channel: Door = {
  name: "belfry-echo:<room>",
  form: "payload",
  meaning,
  say: async ({ backend }, name, what) => {
    await backend.publish(`belfry-echo:${name}`, typeof what === "string" ? what : Buffer.from(what));
  },
};

const post: Door = {
  name: "POST /echo",
  form: "payload",
  meaning,
  say: async ({ url, secret }, name, what) => {
    const headers = { Authorization: `Bearer ${secret}` };
    const answer = await ask(url, { method: "POST", path: pathOf(name), headers, body: what });
    if (answer.status !== 200) throw new Error(`Expected 200, got ${answer.status} ${answer.text}`);
  },
};

export const echo: DialectDriver = {
  dialect: "echo",
  config: {},
  guarded: {},
  doors: [channel, post],
  redisDoor: channel,
  entry: "asks",
  isSilent: false,
  farewell: { code: 1001, reason: "Shutting down" },
  meaning,
  enter,
  leave: async (_place, ear) => leaveForGood(ear),
  hears: (form, what) => {
    const data = typeof what === "string" ? what : Buffer.from(what).toString("base64");
    return [JSON.stringify({ event: form === "event" ? "update" : "message", data })];
  },
  callAll: async (place, ears, text) => {
    for (const name of new Set(ears.map((ear) => ear.name))) await channel.say(place, name, text);
  },
  handshake: "/echo?room=a",
  badRequests: (_place, word) => [
    { path: `/echo?room=${word()}::${word()}`, headers: handshakeHeaders() },
    { path: `/echo?room=${word().repeat(20)}`, headers: handshakeHeaders() },
    {
      method: "POST",
      path: `/echo?room=${word()}`,
      headers: { Authorization: `Bearer ${word()}` },
      body: word(),
    },
  ],
  whisper: () => Promise.reject(new Error("Expected a served gateway to speak the product's dialects alone")),
};
