// `POST /api/tickets`: a backend asks for a code that opens rooms to one client, once, within seconds (docs/auth.md). Behind the
// publish secret, as all doors of backends are.

import { z } from "zod";
import { isRoomName, isRoomTooLong } from "../../core/room-name.ts";
import type { TicketOrder } from "../../proofs/credentials.ts";
import type { BackendContext } from "../dialect.ts";
import type { Route } from "../../server/route.ts";
import { backendDoor, bodyInvalid, demandReady, readOrder } from "../kit/backend-post.ts";
import type { BackendDoor } from "../kit/backend-post.ts";
import { answer } from "../../base/problem.ts";

export const ticketsPath = "/api/tickets";

/** Longest body, bytes. */
const maxBytes = 64 * 1024;
const maxRooms = 100;

const name = z.string().min(1).max(256);

const seconds = z.int().min(1).max(300).optional().describe("It must be used within so many; 30 without it");
const usualSeconds = 30;

/** The members of an order, for people. */

/** What the route takes and answers, by the names that they have in the OpenAPI document (operations.ts). */
export const ticketSchemas = {
  TicketOrder: z
    .strictObject({
      rooms: z
        .array(z.string().min(1).max(512))
        .max(maxRooms)
        .optional()
        .describe("Names of rooms that it opens, no globs"),
      user: name.optional().describe("The user that its client is: it opens `user:<name>::...`"),
      groups: z.array(name).max(maxRooms).optional().describe("Groups of the client"),
      seconds,
    })
    .describe("At least one of `rooms`, `user` and `groups` must say something"),
  Ticket: z
    .strictObject({
      ticket: z.string().describe("The code, for `?ticket=`"),
      seconds: z.int().min(1).describe("It must be used within so many"),
    })
    .describe("It was made"),
};

export function ticketRoute(context: BackendContext, door: Omit<BackendDoor, "maxBytes">): Route {
  const issue = backendDoor(context, { ...door, maxBytes }, async (body) => {
    const order = ticketOrder(context, body);
    demandReady(context.bus);
    const ticket = await context.tickets.issue(order);
    return answer(200, { ticket, seconds: order.seconds });
  });
  return { path: ticketsPath, isPrefix: false, fetch: issue };
}

function ticketOrder({ limits }: BackendContext, body: Uint8Array): TicketOrder {
  const expected = "Expected an object with `rooms`, `user` or `groups`, and `seconds`";
  const order = readOrder(body, ticketSchemas.TicketOrder, expected);
  const { rooms = [], user, groups = [], seconds = usualSeconds } = order;
  if (rooms.length === 0 && groups.length === 0 && user === undefined)
    throw bodyInvalid("Expected at least one of `rooms`, `user` and `groups`");
  if (!rooms.every((room) => isRoomName(room) && !isRoomTooLong(room, limits.nameBytes)))
    throw bodyInvalid("Expected `rooms` to be a list of names of rooms");
  return { rooms, user, groups, seconds };
}
