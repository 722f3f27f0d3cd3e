// One HTTP request, and all of its answer as text, for searching in it.

import type { RawRequest, RawResponse } from "../raw.ts";
import { rawRequest } from "../raw.ts";

const patienceMs = 20_000;

export interface Answer extends RawResponse {
  /** Headers and body. */
  readonly whole: string;
}

export async function ask(url: string, request: RawRequest): Promise<Answer> {
  const answer = await rawRequest(url, request, patienceMs);
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
  return { ...answer, whole: `${answer.status}\n${headers.join("\n")}\n\n${answer.text}` };
}
