// How requests of the gateway are signed: the headers of Standard Webhooks 1.0, for which there are libraries in many
// languages. HMAC-SHA256 over id, time and body; one signature for each secret, so that secrets can be changed.

import { createHmac } from "node:crypto";

const prefix = "whsec_";
/** Of a secret, bytes, as the specification has it. */
const secretBytes = { min: 24, max: 64 };

/** How to make one, for people. */
export const secretRecipe = `\`${prefix}\` and ${secretBytes.min} to ${secretBytes.max} random bytes as base64, as by \`echo ${prefix}$(openssl rand -base64 32)\``;

/** The bytes of `whsec_<base64>`; undefined when it is no such secret. */
export function readSigningSecret(text: string): Buffer | undefined {
  if (!text.startsWith(prefix)) return undefined;
  const encoded = text.slice(prefix.length);
  const bytes = Buffer.from(encoded, "base64");
  // What is no base64 is skipped by the decoder.
  if (bytes.toString("base64") !== encoded) return undefined;
  return bytes.length >= secretBytes.min && bytes.length <= secretBytes.max ? bytes : undefined;
}

export interface SignedText {
  /** The same when it is sent again. No `.` in it. */
  readonly id: string;
  /** When it is sent, Unix time, s. */
  readonly seconds: number;
  readonly body: string;
}

/** @param secrets as {@link readSigningSecret} gives them. */
export function signatureHeaders(
  { id, seconds, body }: SignedText,
  secrets: readonly Buffer[],
): Readonly<Record<string, string>> {
  const signatures = secrets.map((secret) =>
    createHmac("sha256", secret).update(`${id}.${seconds}.${body}`).digest("base64"),
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": signatures.map((signature) => `v1,${signature}`).join(" "),
  };
}
