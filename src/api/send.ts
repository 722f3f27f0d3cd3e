// A message to the connections of one user, whichever rooms they are in, on all gateways. It is for those who are there: nothing
// keeps it for later.

import { z } from "zod";
import { hasOnly, readMembers, stringMember } from "../codec/json.ts";
import type { Members } from "../codec/json.ts";
import { reservedEvents } from "../codec/event-names.ts";
import { readJsonText } from "../codec/utf8.ts";
import type { Hub } from "../core/hub.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { answerTo, askAll, gatewayFields } from "../peers/asking.ts";
import { matching } from "./connection-answers.ts";
import { userName } from "./connections.ts";
import { defineOperation } from "./operation.ts";
import type { ApiContext } from "./operation.ts";

const sent = {
  topic: "send",
  asked: z.strictObject({
    user: z.string(),
    namespace: z.string(),
    event: z.string(),
    /** JSON text, so that numbers keep their digits. */
    data: z.string(),
  }),
  answered: z.object({ delivered: z.int().min(0) }),
};
type Sent = z.infer<typeof sent.asked>;

/** This gateway sends what others ask it to. */
export function answerSending({ peers, hub }: Pick<ApiContext, "peers" | "hub">): void {
  answerTo(peers, sent, (message) => ({ delivered: deliver(hub, message) }));
}

function deliver(hub: Hub, { user, namespace, event, data }: Sent): number {
  // Each by its own id, which no other connection has.
  const ids = matching(hub, { user, namespace }).map((connection) => hub.idOf(connection));
  if (ids.length === 0) return 0;
  return hub.deliver({
    kind: "publication",
    namespace,
    rooms: ids,
    except: [],
    skip: [],
    event,
    args: [data],
    attachments: [],
    volatile: false,
  });
}

const message = z
  .strictObject({
    event: z.string().min(1).max(256).optional().describe("`message` without it"),
    data: z.custom<unknown>((value) => value !== undefined).describe("Numbers keep their digits"),
    namespace: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe("Connections in this namespace of Socket.IO; `/`, where all other dialects are, without it"),
  })
  .describe("A message to a user. It has no other members");
const delivered = z
  .strictObject({
    delivered: z.int().min(0).describe("Connections that it was sent to"),
    ...gatewayFields,
  })
  .describe("It was sent");

const bounds = { maxDepth: 64, maxItems: 10 } as const;

function readMessage(body: Uint8Array): Omit<Sent, "user"> {
  const json = readJsonText(body);
  const members = json === undefined ? undefined : readMembers(json, bounds);
  if (!members) throw invalid("Expected a JSON object in UTF-8 with `data`");
  if (!hasOnly(members, ["event", "data", "namespace"]))
    throw invalid("Expected only the members `event`, `data`, `namespace`, got another");
  const data = members.get("data");
  if (data === undefined) throw invalid("Expected `data`, got none");
  return {
    event: readName(members, "event", "message"),
    data,
    namespace: readName(members, "namespace", "/"),
  };
}

function readName(members: Members, name: "event" | "namespace", usual: string): string {
  const text = members.has(name) ? stringMember(members, name) : usual;
  const isRight = typeof text === "string" && text !== "" && text.length <= 256 && !reservedEvents.has(text);
  if (isRight) return text;
  throw invalid(
    `Expected \`${name}\` to be text of 1 to 256 characters, and no name that Socket.IO keeps for itself`,
  );
}

function invalid(expected: string): GatewayError {
  return new GatewayError("body_invalid", expected);
}

export const sendToUser = defineOperation({
  method: "POST",
  path: "/api/users/{user}/messages",
  id: "sendToUser",
  summary: "Sends a message to the connections of a user",
  description:
    "To those that are there now, in all dialects, whichever rooms they are in. No log and no tape keeps it: a client that comes back later does not get it.",
  names: userName,
  body: [message],
  readBody: readMessage,
  answers: [delivered],
  async run({ peers }, { names: { user = "" }, body }) {
    const { answers, gateways } = await askAll(peers, sent, { user, ...body });
    const count = [...answers.values()].reduce((sum, one) => sum + one.delivered, 0);
    return { delivered: count, ...gateways };
  },
});

/** By the names that they have in the OpenAPI document. */
export const sendSchemas = { UserMessage: message, Sent: delivered };
