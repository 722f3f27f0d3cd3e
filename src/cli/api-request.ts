// One request of a command to the HTTP API of a gateway, with its failures as sentences.

import { withoutEndSlashes } from "../base/http.ts";
import { maskUrl } from "../config/problems.ts";
import { CommandError } from "./failure.ts";

export interface ApiTarget {
  /** The gateway's URL; the path is added. */
  readonly url: string;
  readonly path: string;
}

const timeoutMs = 10_000;
const shownCharacters = 500;

/** A gateway, and the publish secret that it wants. */
export interface AskedGateway {
  readonly url: string;
  readonly secret: string;
}

export interface ApiRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** @default none */
  readonly body?: object;
  /** Why a gateway may not have it. */
  readonly lacks?: string;
}

/** What the API answers, JSON. Rejects with CommandError when there is no answer, or another one than 200. */
export async function askApi(
  { url, secret }: AskedGateway,
  {
    method,
    path,
    body,
    lacks = "the listener has `api: false`, or the gateway no publish secret",
  }: ApiRequest,
): Promise<unknown> {
  const headers = { authorization: `Bearer ${secret}`, ...(body && { "content-type": "application/json" }) };
  const answer = await ask({ url, path }, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  const isProblem = answer.headers.get("content-type") === "application/problem+json";
  if (answer.status === 404 && !isProblem) {
    const where = `${path.replace(/\?.*/, "")} at ${maskUrl(url)}`;
    const [, said = lacks] = /^Not found\. (.+)$/.exec(text.slice(0, shownCharacters).trim()) ?? [];
    throw new CommandError(`Expected ${method} ${where}, got 404: ${said}`);
  }
  if (answer.status !== 200) throw refusalOf(url, answer.status, text);
  return JSON.parse(text);
}

/** Rejects with CommandError when there is no answer. */
export async function ask({ url, path }: ApiTarget, init: RequestInit): Promise<Response> {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new CommandError("Expected `url` to be http://... or https://... (flag --url), got something else");
  }
  try {
    return await fetch(`${withoutEndSlashes(url)}${path}`, {
      ...init,
      // The secret goes nowhere else.
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    const isLate = error instanceof Error && error.name === "TimeoutError";
    const got = isLate ? `no answer within ${timeoutMs / 1000} s` : "no connection";
    throw new CommandError(`Expected a gateway at ${maskUrl(url)}, got ${got}`, { cause: error });
  }
}

/** What to say of a refusal, from plain text or from JSON. */
export function refusalOf(url: string, status: number, answer: string): CommandError {
  return new CommandError(`The gateway at ${maskUrl(url)} refused (${status}): ${reasonOf(answer)}`);
}

function reasonOf(answer: string): string {
  const text = answer.slice(0, shownCharacters).trim();
  try {
    const { error } = JSON.parse(answer) as { readonly error?: { readonly message?: unknown } };
    return typeof error?.message === "string" ? error.message.slice(0, shownCharacters) : text;
  } catch {
    return text;
  }
}

/** @throws CommandError when there is none. */
export function secretOf(secret: string | undefined): string {
  if (secret !== undefined) return secret;
  throw new CommandError(
    "Expected a publish secret (--secret-file, --secret, BELFRY_SECRET_FILE or BELFRY_SECRET), got none",
  );
}
