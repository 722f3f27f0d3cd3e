// Who is in a room, as its presence has it: users, by pages. It is in the store, so one gateway answers for all. A room without
// users is answered as any other (T16).

import { z } from "zod";
import { usersText } from "../codec/present-users.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { busUnavailableRefusal, defineOperation, JsonText, requestInvalid } from "./operation.ts";
import { afterField, limitField, nextField } from "./page.ts";
import { namespaceQuery, roomName } from "./rooms.ts";

const user = z.strictObject({
  user: z.string().describe("The name of the user"),
  info: z.unknown().optional().describe("What others may know of the user, as the token has it"),
});

const presencePage = z
  .strictObject({
    users: z
      .array(user)
      .describe("In no order; one who comes or goes meanwhile may be missing, or be there twice"),
    next: nextField,
    total: z.int().min(0).describe("How many users are in the room"),
    anonymous: z.int().min(0).describe("Connections without a user, about"),
  })
  .describe("A page of the users in a room");

export const showPresence = defineOperation({
  method: "GET",
  path: "/api/rooms/{room}/presence",
  id: "showPresence",
  summary: "The users in a room",
  description:
    "Of rooms with `presence: true` in their rule ([presence.md](presence.md)). A user counts once, with any number of connections, and has left three seconds after the last one.",
  names: roomName,
  query: { after: afterField, limit: limitField, namespace: namespaceQuery },
  answers: [presencePage],
  refusals: [
    { status: 400, code: "presence_off", when: "The room's rule has no presence" },
    busUnavailableRefusal,
  ],
  async run({ presence }, { names: { room = "" }, query: { after, limit, namespace } }) {
    const name = { namespace, room };
    if (!presence.isTold(name))
      throw new GatewayError("presence_off", "Expected a room with `presence` in its rule, got one without");
    if (after !== undefined && !/^\d{1,18}$/.test(after))
      throw requestInvalid("Expected `after` to be `next` of a page before, got something else");
    // What this gateway knows is written before it reads.
    const { total, anonymous } = await presence.read(name);
    const { users, next } = await presence.users(name, after, limit);
    const end = next === undefined ? "" : `"next":${JSON.stringify(next)},`;
    return new JsonText(`{"users":${usersText(users)},${end}"total":${total},"anonymous":${anonymous}}`);
  },
});

/** By the names that they have in the OpenAPI document. */
export const presenceSchemas = { Presence: presencePage };
