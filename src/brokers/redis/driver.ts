// The redis driver: reads URLs, and opens what lies behind one (see open.ts).

import type { Driver } from "../driver.ts";
import { parseRedisUrl, redisSchemes } from "./url.ts";

export const redis = {
  schemes: redisSchemes,
  urls: "redis://, rediss:// (TLS) or unix://",
  check: (url) => {
    const { password } = parseRedisUrl(url);
    return password === undefined ? [] : [password];
  },
  // Not before a Redis is asked for: the client of Redis takes a quarter of the time in which a command starts.
  open: async (options) => (await import("./open.ts")).openRedis(options),
} satisfies Driver;
