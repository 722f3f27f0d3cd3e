// Every profile, one line each: `belfry serve --as <name>`.

import type { Profile } from "./profile.ts";
import { websocketChannels } from "./websocket-channels.ts";
import { ws4redis } from "./ws4redis.ts";
import { wsEmit } from "./ws-emit.ts";
import { wsHub } from "./ws-hub.ts";

export const profiles: readonly Profile[] = [wsEmit, wsHub, ws4redis, websocketChannels];

export function profileNamed(name: string): Profile | undefined {
  return profiles.find((profile) => profile.name === name);
}
