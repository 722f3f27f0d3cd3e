// The section `rooms` of the config: the rules of rooms (vocabulary/room-rules.ts) with bounds and a sentence for each key.

import { z } from "zod";
import type { JoinWay } from "../vocabulary/room-rules.ts";

const wayWords = "`anyone`, `secret`, `user`, `token`, `group:<name>` or `grant`";

function isWay(text: string): text is JoinWay {
  return /^(?:anyone|secret|user|token|grant|group:.+)$/s.test(text);
}

/** A sentence of its own: the words that there are, and the one that came. */
const waySchema = z
  .string()
  .max(256)
  .superRefine((text, context) => {
    if (isWay(text)) return;
    const got = JSON.stringify(text.slice(0, 60));
    context.addIssue({ code: "custom", message: `Expected a way into a room, ${wayWords}, got ${got}` });
  })
  .transform((text) => text as JoinWay);

const historySchema = z
  .strictObject({
    size: z.number().int().min(1).max(100_000).describe("How many publications are kept"),
    seconds: z
      .number()
      .int()
      .min(1)
      .max(2_592_000)
      .describe("Seconds after the last of them for which they are kept"),
  })
  .describe("What is kept in the room's log, for clients that come back ([recovery.md](recovery.md))");

const ruleSchema = z.strictObject({
  match: z
    .string()
    .min(1)
    .max(256)
    .describe("Glob on the room's name (`*`, `?`, `[abc]`); room `R` of the namespace `/chat` is `/chat,R`"),
  join: z
    .array(waySchema)
    .min(1)
    .max(100)
    .optional()
    .describe(`Who may join, a list of ${wayWords}. Without it, the room's name decides`),
  publish: z
    .enum(["backends", "members", "none"])
    .optional()
    .describe(
      "Which messages of browsers are delivered: with `members`, to clients of every dialect; with `backends`, the default, to clients of their own dialect (SEC-16); with `none`, none",
    ),
  history: historySchema.optional(),
  presence: z
    .boolean()
    .optional()
    .describe(
      "Members may ask who is in the room, and are told who comes and goes ([presence.md](presence.md))",
    ),
});

export const roomsSchema = z
  .array(ruleSchema)
  .max(1_000)
  .default([])
  .meta({ isJson: true, example: [{ match: "orders::*", join: ["user"] }] })
  .describe(
    "Rules of rooms, the first that matches a room's name counts; in a flag or the environment as JSON text (see Rooms)",
  );
