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

/** Rejects with CommandError when there is no answer. */
export async function postTo(
  target: ApiTarget,
  init: Pick<RequestInit, "headers" | "body">,
): Promise<Response> {
  return ask(target, { method: "POST", ...init });
}

/** What a GET answers, JSON. Rejects with CommandError when there is no answer, or another one than 200. */
export async function getFrom(target: ApiTarget, secret: string): Promise<unknown> {
  return jsonOf(target, "GET", secret);
}

/** The same of a POST without a body: an order that says all in its path. */
export async function orderFrom(target: ApiTarget, secret: string): Promise<unknown> {
  return jsonOf(target, "POST", secret);
}

async function jsonOf(target: ApiTarget, method: "GET" | "POST", secret: string): Promise<unknown> {
  const answer = await ask(target, { method, headers: { authorization: `Bearer ${secret}` } });
  const text = await answer.text();
  const isProblem = answer.headers.get("content-type") === "application/problem+json";
  if (answer.status === 404 && !isProblem) {
    const where = `${target.path.replace(/\?.*/, "")} at ${maskUrl(target.url)}`;
    throw new CommandError(
      `Expected ${method} ${where}, got 404: the listener has \`api: false\`, or the gateway no publish secret`,
    );
  }
  if (answer.status !== 200) throw refusalOf(target.url, answer.status, text);
  return JSON.parse(text);
}

async function ask({ url, path }: ApiTarget, init: RequestInit): Promise<Response> {
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
