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
  .min(1)
  .optional()
  .describe(
    "1 to `limits.nameBytes` (256) bytes, and no name that Socket.IO keeps for itself. Without it: `message`",
  );
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

/** Null counts as absent, as programs write it that have no value, but for `data`. */
const absent = z.null().optional();
const toSeveral = { rooms, room: absent };
const guards = { key: key.nullable(), version: version.nullable() };
const ofEvent = { data, event: event.nullable(), binary: absent, ...guards };
const ofBytes = { binary, event: absent, ...guards };

const publication = z
  .union([
    z.strictObject({ room, ...ofEvent }),
    z.strictObject({ ...toSeveral, ...ofEvent }),
    z.strictObject({ room, ...ofBytes }),
    z.strictObject({ ...toSeveral, ...ofBytes }),
  ])
  .describe("One message to one room, or to several. It has no other members");

const delivered = z
  .int()
  .min(0)
  .optional()
  .describe("Clients of this gateway that it was sent to; absent where that did not become known in time");
const ofLog = {
  stored: z.string().optional().describe("Its position, where the room keeps a log"),
  repeated: z
    .literal(true)
    .optional()
    .describe("Its key came before: nothing was published now, and `stored` is where the first one stands"),
};

const refusedThere = z.strictObject({ error: errorSchema });

/** The members of an answer, for people. */
const receipt = z.strictObject({ delivered, ...ofLog }).describe("It was published");

const roomsReceipt = z
  .strictObject({
    delivered,
    rooms: z
      .record(z.string(), z.union([z.strictObject(ofLog), refusedThere]))
      .describe("By their names: where it stands, or why it was not published there"),
  })
  .describe("Of several `rooms` of which some keep a log: it was published in one of them at least");

const batch = z
  .strictObject({
    publications: z.array(publication).min(1).max(maxPublications),
  })
  .describe("All are checked before the first is published");

const results = z
  .strictObject({ results: z.array(z.union([receipt, roomsReceipt, refusedThere])) })
  .describe("One for each of `publications`, in their order");

/** By the names that they have in the document. */
export const apiSchemas = {
  Publication: publication,
  Batch: batch,
  Receipt: receipt,
  RoomsReceipt: roomsReceipt,
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
