// `--as ws4redis`: the settings of django-websocket-redis, and those of Django by which a session is found and read
// (W4R, DJS-03 to DJS-11). They come from the environment: settings.py is Python, and Belfry runs beside Django. And what
// every start with this dialect is warned of.

import type { Profile, SharedView, StartWarning } from "../profile.ts";
import type { Ws4redisOptions } from "./options.ts";

type Row = readonly [name: string, option: string, description: string];

/** The settings of django-websocket-redis. */
const upstream: readonly Row[] = [
  ["WEBSOCKET_URL", "ws4redis.path", "Where websockets are"],
  ["WS4REDIS_PREFIX", "ws4redis.prefix", "What its Redis names begin with"],
  ["WS4REDIS_EXPIRE", "ws4redis.expire", "Seconds that a message is kept"],
  ["WS4REDIS_HEARTBEAT", "ws4redis.heartbeat", "The text of a sign of life"],
];

/** Django's, by which a session is found and read. */
const django: readonly Row[] = [
  [
    "SESSION_ENGINE",
    "identity.sessionEngine",
    "Django's dotted name, `redis_sessions.session`, or `none`; unset it is `db`, which is refused",
  ],
  ["SESSION_COOKIE_NAME", "identity.cookieName", "As in settings.py"],
  ["SESSION_COOKIE_AGE", "identity.cookieAge", "As in settings.py"],
  ["SESSION_REDIS_PREFIX", "identity.sessionRedisPrefix", "As in settings.py"],
  ["SESSION_REDIS", "identity.redis", "Redis URL of the sessions"],
  ["SESSION_CACHE_KEY_PREFIX", "identity.cacheKeyPrefix", "KEY_PREFIX of the cache with the sessions"],
  ["SESSION_CACHE_VERSION", "identity.cacheVersion", "VERSION of the cache with the sessions"],
  ["SECRET_KEY", "identity.secretKey", "As in settings.py"],
  ["SECRET_KEY_FALLBACKS", "identity.secretKeyFallbacks", "As in settings.py, separated by spaces"],
  ["DEFAULT_HASHING_ALGORITHM", "identity.hashingAlgorithm", "As in settings.py"],
];

/** Settings that the original does not have. */
const own: readonly Row[] = [
  ["WS4REDIS_NAMING", "ws4redis.naming", "`both`, `current` or `legacy`: which names in Redis"],
  [
    "WS4REDIS_USERNAME",
    "identity.username",
    "Where user names are: `session:<key>`, `hash:<redis key>` or `pk` (DJS-09)",
  ],
  ["WS4REDIS_PUBLISH", "ws4redis.publish", "Globs of the facilities where clients may publish (W4R-17)"],
  [
    "WS4REDIS_ORIGINS",
    "origins",
    "Origins of pages on another host than the one that they connect to (W4R-16)",
  ],
  [
    "WS4REDIS_AUTH_URL",
    "identity.callbackUrl",
    "URL that is asked for a visitor's identity and facilities (DJS-10)",
  ],
];

/** JSON Web Tokens (DJS-11). */
const jwt: readonly Row[] = [
  ["WS4REDIS_JWT_ALGORITHM", "identity.jwt.algorithm", "Switches tokens on"],
  ["WS4REDIS_JWT_SECRET", "identity.jwt.secret", "For an HS algorithm"],
  ["WS4REDIS_JWT_PUBLIC_KEY", "identity.jwt.publicKey", "For another one, PEM"],
  ["WS4REDIS_JWT_JWKS_URL", "identity.jwt.jwksUrl", "Or where its keys are"],
  ["WS4REDIS_JWT_ISSUER", "identity.jwt.issuer", "Wanted `iss`"],
  ["WS4REDIS_JWT_AUDIENCE", "identity.jwt.audience", "Wanted `aud`"],
  ["WS4REDIS_JWT_COOKIE", "identity.jwt.cookie", "Cookie with the token"],
  ["WS4REDIS_JWT_QUERY_PARAMETER", "identity.jwt.queryParameter", "Query parameter with the token"],
];

export const ws4redisProfile: Profile<Ws4redisOptions> = {
  name: "ws4redis",
  description: "django-websocket-redis: websockets for a Django project, known by its sessions",
  variables: [...upstream, ...django, ...own, ...jwt].map(([name, option, description]) => ({
    name,
    option,
    description,
  })),
  refused: [
    {
      name: "WS4REDIS_ALLOWED_CHANNELS",
      instead:
        "Its function cannot run outside of Django: use --ws4redis-allowed-channels for fixed rules, WS4REDIS_AUTH_URL to ask your project (W4R-13, DJS-10)",
    },
    {
      name: "WS4REDIS_PROCESS_REQUEST",
      instead:
        "Its function cannot run outside of Django: use WS4REDIS_AUTH_URL to ask your project who a visitor is, or WS4REDIS_JWT_ALGORITHM for tokens (DJS-10, DJS-11)",
    },
    {
      name: "WS4REDIS_SUBSCRIBER",
      instead:
        "Its class cannot run outside of Django: use WS4REDIS_PUBLISH, --ws4redis-allowed-channels or WS4REDIS_AUTH_URL for what it allowed",
    },
    {
      name: "WS4REDIS_CONNECTION",
      instead: "It is a Python dict: use --redis or BELFRY_REDIS, as in redis://:password@host:port/0",
    },
  ],
  defaults: {
    address: "127.0.0.1:8000",
    redis: "redis://localhost:6379/0",
    dialects: ["ws4redis"],
    // Its documentation taught the names of 0.1 and 0.2 for long: publishers of either generation are heard.
    "ws4redis.naming": "both",
  },
  flags: [
    {
      flags: "--broadcast-only",
      key: "broadcastOnly",
      sets: { "identity.sessionEngine": "none" },
      description: "Visitors have no identity: sessions are not read, and only broadcasts are delivered",
    },
  ],
  notReproduced: [
    "W4R-05: an empty message or ping does not close the connection",
    "W4R-07: messages that arrive together are delivered together; what is not UTF-8 is a binary frame",
    "W4R-10: no answer holds the text of an internal error",
    "W4R-11: of several subprotocols the first is selected, not the whole list",
    "W4R-12: frames without a mask are refused, all valid UTF-8 is not; a shutdown says 1001",
    "W4R-13: a check of channels that fails allows nothing",
    "W4R-14: anonymous visitors share no user or group channel",
    "W4R-15: a session that does not exist opens no session channel",
    "W4R-16: a page of a foreign origin cannot speak with a visitor's cookie",
    "W4R-17: browsers may publish only where it is allowed",
    "SEC-03: no user name, group, facility or cookie reaches the Redis name of another user",
  ],
  example: { flags: "--help", meaning: "what matters for ws4redis" },
  notices(_, { identity }) {
    if (identity.hasUsernames || !identity.hasSessions) return [];
    return [
      "Django's sessions hold no user names: user channels stay closed until WS4REDIS_USERNAME says where they are (DJS-09)",
    ];
  },
};

/** Its names in Redis hold what visitors are called. */
export function warnings(
  { publish, prefix }: Ws4redisOptions,
  { hasRedis }: SharedView,
): readonly StartWarning[] {
  const found: StartWarning[] = [];
  if (publish.includes("*")) {
    const text =
      "Every visitor may publish at every facility: ws4redis.publish is `*`, as in the original (W4R-17)";
    found.push({ code: "open_publish", text });
  }
  if (hasRedis && prefix === "") {
    const text =
      "The Redis names of ws4redis have no prefix: what another program keeps under user:<name>: is read to the user of that name. Set ws4redis.prefix (WS4REDIS_PREFIX), here and in Django (SEC-03)";
    found.push({ code: "no_redis_prefix", text });
  }
  return found;
}
