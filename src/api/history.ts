// The past of a room, page by page, as its log keeps it. The log is in the store, so one gateway answers for all.

import { z } from "zod";
import { publicationMessage } from "../codec/publication-json.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { busUnavailableRefusal, defineOperation, JsonText, requestInvalid } from "./operation.ts";
import { limitField } from "./page.ts";
import { namespaceQuery, roomName } from "./rooms.ts";

const kept = z.looseObject({
  event: z.string().optional().describe("Absent for a bare payload"),
  data: z.unknown().optional().describe("Its digits are as they were published"),
  binary: z.string().optional().describe("Base64: a bare payload that is no text"),
  at: z.string().describe("Where it stands"),
});

const historyPage = z
  .strictObject({
    publications: z.array(kept).describe("In the asked order"),
    at: z.string().describe("Where the log stands"),
    hasMore: z.boolean().describe("There is more behind the last of them: ask with its `at`"),
  })
  .describe("A page of the past of a room");

const position = z.string().min(1).max(256).optional();

export const showHistory = defineOperation({
  method: "GET",
  path: "/api/rooms/{room}/history",
  id: "showHistory",
  summary: "What was published to a room, as far as its log keeps it",
  description:
    "Newest first, or forwards from a position. A page may end early where its publications are large.",
  names: roomName,
  query: {
    before: position.describe("Newest first from this position; without it, from the newest"),
    after: position.describe("Forwards from this position, in the place of `before`"),
    limit: limitField,
    namespace: namespaceQuery,
  },
  answers: [historyPage],
  refusals: [
    { status: 400, code: "history_off", when: "The room's rule keeps nothing" },
    {
      status: 410,
      code: "position_unknown",
      when: "The position is of a log, or of an entry, that is not there any more; or what followed on it is not kept any more",
    },
    busUnavailableRefusal,
  ],
  async run({ broker }, { names: { room = "" }, query: { before, after, limit, namespace } }) {
    if (before !== undefined && after !== undefined)
      throw requestInvalid("Expected `before` or `after`, got both");
    const page = await broker.history({ namespace, room }, { before, after, limit });
    if (page === "no_history")
      throw new GatewayError("history_off", "Expected a room with `history` in its rule, got one without");
    if (page === "epoch")
      throw new GatewayError(
        "position_unknown",
        "Expected a position that the room's log has still, got another",
      );
    const { at, hasMore } = page;
    const publications = page.publications.map((one) =>
      publicationMessage(one.publication, undefined, one.at),
    );
    return new JsonText(
      `{"publications":[${publications.join(",")}],"at":${JSON.stringify(at)},"hasMore":${hasMore}}`,
    );
  },
});

export const historySchemas = { History: historyPage };
