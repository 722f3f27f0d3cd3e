// What a gateway says of its own connections, and does with them, when another one asks: connections.ts asks all of them.

import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import { addressOf } from "../base/client-address.ts";
import type { Hub } from "../core/hub.ts";
import type { Connection } from "../core/membership.ts";
import { answerTo } from "../peers/asking.ts";
import type { ApiContext } from "./operation.ts";
import { compareText, firstOf, limitField } from "./page.ts";

const nameOf = (description: string) => z.string().min(1).max(512).optional().describe(description);

const rowFields = {
  id: z.string().describe("Of this API: the name of its gateway, a colon, a number"),
  dialect: z.string().describe("What it speaks"),
  transport: z.enum(["websocket", "polling", "stream"]).nullable().describe("How it is connected"),
  address: z.string().nullable().describe("Where it comes from, as limits count it"),
  namespace: z.string().describe("Of Socket.IO; `/` in other dialects"),
  user: z.string().nullable().describe("The user that it is; null: it showed none"),
  since: z.iso.datetime().describe("When it connected"),
  roomCount: z.int().min(0).describe("In how many rooms it is"),
  queuedBytes: z.int().min(0).describe("What it has not read yet"),
};
export const row = z.strictObject(rowFields);
export type Row = z.infer<typeof row>;

export const rowWithRooms = z
  .strictObject({ ...rowFields, rooms: z.array(z.string()).describe("The rooms that it is in") })
  .describe("One connection");

/** Where a page ends: a gateway, and a number there. */
export const place = z.tuple([z.string(), z.int().min(0)]);

/** Which connections are meant: those to which all of these apply. */
export const filterFields = {
  room: nameOf("Those in this room"),
  namespace: z.string().min(1).max(256).optional().describe("Those in this namespace of Socket.IO"),
  user: nameOf("Those of this user"),
  dialect: nameOf("Those that speak this dialect"),
  address: nameOf("Those from this address"),
};
const filterSchema = z.strictObject(filterFields);
export type Filter = z.infer<typeof filterSchema>;

export const listed = {
  topic: "connections",
  asked: z.strictObject({ filter: filterSchema, after: place.optional(), limit: limitField }),
  answered: z.object({ rows: z.array(z.object(rowFields)).readonly(), hasMore: z.boolean() }),
};

const number = z.int().min(1);
export const shown = {
  topic: "connection",
  asked: z.strictObject({ number }),
  answered: z.object(rowWithRooms.shape).nullable(),
};

export const ended = {
  topic: "disconnect",
  asked: z.strictObject({ number: number.optional(), filter: filterSchema }),
  answered: z.object({ disconnected: z.int().min(0) }),
};

/** What this gateway says of its connections to others, and does with them. */
export function answerConnections({ peers, hub }: Pick<ApiContext, "peers" | "hub">): void {
  const { self } = peers;
  answerTo(peers, listed, async ({ filter, after, limit }) => {
    const first = firstNumber(self, after);
    return firstOf(first === undefined ? [] : candidates(hub, filter), {
      limit,
      compare: (a, b) => a.number - b.number,
      isMeant: (connection) => connection.number >= (first ?? 0) && isMeant(connection, filter),
      show: (connection) => rowOf(self, connection),
    });
  });
  answerTo(peers, shown, ({ number: asked }) => {
    const connection = find(hub, asked);
    return connection ? { ...rowOf(self, connection), rooms: roomsOf(connection) } : null;
  });
  answerTo(peers, ended, async ({ number: asked, filter }) => {
    const meant = asked === undefined ? matching(hub, filter) : [find(hub, asked)];
    return { disconnected: await disconnectAll(meant.filter((one) => one !== undefined)) };
  });
}

/** The number from which on a gateway lists; undefined: it has nothing behind that place. */
function firstNumber(self: string, after: z.infer<typeof place> | undefined): number | undefined {
  if (!after) return 1;
  const order = compareText(self, after[0]);
  if (order === 0) return after[1] + 1;
  return order < 0 ? undefined : 1;
}

function candidates(hub: Hub, { room, namespace = "/" }: Filter): Iterable<Connection> {
  return room === undefined ? hub.connections() : (hub.room(namespace, room)?.members() ?? []);
}

function isMeant({ namespace, identity, format, agent }: Connection, filter: Filter): boolean {
  return (
    (filter.namespace === undefined || filter.namespace === namespace) &&
    (filter.user === undefined || filter.user === identity.user) &&
    (filter.dialect === undefined || filter.dialect === format.dialect) &&
    (filter.address === undefined || filter.address === addressOf(agent.origin?.address ?? ""))
  );
}

/** Those of a gateway that are meant now. */
export function matching(hub: Hub, filter: Filter): readonly Connection[] {
  const among = filter.user === undefined ? candidates(hub, filter) : hub.visitors.connections();
  const room = filter.room === undefined ? undefined : hub.room(filter.namespace ?? "/", filter.room);
  const isIn = (connection: Connection): boolean =>
    filter.room === undefined || room?.has(connection) === true;
  return [...among].filter((connection) => isIn(connection) && isMeant(connection, filter));
}

function find(hub: Hub, asked: number): Connection | undefined {
  for (const connection of hub.connections()) {
    if (connection.number === asked) return connection;
    if (connection.number > asked) return undefined;
  }
  return undefined;
}

function rowOf(gateway: string, connection: Connection): Row {
  const { origin } = connection.agent;
  return {
    id: `${gateway}:${connection.number}`,
    dialect: connection.format.dialect,
    transport: origin?.transport ?? null,
    address: origin ? addressOf(origin.address) : null,
    namespace: connection.namespace,
    user: connection.identity.user ?? null,
    since: new Date(connection.sinceMs).toISOString(),
    roomCount: roomsOf(connection).length,
    queuedBytes: connection.carrier.bufferedBytes,
  };
}

/** Trees are places of their dialect, and no rooms; a room that is watched is one of them already. */
function roomsOf({ rooms }: Connection): string[] {
  return [...rooms].flatMap(({ name, table }) => (name !== undefined && table === "rooms" ? name : []));
}

/** After so many, others have their turn. */
const perTurn = 500;

/** @returns how many. */
async function disconnectAll(connections: readonly Connection[]): Promise<number> {
  let count = 0;
  for (const { isIn, agent } of connections) {
    if (!isIn) continue;
    agent.disconnect(true, "server");
    if (++count % perTurn === 0) await setImmediate();
  }
  return count;
}
