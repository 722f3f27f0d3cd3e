// The HTTP way of `belfry publish`: `POST /emit` of a gateway, and its answer as a sentence.

import { maskUrl } from "../config/problems.ts";
import { withoutEndSlashes } from "../core/http.ts";
import { CommandError } from "./failure.ts";

/** One message, as a backend says it. */
export interface Emission {
  readonly room: string;
  readonly event: string;
  readonly namespace: string;
  /** JSON text of the one argument; undefined sends none. */
  readonly data: string | undefined;
}

export interface EmissionTarget {
  /** The gateway's URL; `/emit` is added. */
  readonly url: string;
  readonly secret: string;
}

const timeoutMs = 10_000;
const shownCharacters = 500;

/** @returns what happened. Rejects with CommandError and the gateway's own sentence when it refuses. */
export async function postEmission(emission: Emission, target: EmissionTarget): Promise<string> {
  const response = await post(emission, target);
  const answer = (await response.text()).slice(0, shownCharacters).trim();
  const gateway = maskUrl(target.url);
  switch (response.status) {
    case 200:
      return `Published \`${emission.event}\` to \`${emission.room}\` by ${gateway}`;
    case 404:
      throw new CommandError(
        `Expected POST /emit at ${gateway}, got 404: a gateway without a publish secret has none`,
      );
    default:
      throw new CommandError(`The gateway at ${gateway} refused (${response.status}): ${answer}`);
  }
}

async function post(emission: Emission, { url, secret }: EmissionTarget): Promise<Response> {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new CommandError("Expected `url` to be http://... or https://... (flag --url), got something else");
  }
  try {
    return await fetch(`${withoutEndSlashes(url)}/emit`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: encodeBody(emission, secret),
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

/** `data` stays the text that it is: large numbers keep their digits. */
function encodeBody({ data, ...fields }: Emission, secret: string): string {
  const head = JSON.stringify({ ...fields, secret });
  return data === undefined ? head : `${head.slice(0, -1)},"data":${data}}`;
}
