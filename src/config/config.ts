// What the rest of the gateway sees of the config: the checked values, defaults filled in. load.ts makes it.

import type { z } from "zod";
import type { configSchema } from "./schema.ts";

/** `secret` is filled in from `secretFile` when that was given. */
export type Config = z.output<typeof configSchema>;

export type ListenerConfig = Config["listeners"][number];
