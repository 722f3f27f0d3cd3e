// `POST /api/tickets`: a backend asks for a code that opens rooms to one client, once, within seconds (docs/auth.md). Behind the
// publish secret, as all doors of backends are.

import { z } from "zod";
import { isRoomTooLong } from "../../core/access.ts";
import type { TicketOrder } from "../../core/credentials.ts";
import type { BackendContext, Route } from "../../core/dialect.ts";
import { backendDoor, bodyInvalid, busUnavailable, readJsonBody } from "../kit/backend-post.ts";
import type { BackendDoor } from "../kit/backend-post.ts";
import { isRoomName } from "./packet.ts";

export const ticketsPath = "/api/tickets";

/** Longest body, bytes. */
const maxBytes = 64 * 1024;
const maxRooms = 100;

const name = z.string().min(1).max(256);

/** What the route takes and answers; the names of the fields are for people and programs alike. */
export const ticketSchemas = {
  request: z
    .strictObject({
      rooms: z
        .array(z.string().min(1).max(512))
        .max(maxRooms)
        .default([])
        .describe("Names of rooms that it opens, no globs"),
      user: name.optional().describe("The user that its client is: it opens `user:<name>::...`"),
      groups: z.array(name).max(maxRooms).default([]).describe("Groups of the client"),
      seconds: z.int().min(1).max(300).default(30).describe("It must be used within so many"),
    })
    .refine(({ rooms, user, groups }) => rooms.length > 0 || user !== undefined || groups.length > 0, {
      message: "Expected `rooms`, `user` or `groups`",
    }),
  answer: z.strictObject({
    ticket: z.string().describe("The code, for `?ticket=`"),
    seconds: z.int().describe("It must be used within so many"),
  }),
};

/** None without a publish secret. */
export function ticketRoutes(
  context: BackendContext,
  door: Pick<BackendDoor, "dialect" | "refusal" | "refused">,
): readonly Route[] {
  if (!context.checkSecret) return [];
  const issue = backendDoor(context, { ...door, maxBytes }, async (body) => {
    const order = readOrder(context, readJsonBody(body, parse));
    if (!context.bus.state().isReady) throw busUnavailable();
    const ticket = await context.tickets.issue(order);
    return Response.json(
      { ticket, seconds: order.seconds },
      { headers: { "cache-control": "no-store", "x-content-type-options": "nosniff" } },
    );
  });
  return [{ path: ticketsPath, isPrefix: false, fetch: issue }];
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // refused by the caller
  }
}

function readOrder({ limits }: BackendContext, body: unknown): TicketOrder {
  const { data, error } = ticketSchemas.request.safeParse(body);
  if (!data) {
    const [issue] = error.issues;
    const field = issue?.path[0];
    throw bodyInvalid(
      typeof field === "string"
        ? `Expected \`${field}\` as the documentation says`
        : "Expected an object with `rooms`, `user` or `groups`, and `seconds`",
    );
  }
  if (!data.rooms.every((room) => isRoomName(room) && !isRoomTooLong(room, limits.nameBytes)))
    throw bodyInvalid("Expected `rooms` to be a list of names of rooms");
  return data;
}
