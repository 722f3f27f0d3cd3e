// The two ways of `belfry publish`: over HTTP to a gateway, with its answer as a sentence, and past every gateway into
// Redis, from where gateways deliver. What is written there is the dialect's business.

import { openBackplane } from "../brokers/registry.ts";
import { maskUrl } from "../config/problems.ts";
import { sectionOf } from "../config/schema.ts";
import type { Config } from "../config/schema.ts";
import type { Emission, Published, Publishing } from "../dialects/command-parts.ts";
import { silent } from "../core/observe.ts";
import { ask, refusalOf } from "./api-request.ts";
import { AudienceAsker } from "./audience.ts";
import { CommandError } from "./failure.ts";
import type { Publisher } from "./gateway-url.ts";

export interface EmissionTarget {
  /** The gateway's URL; the path of the door is added. */
  readonly url: string;
  readonly secret: string;
  readonly door: Pick<Publishing<unknown>, "path" | "request" | "readAnswer">;
}

/**
 * Asks the first of these that the gateway has.
 * @returns what happened, in sentences. Rejects with CommandError and the gateway's own sentence when it refuses.
 */
export async function postEmission(
  emission: Emission,
  targets: readonly EmissionTarget[],
): Promise<readonly string[]> {
  for (const target of targets) {
    const { url, door } = target;
    const response = await post(emission, target);
    const answer = await response.text();
    const gateway = maskUrl(url);
    if (response.status === 404) continue;
    if (response.status !== 200) throw refusalOf(url, response.status, answer);
    const told = door.readAnswer?.(answer) ?? { delivered: await audienceOf(emission, target) };
    if (told.isRepeated === true) return ["Not published again: its key came before", ...placeOf(told)];
    const { event, room } = emission;
    return [`Published \`${event}\` to \`${room}\` by ${gateway}`, ...reachOf(told), ...placeOf(told)];
  }
  const asked = targets.map(({ door, url }) => `POST ${door.path} at ${maskUrl(url)}`).join(" or ");
  throw new CommandError(`Expected ${asked}, got 404: a gateway without a publish secret has none`);
}

function reachOf({ delivered }: Published): readonly string[] {
  if (delivered === undefined) return [];
  if (delivered === 0) return ["No client of this gateway is in the room now"];
  return [`Delivered to ${delivered} ${delivered === 1 ? "client" : "clients"} of this gateway`];
}

function placeOf({ stored }: Published): readonly string[] {
  return stored === undefined ? [] : [`Stored at ${stored}`];
}

/** Where the answer does not say how many clients received it, the gateway is asked. */
async function audienceOf({ namespace, room }: Emission, { url, secret }: EmissionTarget) {
  const asker = new AudienceAsker({ url, secret, complain: () => undefined });
  return asker.ask({ namespace, rooms: [room], except: [], skip: [] });
}

async function post(emission: Emission, { url, secret, door }: EmissionTarget): Promise<Response> {
  const { body, headers } = door.request(emission, secret);
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body };
  return ask({ url, path: door.path }, init);
}

/** @returns what happened, in sentences. Rejects with GatewayError when Redis does not take it. */
export async function pushEmission(
  emission: Emission,
  config: Config,
  { name, publishing }: Publisher,
): Promise<readonly string[]> {
  const { redis: url, redisTls: tls, limits } = config;
  const { event, room } = emission;
  const message = publishing.toBus(emission, sectionOf(config, name));
  const { bus, queue, close } = await openBackplane({ url, tls, limits, observe: silent });
  try {
    if ("channel" in message) {
      await bus.publish(message.channel, message.payload);
      return [`Published \`${event}\` to \`${room}\` on ${message.channel} of ${bus.label}`];
    }
    if (!queue) throw new CommandError(`Expected a Redis, got ${bus.label}`);
    const id = await queue.add(message.queue, message.fields);
    return [
      `Left \`${event}\` for \`${room}\` in ${message.queue} of ${bus.label}, as ${id}`,
      "A gateway publishes it, at once or when it is there again",
    ];
  } finally {
    await close();
  }
}
