// Rooms of all gateways: a list by pages, and one of them. A room without members is answered as any other: only its count and
// its place in the log say more, so no name is told from another by how it is refused (T16).

import { z } from "zod";
import { compileGlob } from "../base/glob.ts";
import type { Hub } from "../core/hub.ts";
import type { Room } from "../core/membership.ts";
import type { RoomName } from "../core/publication.ts";
import type { RoomRule } from "../vocabulary/room-rules.ts";
import { answerTo, askAll, gatewayFields } from "../peers/asking.ts";
import { busUnavailableRefusal, defineOperation } from "./operation.ts";
import type { ApiContext } from "./operation.ts";
import {
  afterField,
  compareText,
  firstOf,
  limitField,
  merge,
  nextField,
  readPlace,
  writePlace,
} from "./page.ts";

const countField = z.int().min(0).describe("Connections in the room");
const dialectsField = z.record(z.string(), z.int().min(1)).describe("How many of them speak each dialect");
const roomField = z.string().describe("The name of the room");
const namespaceField = z.string().describe("Its namespace: `/`, but for rooms of Socket.IO in another one");

/** Of operations on one room. */
export const roomName = { room: z.string().min(1).describe("The room, percent-encoded") };
export const namespaceQuery = z
  .string()
  .min(1)
  .max(256)
  .default("/")
  .describe("The namespace of the room, for Socket.IO; `/` without it");

const rowFields = {
  room: roomField,
  namespace: namespaceField,
  connections: countField,
  dialects: dialectsField,
};
const row = z.strictObject(rowFields);
type Row = z.infer<typeof row>;

const place = z.tuple([z.string(), z.string()]);

const listed = {
  topic: "rooms",
  asked: z.strictObject({
    match: z.string().max(512).optional(),
    after: place.optional(),
    limit: limitField,
  }),
  answered: z.object({ rows: z.array(z.object(rowFields)).readonly(), hasMore: z.boolean() }),
};

const counted = {
  topic: "room",
  asked: z.strictObject({ room: z.string(), namespace: z.string() }),
  answered: z.object({ connections: countField, dialects: dialectsField }),
};

/** What this gateway says of its rooms to others. */
export function answerRooms({ peers, hub }: Pick<ApiContext, "peers" | "hub">): void {
  answerTo(peers, listed, async ({ match, after, limit }) => {
    const matches = match === undefined ? () => true : compileGlob(match);
    const isBehind = (room: RoomName): boolean =>
      after === undefined || comparePlaces(room, { room: after[0], namespace: after[1] }) > 0;
    return firstOf(named(hub), {
      limit,
      compare: comparePlaces,
      isMeant: (room) => isBehind(room) && matches(room.room),
      show: ({ room, namespace, members }) => ({ room, namespace, ...countOf(members) }),
    });
  });
  answerTo(peers, counted, ({ room, namespace }) => countOf(hub.room(namespace, room)));
}

interface Named extends RoomName {
  readonly members: Room;
}

function* named(hub: Hub): Iterable<Named> {
  for (const members of hub.rooms())
    if (members.name !== undefined) yield { room: members.name, namespace: members.namespace, members };
}

function countOf(room: Room | undefined): Pick<Row, "connections" | "dialects"> {
  const dialects: Record<string, number> = {};
  for (const { format, members } of room?.shares ?? [])
    dialects[format.dialect] = (dialects[format.dialect] ?? 0) + members.size;
  return { connections: room?.size ?? 0, dialects };
}

function comparePlaces(a: RoomName, b: RoomName): number {
  return compareText(a.room, b.room) || compareText(a.namespace, b.namespace);
}

function sum(a: Pick<Row, "connections" | "dialects">, b: typeof a): typeof a {
  const dialects = { ...a.dialects };
  for (const [dialect, count] of Object.entries(b.dialects))
    dialects[dialect] = (dialects[dialect] ?? 0) + count;
  return { connections: a.connections + b.connections, dialects };
}

const roomsPage = z
  .strictObject({
    rooms: z.array(row).describe("In the order of their names"),
    next: nextField,
    ...gatewayFields,
  })
  .describe("A page of rooms");

export const listRooms = defineOperation({
  method: "GET",
  path: "/api/rooms",
  id: "listRooms",
  summary: "The rooms that have members now",
  description:
    "Of all gateways, by pages in the order of the names. What comes and goes meanwhile may be left out, and nothing is listed twice.",
  query: {
    match: z.string().min(1).max(512).optional().describe("A glob on the name: `*`, `?`, `[...]`"),
    after: afterField,
    limit: limitField,
  },
  answers: [roomsPage],
  async run({ peers }, { query: { match, after, limit } }) {
    const asked = { match, after: readPlace(after, place), limit };
    const { answers, gateways } = await askAll(peers, listed, asked);
    const page = merge<Row>(answers.values(), {
      limit,
      compare: comparePlaces,
      join: (a, b) => ({ ...a, ...sum(a, b) }),
    });
    const last = page.hasMore ? page.rows.at(-1) : undefined;
    return {
      rooms: page.rows,
      ...(last && { next: writePlace([last.room, last.namespace]) }),
      ...gateways,
    };
  },
});

const ruleSchema = z
  .strictObject({
    index: z.int().min(0).nullable().describe("Its place in `rooms` of the config; null: no rule matches"),
    join: z.array(z.string()).nullable().describe("The ways into the room; null: its name decides"),
    publish: z.enum(["backends", "members", "none"]),
    history: z.strictObject({ size: z.int(), seconds: z.number() }).nullable(),
    presence: z.boolean(),
  })
  .describe("What holds for the room (rooms.md)");

const oneRoom = z
  .strictObject({
    room: roomField,
    namespace: namespaceField,
    connections: countField,
    dialects: dialectsField,
    rule: ruleSchema,
    at: z.string().nullable().describe("Where its log stands; null: it has none"),
    ...gatewayFields,
  })
  .describe("One room");

export const showRoom = defineOperation({
  method: "GET",
  path: "/api/rooms/{room}",
  id: "showRoom",
  summary: "One room: its members, its rule, its place in the log",
  description: "A room without members is answered, too.",
  names: roomName,
  query: { namespace: namespaceQuery },
  answers: [oneRoom],
  refusals: [busUnavailableRefusal],
  async run({ peers, rules, broker }, { names: { room = "" }, query: { namespace } }) {
    const [{ answers, gateways }, past] = await Promise.all([
      askAll(peers, counted, { room, namespace }),
      broker.history({ namespace, room }, { limit: 1 }),
    ]);
    const none = { connections: 0, dialects: {} };
    return {
      room,
      namespace,
      ...[...answers.values()].reduce(sum, none),
      rule: ruleOf(rules.ruleOf(room, namespace)),
      at: typeof past === "string" ? null : past.at,
      ...gateways,
    };
  },
});

function ruleOf({ index, join, publish, history, presence }: RoomRule): z.infer<typeof ruleSchema> {
  return {
    index: index ?? null,
    join: join ? [...join] : null,
    publish,
    history: history ? { size: history.size, seconds: history.seconds } : null,
    presence,
  };
}

/** By the names that they have in the OpenAPI document. */
export const roomSchemas = { Rooms: roomsPage, Room: oneRoom };
