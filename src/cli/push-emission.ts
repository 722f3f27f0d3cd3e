// The Redis way of `belfry publish`: past every gateway, in the form of a Python backend (PSQ-20). All gateways on
// that Redis deliver it.

import { openBackplane } from "../brokers/registry.ts";
import type { Config } from "../config/config.ts";
import { silent } from "../core/observe.ts";
import { encodeEmit } from "../dialects/socketio/python-encode.ts";
import type { Emission } from "./emission.ts";

/** @returns what happened. Rejects with GatewayError when Redis does not take it. */
export async function pushEmission(emission: Emission, config: Config): Promise<string> {
  const { redis: url, redisTls: tls, limits, socketio } = config;
  const { event, namespace, room, data } = emission;
  const [channel = "flask-socketio"] = socketio.channels;
  const { bus, close } = await openBackplane({ url, tls, limits, observe: silent });
  try {
    const args = data === undefined ? [] : [data];
    const hostId = crypto.randomUUID().replaceAll("-", "");
    await bus.publish(channel, encodeEmit({ event, namespace, room, args, attachments: [], hostId }));
    return `Published \`${event}\` to \`${room}\` on ${channel} of ${bus.label}`;
  } finally {
    await close();
  }
}
