// What the HTTP doors of backends read and answer: JSON, and problem details where they refuse (README.md).

import { STATUS_CODES } from "node:http";
import type { BackendRefusal } from "../kit/backend-post.ts";

/** What programs read of a refusal. */
export function errorFields({ status, code, message }: BackendRefusal): object {
  return { error: { code, message, retry: status === 503 || status === 429 } };
}

/** RFC 9457, with our `error` as its extension. */
export function problemAnswer(refused: BackendRefusal): Response {
  const { status, message } = refused;
  const problem = { type: "about:blank", title: STATUS_CODES[status], status, detail: message };
  const refusal = answer(status, { ...problem, ...errorFields(refused) });
  refusal.headers.set("content-type", "application/problem+json");
  return refusal;
}

/** In JSON, kept by no cache. */
export function answer(status: number, body: object): Response {
  const headers = { "cache-control": "no-store", "x-content-type-options": "nosniff" };
  return Response.json(body, { status, headers });
}

/** @returns undefined when it is no JSON. */
export function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // refused by the caller
  }
}
