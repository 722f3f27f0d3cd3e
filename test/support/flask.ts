// A backend of Flask-SocketIO, in its JSON: for tests that care for what an emit does, not for how Python writes it.

import type { createClient } from "@redis/client";

type Redis = Pick<ReturnType<typeof createClient>, "publish">;

/** Says it on the channel of Flask-SocketIO. */
export async function flaskPublish(bus: Redis, message: object): Promise<void> {
  await bus.publish("flask-socketio", JSON.stringify(message));
}

/** An `emit` to everyone, but for what `more` says. */
export async function flaskEmit(
  bus: Redis,
  [event, data]: readonly [string, unknown],
  more: object = {},
): Promise<void> {
  const nothing = { room: null, skip_sid: null, callback: null };
  await flaskPublish(bus, { method: "emit", event, data, namespace: "/", ...nothing, ...more });
}
