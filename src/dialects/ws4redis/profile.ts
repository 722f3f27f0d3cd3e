// `--as ws4redis`: the settings of django-websocket-redis, and those of Django by which a session is found and read
// (W4R, DJS-03 to DJS-11). They come from the environment: settings.py is Python, and Belfry runs beside Django. And what
// every start with this dialect is warned of.

import type { Profile, ProfileVariable, SharedView, StartWarning } from "../../core/profile.ts";
import type { Ws4redisOptions } from "./options.ts";

const upstream: readonly ProfileVariable[] = [
  { name: "WEBSOCKET_URL", option: "ws4redis.path", description: "Where websockets are" },
  { name: "WS4REDIS_PREFIX", option: "ws4redis.prefix", description: "What its Redis names begin with" },
  { name: "WS4REDIS_EXPIRE", option: "ws4redis.expire", description: "Seconds that a message is kept" },
  { name: "WS4REDIS_HEARTBEAT", option: "ws4redis.heartbeat", description: "The text of a sign of life" },
];

const django: readonly ProfileVariable[] = [
  {
    name: "SESSION_ENGINE",
    option: "identity.sessionEngine",
    description:
      "Django's dotted name, `redis_sessions.session`, or `none`; unset it is `db`, which is refused",
  },
  { name: "SESSION_COOKIE_NAME", option: "identity.cookieName", description: "As in settings.py" },
  { name: "SESSION_COOKIE_AGE", option: "identity.cookieAge", description: "As in settings.py" },
  { name: "SESSION_REDIS_PREFIX", option: "identity.sessionRedisPrefix", description: "As in settings.py" },
  { name: "SESSION_REDIS", option: "identity.redis", description: "Redis URL of the sessions" },
  {
    name: "SESSION_CACHE_KEY_PREFIX",
    option: "identity.cacheKeyPrefix",
    description: "KEY_PREFIX of the cache with the sessions",
  },
  {
    name: "SESSION_CACHE_VERSION",
    option: "identity.cacheVersion",
    description: "VERSION of the cache with the sessions",
  },
  { name: "SECRET_KEY", option: "identity.secretKey", description: "As in settings.py" },
  {
    name: "SECRET_KEY_FALLBACKS",
    option: "identity.secretKeyFallbacks",
    description: "As in settings.py, separated by spaces",
  },
  {
    name: "DEFAULT_HASHING_ALGORITHM",
    option: "identity.hashingAlgorithm",
    description: "As in settings.py",
  },
];

const own: readonly ProfileVariable[] = [
  {
    name: "WS4REDIS_NAMING",
    option: "ws4redis.naming",
    description: "`both`, `current` or `legacy`: which names in Redis",
  },
  {
    name: "WS4REDIS_USERNAME",
    option: "identity.username",
    description: "Where user names are: `session:<key>`, `hash:<redis key>` or `pk` (DJS-09)",
  },
  {
    name: "WS4REDIS_PUBLISH",
    option: "ws4redis.publish",
    description: "Globs of the facilities where clients may publish (W4R-17)",
  },
  {
    name: "WS4REDIS_ORIGINS",
    option: "origins",
    description: "Origins of pages on another host than the one that they connect to (W4R-16)",
  },
  {
    name: "WS4REDIS_AUTH_URL",
    option: "identity.callbackUrl",
    description: "URL that is asked for a visitor's identity and facilities (DJS-10)",
  },
];

const jwt: readonly ProfileVariable[] = [
  { name: "WS4REDIS_JWT_ALGORITHM", option: "identity.jwt.algorithm", description: "Switches tokens on" },
  { name: "WS4REDIS_JWT_SECRET", option: "identity.jwt.secret", description: "For an HS algorithm" },
  { name: "WS4REDIS_JWT_PUBLIC_KEY", option: "identity.jwt.publicKey", description: "For another one, PEM" },
  { name: "WS4REDIS_JWT_JWKS_URL", option: "identity.jwt.jwksUrl", description: "Or where its keys are" },
  { name: "WS4REDIS_JWT_ISSUER", option: "identity.jwt.issuer", description: "Wanted `iss`" },
  { name: "WS4REDIS_JWT_AUDIENCE", option: "identity.jwt.audience", description: "Wanted `aud`" },
  { name: "WS4REDIS_JWT_COOKIE", option: "identity.jwt.cookie", description: "Cookie with the token" },
  {
    name: "WS4REDIS_JWT_QUERY_PARAMETER",
    option: "identity.jwt.queryParameter",
    description: "Query parameter with the token",
  },
];

export const ws4redisProfile: Profile<Ws4redisOptions> = {
  name: "ws4redis",
  description: "django-websocket-redis: websockets for a Django project, known by its sessions",
  variables: [...upstream, ...django, ...own, ...jwt],
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
