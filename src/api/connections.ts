// Connections of all gateways: a list by pages, one of them, and orders to end them. The id of a connection names its gateway, so
// the question about one goes there alone.

import { z } from "zod";
import { GatewayError } from "../vocabulary/errors.ts";
import { askAll, askOne, gatewayFields } from "../peers/asking.ts";
import type { Question } from "../peers/asking.ts";
import { ended, filterFields, listed, place, row, rowWithRooms, shown } from "./connection-answers.ts";
import type { Filter, Row } from "./connection-answers.ts";
import { defineOperation } from "./operation.ts";
import type { ApiContext } from "./operation.ts";
import { afterField, compareText, limitField, merge, nextField, readPlace, writePlace } from "./page.ts";
import { namespaceQuery, roomName } from "./rooms.ts";

/** Where a page ends. */
interface Place {
  readonly gateway: string;
  readonly number: number;
}

const connectionsPage = z
  .strictObject({
    connections: z.array(row).describe("In the order of gateways, and in which they came there"),
    next: nextField,
    ...gatewayFields,
  })
  .describe("A page of connections");

export const listConnections = defineOperation({
  method: "GET",
  path: "/api/connections",
  id: "listConnections",
  summary: "The connections that there are now",
  description:
    "Of all gateways, by pages; those to which all of the query applies. A Socket.IO client has one connection for each namespace that it is in.",
  query: { ...filterFields, after: afterField, limit: limitField },
  answers: [connectionsPage],
  async run({ peers }, { query: { after, limit, ...filter } }) {
    const asked = { filter, after: readPlace(after, place), limit };
    const { answers, gateways } = await askAll(peers, listed, asked);
    const page = merge(
      [...answers.values()].map(({ rows, hasMore }) => ({ rows: rows.map(placed), hasMore })),
      { limit, compare: comparePlaces },
    );
    const last = page.hasMore ? page.rows.at(-1) : undefined;
    return {
      connections: page.rows.map((one) => one.row),
      ...(last && { next: writePlace([last.gateway, last.number]) }),
      ...gateways,
    };
  },
});

interface Placed extends Place {
  readonly row: Row;
}

function placed(one: Row): Placed {
  return { ...(readId(one.id) ?? { gateway: "", number: 0 }), row: one };
}

function comparePlaces(a: Place, b: Place): number {
  return compareText(a.gateway, b.gateway) || a.number - b.number;
}

/** @returns undefined where no connection has such an id. */
function readId(id: string): Place | undefined {
  const [, gateway, digits] = /^([A-Za-z0-9.-]{1,80}):([1-9]\d{0,14})$/.exec(id) ?? [];
  return gateway === undefined ? undefined : { gateway, number: Number(digits) };
}

const idName = { id: z.string().min(1).describe("The id of the connection, as the list has it") };
const unknownRefusal = { status: 404, code: "connection_unknown", when: "There is no such connection now" };
const silentRefusal = {
  status: 503,
  code: "gateway_silent",
  when: "The gateway of the connection did not answer within a second",
};

/** Asks the gateway of one connection. */
async function askFor<Asked extends z.ZodType, Answered extends z.ZodType>(
  { peers }: ApiContext,
  id: string,
  question: Question<Asked, Answered> & { readonly about: (number: number) => z.input<Asked> },
): Promise<z.output<Answered>> {
  const named = readId(id);
  if (!named || ![peers.self, ...peers.others].includes(named.gateway)) throw unknown();
  const answer = await askOne(peers, named.gateway, { ...question, about: question.about(named.number) });
  if (answer !== undefined) return answer;
  throw new GatewayError(
    "gateway_silent",
    "Expected the gateway of the connection to answer, got nothing in time",
  );
}

function unknown(): GatewayError {
  return new GatewayError("connection_unknown", "Expected the id of a connection that is there, got another");
}

export const showConnection = defineOperation({
  method: "GET",
  path: "/api/connections/{id}",
  id: "showConnection",
  summary: "One connection, with its rooms",
  description: "As in the list.",
  names: idName,
  answers: [rowWithRooms],
  refusals: [unknownRefusal, silentRefusal],
  async run(context, { names: { id = "" } }) {
    const found = await askFor(context, id, { ...shown, about: (asked) => ({ number: asked }) });
    if (found) return found;
    throw unknown();
  },
});

/** Of every order to disconnect, and to send. */
const disconnected = z
  .strictObject({
    disconnected: z.int().min(0).describe("So many connections were ended"),
    ...gatewayFields,
  })
  .describe("They were ended");

export const disconnectConnection = defineOperation({
  method: "POST",
  path: "/api/connections/{id}/disconnect",
  id: "disconnectConnection",
  summary: "Ends one connection",
  description:
    "Its client is told what its dialect says when a backend disconnects it, and may come back: [revoke](#post-apirevoke) what it may not have.",
  names: idName,
  answers: [disconnected],
  refusals: [unknownRefusal, silentRefusal],
  async run(context, { names: { id = "" } }) {
    const done = await askFor(context, id, { ...ended, about: (asked) => ({ number: asked, filter: {} }) });
    if (done.disconnected === 0) throw unknown();
    return { ...done, answered: [id.slice(0, id.lastIndexOf(":"))], silent: [] };
  },
});

/** Ends those of all gateways that are meant. */
async function endAll({ peers }: ApiContext, filter: Filter): Promise<z.infer<typeof disconnected>> {
  const { answers, gateways } = await askAll(peers, ended, { filter });
  const count = [...answers.values()].reduce((sum, one) => sum + one.disconnected, 0);
  return { disconnected: count, answered: [...gateways.answered], silent: [...gateways.silent] };
}

export const disconnectRoom = defineOperation({
  method: "POST",
  path: "/api/rooms/{room}/disconnect",
  id: "disconnectRoom",
  summary: "Ends the connections in a room",
  description: "Each ends as a whole, with its other rooms, and its client may come back.",
  names: roomName,
  query: { namespace: namespaceQuery },
  answers: [disconnected],
  run: async (context, { names: { room }, query: { namespace } }) => endAll(context, { room, namespace }),
});

export const userName = {
  user: z.string().min(1).max(512).describe("The name of the user, percent-encoded"),
};

export const disconnectUser = defineOperation({
  method: "POST",
  path: "/api/users/{user}/disconnect",
  id: "disconnectUser",
  summary: "Ends the connections of a user",
  description:
    "In all dialects. The client may come back: [revoke](#post-apirevoke) what the user may not have.",
  names: userName,
  answers: [disconnected],
  run: async (context, { names: { user } }) => endAll(context, { user }),
});

/** By the names that they have in the OpenAPI document. */
export const connectionSchemas = {
  Connections: connectionsPage,
  Connection: rowWithRooms,
  Disconnected: disconnected,
};
