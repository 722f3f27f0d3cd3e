// The names of the echo dialect.

/** In the config, in metrics, and in `Publication.only`. */
export const dialectName = "echo";

/** What its Redis channels begin with; the room follows. */
export const redisPrefix = "belfry-echo:";
