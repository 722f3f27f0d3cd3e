// Every profile, one line each: `belfry serve --as <name>`.

import type { Profile } from "./profile.ts";
import { wsEmit } from "./ws-emit.ts";

export const profiles: readonly Profile[] = [wsEmit];

export function profileNamed(name: string): Profile | undefined {
  return profiles.find((profile) => profile.name === name);
}
