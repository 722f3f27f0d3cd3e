// The two ways of `belfry publish`: over HTTP to a gateway, with its answer as a sentence, and past every gateway into
// Redis, from where all of them deliver. What is written there is the dialect's business.

import { openBackplane } from "../brokers/registry.ts";
import { maskUrl } from "../config/problems.ts";
import { sectionOf } from "../config/schema.ts";
import type { Config } from "../config/schema.ts";
import type { Emission, Publishing } from "../dialects/command-parts.ts";
import { withoutEndSlashes } from "../base/http.ts";
import { silent } from "../core/observe.ts";
import { CommandError } from "./failure.ts";
import type { Publisher } from "./gateway-url.ts";

export interface EmissionTarget {
  /** The gateway's URL; the path of the door is added. */
  readonly url: string;
  readonly secret: string;
  readonly door: Pick<Publishing<unknown>, "path" | "body">;
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
        `Expected POST ${target.door.path} at ${gateway}, got 404: a gateway without a publish secret has none`,
      );
    default:
      throw new CommandError(`The gateway at ${gateway} refused (${response.status}): ${answer}`);
  }
}

async function post(emission: Emission, { url, secret, door }: EmissionTarget): Promise<Response> {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new CommandError("Expected `url` to be http://... or https://... (flag --url), got something else");
  }
  try {
    return await fetch(`${withoutEndSlashes(url)}${door.path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: door.body(emission, secret),
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

/** @returns what happened. Rejects with GatewayError when Redis does not take it. */
export async function pushEmission(
  emission: Emission,
  config: Config,
  { name, publishing }: Publisher,
): Promise<string> {
  const { redis: url, redisTls: tls, limits } = config;
  const { channel, payload } = publishing.toBus(emission, sectionOf(config, name));
  const { bus, close } = await openBackplane({ url, tls, limits, observe: silent });
  try {
    await bus.publish(channel, payload);
    return `Published \`${emission.event}\` to \`${emission.room}\` on ${channel} of ${bus.label}`;
  } finally {
    await close();
  }
}
