// Webhooks, as people ask after them: what waits for each URL, and which events were given up. It is all in the store, so one
// gateway answers for all.

import { z } from "zod";
import { roomEventTypes } from "../brokers/room-event.ts";
import type { WebhookState } from "../webhooks/state.ts";
import { busUnavailableRefusal, defineOperation } from "./operation.ts";

const letter = z.strictObject({
  id: z.string().describe("Of the event, as in a request"),
  reason: z.string().describe("Why it was given up: a reason of [the metrics](operations.md#reasons)"),
  text: z.string().describe("For people"),
  event: z
    .strictObject({
      type: z.enum(roomEventTypes),
      room: z.string(),
      namespace: z.string(),
      user: z.string().optional(),
      epoch: z.string(),
      seq: z.int(),
      at: z.int(),
    })
    .optional()
    .describe("Absent where the entry was no event"),
});

const webhook = z.strictObject({
  url: z.string().describe("Without its query"),
  waiting: z.int().min(0).describe("Events that it is to be told"),
  deadLetters: z.int().min(0).describe("Dead letters that are kept: the last thousand, about"),
  newest: z.array(letter).describe("The newest of them first"),
});

const webhookList = z
  .strictObject({ webhooks: z.array(webhook).describe("One for each URL of the config, in its order") })
  .describe("Webhooks and their dead letters");

export const listWebhooks = defineOperation({
  method: "GET",
  path: "/api/webhooks",
  id: "listWebhooks",
  summary: "What waits for each webhook, and its dead letters",
  description: "Every gateway says the same, because it is kept in the store ([webhooks.md](webhooks.md)).",
  query: {
    letters: z.int().min(0).max(1_000).default(20).describe("How many dead letters of each URL are shown"),
  },
  answers: [webhookList],
  refusals: [busUnavailableRefusal],
  async run({ webhooks }, { query: { letters } }) {
    return { webhooks: (await webhooks(letters)).map(shown) };
  },
});

function shown({ url, waiting, deadLetters, newest }: WebhookState): z.infer<typeof webhook> {
  return {
    url,
    waiting,
    deadLetters,
    newest: newest.map(({ id, reason, text, event }) => ({
      id,
      reason,
      text,
      ...(event && { event }),
    })),
  };
}

export const webhookSchemas = { Webhooks: webhookList };
