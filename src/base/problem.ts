// What the HTTP doors of backends read and answer: JSON, and problem details where they refuse (docs/api.md). No answer repeats the
// request (SEC-05).

import { STATUS_CODES } from "node:http";

/** Why a request is refused, without a word of it (SEC-05). */
export interface ProblemParts {
  readonly status: number;
  /** For programs. */
  readonly code: string;
  /** A sentence of ours. */
  readonly message: string;
  /** @default none */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What programs read of a refusal. */
export function errorFields({ status, code, message }: ProblemParts): object {
  return { error: { code, message, retry: status === 503 || status === 429 } };
}

/** RFC 9457, with our `error` as its extension. */
export function problemAnswer(refused: ProblemParts): Response {
  const { status, message, headers = {} } = refused;
  const problem = { type: "about:blank", title: STATUS_CODES[status], status, detail: message };
  const refusal = answer(status, { ...problem, ...errorFields(refused) });
  refusal.headers.set("content-type", "application/problem+json");
  for (const [name, value] of Object.entries(headers)) refusal.headers.set(name, value);
  return refusal;
}

/** In JSON, kept by no cache. */
export function answer(status: number, body: object): Response {
  return jsonAnswer(status, JSON.stringify(body));
}

/** The same with JSON that is written already: its numbers keep their digits. */
export function jsonAnswer(status: number, json: string): Response {
  return new Response(json, { status, headers });
}

/** Every answer gets a copy: that is cheaper than reading them anew. */
const headers = new Headers({
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
});
