// The names in Redis that belong to the emitters and adapters of Socket.IO (RTE-08), other servers' own included.

import { exactName, namePrefix } from "../../base/redis-name.ts";
import type { RedisName } from "../../base/redis-name.ts";
import type { SocketIoOptions } from "./options.ts";
import { sessionPrefix } from "./recovery/pid.ts";

/** The default channels of python-socketio and Flask-SocketIO. */
const pythonChannels = ["flask-socketio", "socketio"];

export function redisNames({ channels, key }: SocketIoOptions): readonly RedisName[] {
  return [
    ...new Set([...channels, ...pythonChannels]).values().map(exactName),
    exactName(key),
    namePrefix(sessionPrefix),
    ...["#", "-request#", "-response#"].map((suffix) => namePrefix(key + suffix)),
  ];
}
