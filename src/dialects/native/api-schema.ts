// What the HTTP doors of publish-route.ts take and answer, as schemas: the OpenAPI document (operations.ts) and docs/api.md are
// made from them. Bodies are not read by them, because numbers keep all their digits there (SIO-15); a test holds both against
// each other, body by body.

import { z } from "zod";
import { errorSchema } from "../../vocabulary/operation.ts";
import { base64Form, maxKeyLength } from "./packet.ts";
import { maxPublications, maxRooms } from "./publish-route.ts";
import { revokeSchemas } from "./revoke-route.ts";
import { ticketSchemas } from "./ticket-route.ts";

const roomName = z
  .string()
  .min(1)
  .describe("UTF-8 of at most `limits.nameBytes` (256), without control characters and U+FFFD");
const room = roomName.describe("The room, or `rooms`");
const rooms = z.array(roomName).min(1).max(maxRooms).describe("All of these rooms, in the place of `room`");
const event = z
  .string()
  .optional()
  .describe("At most `limits.nameBytes`, and no name that Socket.IO keeps for itself. Without it: `message`");
const data = z.custom<unknown>((value) => value !== undefined).describe("Numbers keep their digits");
const binary = z
  .string()
  .regex(base64Form)
  .describe("Base64 with its padding: a bare payload, in the place of `data` and without `event`");
const key = z
  .string()
  .min(1)
  .max(maxKeyLength)
  .optional()
  .describe(
    "Your name for it, for rooms with a history: a second one with the same key within five minutes is not published again",
  );
const version = z
  .int()
  .min(0)
  .optional()
  .describe("For rooms with a history: published only if it is greater than the last one of the room");

const absent = z.never().optional();

const publication = z
  .union([z.looseObject({ room, rooms: absent }), z.looseObject({ rooms, room: absent })])
  .and(
    z.union([
      z.looseObject({ data, event, binary: absent }),
      z.looseObject({ binary, data: absent, event: absent }),
    ]),
  )
  .and(z.looseObject({ key, version, publications: absent }))
  .describe("One message to one room, or to several. Members with other names are ignored");

/** The members of an answer, for people. */
const receipt = z
  .strictObject({
    delivered: z
      .int()
      .min(0)
      .optional()
      .describe(
        "Clients of this gateway that it was sent to; absent where that did not become known in time",
      ),
    stored: z.string().optional().describe("Its position, where the room keeps a log"),
    repeated: z
      .literal(true)
      .optional()
      .describe("Its key came before: nothing was published now, and `stored` is where the first one stands"),
  })
  .describe("It was published");

const batch = z
  .looseObject({
    publications: z.array(publication).min(1).max(maxPublications),
  })
  .describe("All are checked before the first is published");

const results = z
  .strictObject({ results: z.array(z.union([receipt, z.strictObject({ error: errorSchema })])) })
  .describe("One for each of `publications`, in their order");

/** By the names that they have in the document. Unlike there, a member that is null counts as absent, but for `data`. */
export const apiSchemas = {
  Publication: publication,
  Batch: batch,
  Receipt: receipt,
  Results: results,
  ...ticketSchemas,
  ...revokeSchemas,
};

/** The members of a publication, for people. */
export const publicationFields = { room, rooms, event, data, binary, key, version };

/** The query of `POST /rooms/<room>`. */
export const queryFields = {
  event: event.describe("Its name; `data` of the event is then the body. Without it: a bare payload"),
  key,
  version,
};

/** The room in the path. */
export const roomField = roomName.describe("The room");
