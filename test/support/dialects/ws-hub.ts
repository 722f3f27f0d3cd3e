// How the suite speaks with the ws-hub dialect: clients with a key whom a backend on Redis puts into groups. The room of
// a group is `ws-hub::<group>`, and no other.

import { handshakeHeaders, RawWebSocket } from "../raw.ts";
import { ask } from "./ask.ts";
import type { BadRequest, DialectDriver, Door, Meaning, Refusal, Visitors } from "./driver.ts";
import { nothing, ownRoom, plainHears, room, tryOpen } from "./driver.ts";
import { Ear, leaveForGood } from "./ear.ts";
import type { Place } from "./site.ts";

/** What tells a client of ours that its groups have come. */
const granted = "(granted)";

/** A group that only this client is in. */
function ownGroup(key: string): string {
  return `only-${key}`;
}

function meaning(group: string): Meaning {
  if (group === "") return nothing("an empty group is none (HUB-07)");
  if (group.includes(",")) return nothing("a comma parts two groups (HUB-05)");
  if (!group.isWellFormed()) return nothing("half surrogates have no bytes in Redis");
  return ownRoom(`ws-hub::${group}`);
}

/** Clients by their key. */
const visitors: Visitors = {
  withoutName: "refused",
  isName: (key) =>
    key !== "" && key.isWellFormed() && Buffer.byteLength(key) <= 256 && !/[\p{Cc}\uFFFD]/u.test(key),
  async enterAs(place, key) {
    const socket = await tryOpen(place, `/ws?session_key=${encodeURIComponent(key.toWellFormed())}`);
    return socket instanceof RawWebSocket ? new Ear(socket, { name: key, id: key }) : socket;
  },
  async tell({ backend }, key, text) {
    const group = `for-${Buffer.from(key).toString("hex").slice(0, 100)}-${Bun.hash(key)}`;
    await backend.publish(`ws-hub:groups-new:${key}`, group);
    await backend.publish(`ws-hub:group-data:${group}`, text);
  },
  async tellAll({ backend }, everyone, text) {
    for (const { id } of everyone) await backend.publish(`ws-hub:groups-new:${id}`, "everyone");
    await backend.publish("ws-hub:group-data:everyone", text);
  },
};

async function enter(place: Place, group: string): Promise<Ear | Refusal> {
  const key = `key-${crypto.randomUUID()}`;
  const socket = await tryOpen(place, `/ws?session_key=${key}`);
  if (!(socket instanceof RawWebSocket)) return socket;
  const ear = new Ear(socket, { name: group, id: key, isHeard: (message) => message !== granted });
  await place.backend.publish(`ws-hub:groups-new:${key}`, `${group},${ownGroup(key)}`);
  await place.backend.publish(`ws-hub:group-data:${ownGroup(key)}`, granted);
  await ear.answer(granted);
  return ear;
}

const groupData: Door = {
  name: "ws-hub:group-data",
  form: "payload",
  meaning(group) {
    if (group === "") return room("ws-hub::");
    if (!group.isWellFormed()) return nothing("half surrogates have no bytes in Redis");
    if (group.includes("\uFFFD")) return nothing("U+FFFD stands for bytes that are no text (T30)");
    return room(`ws-hub::${group}`);
  },
  say: async ({ backend }, group, what) => {
    await backend.publish(`ws-hub:group-data:${group}`, typeof what === "string" ? what : Buffer.from(what));
  },
};

function badRequests(_place: Place, word: () => string): readonly BadRequest[] {
  const upgrade = handshakeHeaders();
  return [
    { path: `/ws?key=${word()}`, headers: upgrade },
    { path: `/ws?session_key=&${word()}=1`, headers: { ...upgrade, Cookie: `session_key=${word()}` } },
    { path: `/ws?session_key=${word().repeat(20)}`, headers: upgrade },
    { path: `/ws?session_key=%00${word()}`, headers: upgrade },
    { path: `/ws?session_key=%ff${word()}`, headers: upgrade },
    { path: `/ws?session_key=${word()}` },
    { method: "POST", path: `/ws?session_key=${word()}`, body: word() },
    { path: `/ws?session_key=${word()}`, headers: { ...upgrade, "Sec-WebSocket-Version": word() } },
    { path: `/ws?session_key=${word()}`, headers: { ...upgrade, "Sec-WebSocket-Key": word() } },
    { path: `/clients?token=${word()}`, headers: { Authorization: `Bearer ${word()}` } },
  ];
}

async function whisper(place: Place, word: (where: string) => string): Promise<readonly string[]> {
  const { backend, url } = place;
  const key = word("sessionkey");
  using socket = await RawWebSocket.open(url, `/ws?session_key=${key}&token=${word("token")}`, {
    Authorization: `Bearer ${word("bearer")}`,
    Cookie: `session_key=${word("cookie")}`,
  });
  const ear = new Ear(socket, { name: "" });
  const group = word("group");
  await backend.publish(`ws-hub:groups-new:${word("unknownkey")}`, word("unknowngroup"));
  await backend.publish(
    `ws-hub:groups-new:${key}`,
    Buffer.concat([Buffer.of(0xff), Buffer.from(word("junk"))]),
  );
  await backend.publish(`ws-hub:groups-new:${key}`, `${group},${word("longgroup").repeat(20)}`);
  await backend.publish(`ws-hub:group-data:${word("othergroup")}`, word("otherdata"));
  const data = word("data");
  await backend.publish(`ws-hub:group-data:${group}`, data);
  await ear.until(data);
  socket.send(word("said"));
  socket.send(Buffer.from(word("saidbytes")));
  const answers = [];
  for (const path of ["/status", "/clients", "/groups", "/sessions", "/details", "/debug/pprof/"]) {
    const headers = { Authorization: `Bearer ${word("admintoken")}` };
    answers.push(await ask(url, { path: `${path}?token=${word("statustoken")}`, headers }));
  }
  // A second one of this key ends the first, and its refusal the second.
  using second = await RawWebSocket.open(url, `/ws?session_key=${key}`);
  await ear.closed();
  await backend.publish(`ws-hub:groups-new:${key}`, "");
  await second.waitForClose();
  using third = await RawWebSocket.open(url, `/ws?session_key=${word("thirdkey")}`);
  third.send(word("toolarge").repeat(20));
  await third.waitForClose();
  return answers.map(({ whole }) => whole);
}

export const wsHub: DialectDriver<"ws-hub"> = {
  dialect: "ws-hub",
  config: {},
  guarded: { "ws-hub": { checkOrigin: true } },
  doors: [groupData],
  redisDoor: groupData,
  entry: "granted",
  isSilent: true,
  farewell: { code: 1001, reason: "shutting down" },
  meaning,
  enter,
  visitors,
  leave: async (_place, ear) => leaveForGood(ear),
  hears: plainHears,
  async callAll({ backend }, ears, text) {
    for (const { id } of ears) await backend.publish(`ws-hub:group-data:${ownGroup(id)}`, text);
  },
  turnAway: {
    farewell: { code: 4003, reason: "no groups" },
    order: async ({ backend }, { id }) => void (await backend.publish(`ws-hub:groups-new:${id}`, "")),
  },
  handshake: "/ws?session_key=a-key-of-its-own",
  badRequests,
  whisper,
};
