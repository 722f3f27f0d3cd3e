// What gateways say to each other: one JSON object a message. What cannot be read is junk, never an error: any client of the
// server may publish on the channels.

import { z } from "zod";
import { parseJson } from "../base/json.ts";
import type { Json } from "./peers.ts";

/** Raised when an older gateway could misread what a newer one writes. */
const version = 1;

const nameForm = /^[A-Za-z0-9][A-Za-z0-9.-]{0,79}$/;
const name = z.string().regex(nameForm);
const id = z.string().regex(/^[0-9a-f]{32}$/);
const shared = { version: z.literal(version), from: name };

const schema = z.discriminatedUnion("kind", [
  /** To all, every few seconds. A gateway that starts is new: the others show themselves at once. */
  z.object({ ...shared, kind: z.literal("beat"), isNew: z.boolean() }),
  /** To all: it does not answer any more. */
  z.object({ ...shared, kind: z.literal("goodbye") }),
  /** To all or to one. */
  z.object({
    ...shared,
    kind: z.literal("question"),
    id,
    topic: z.string().min(1).max(64),
    question: z.unknown().optional(),
  }),
  /** To the one that asked. Without `answer`: there is none. */
  z.object({ ...shared, kind: z.literal("answer"), id, answer: z.unknown().optional() }),
]);

/** A message as it came. */
export type PeerMessage = z.infer<typeof schema>;

/** Of one kind. */
export type PeerMessageOf<Kind extends PeerMessage["kind"]> = Extract<PeerMessage, { kind: Kind }>;

/** A message as it is written. */
export type Said =
  | { readonly kind: "beat"; readonly isNew: boolean }
  | { readonly kind: "goodbye" }
  | { readonly kind: "question"; readonly id: string; readonly topic: string; readonly question: Json }
  | { readonly kind: "answer"; readonly id: string; readonly answer?: Json };

export function encodeMessage(from: string, said: Said): string {
  return JSON.stringify({ version, from, ...said });
}

/** @returns the reason when it is none of this version. */
export function decodeMessage(
  text: string,
): PeerMessage | "not_json" | "version_unknown" | "message_invalid" {
  const value = parseJson(text);
  if (value === undefined) return "not_json";
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const isOther =
    typeof value === "object" && value !== null && "version" in value && value.version !== version;
  return isOther ? "version_unknown" : "message_invalid";
}

/** Can it be the name of a gateway? */
export function isGatewayName(text: string): boolean {
  return nameForm.test(text);
}
