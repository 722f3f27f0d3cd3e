// The drivers by the names of the registry. The suite says so when a dialect has none.

import type { DialectName } from "../../../src/dialects/registry.ts";
import type { DialectDriver } from "./driver.ts";
import { native } from "./native.ts";
import { socketio } from "./socketio.ts";
import { websocketChannels } from "./websocket-channels.ts";
import { ws4redis } from "./ws4redis.ts";
import { wsHub } from "./ws-hub.ts";

export const drivers: Readonly<Record<DialectName, DialectDriver<DialectName>>> = {
  socketio,
  "ws-hub": wsHub,
  ws4redis,
  "websocket-channels": websocketChannels,
  native,
};

export const allDrivers: readonly DialectDriver<DialectName>[] = Object.values(drivers);
