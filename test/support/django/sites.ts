// Django projects as they are configured in the wild, each with the gateway's identity options that fit it: where
// sessions are kept, and how they are written there.

import type { z } from "zod";
import type { identityOptions } from "../../../src/auth/django/options.ts";
import type { RedisServer } from "../redis.ts";
import type { DjangoOptions } from "../django.ts";

const secretKey = "for the tests alone, and long enough for Django";

export interface Site {
  readonly django: DjangoOptions;
  readonly identity: z.input<typeof identityOptions>;
  /** WS4REDIS_PREFIX. @default none */
  readonly prefix?: string;
}

/** Names its users as signals.py of the project does. */
const username = "session:ws4redis:username";

/** Django 3.2, sessions in the cache of django-redis 5, whose names have a prefix and a version. */
export function djangoRedis5({ url, port }: RedisServer): Site {
  return {
    django: {
      version: "3.2",
      redisPort: port,
      settings: {
        SECRET_KEY: secretKey,
        SESSION_ENGINE: "django.contrib.sessions.backends.cache",
        CACHES: {
          default: {
            BACKEND: "django_redis.cache.RedisCache",
            LOCATION: `${url}/0`,
            KEY_PREFIX: "shop",
            VERSION: 2,
          },
        },
      },
    },
    identity: { sessionEngine: "cache", cacheKeyPrefix: "shop", cacheVersion: 2, username },
  };
}

/** Django 3.2, sessions in signed cookies. */
export function signedCookies({ port }: RedisServer): Site {
  return {
    django: {
      version: "3.2",
      redisPort: port,
      settings: {
        SECRET_KEY: secretKey,
        SESSION_ENGINE: "django.contrib.sessions.backends.signed_cookies",
      },
    },
    identity: { sessionEngine: "signed_cookies", secretKey, username },
  };
}

/** Django 5.2, sessions in SQL behind the Redis cache that comes with Django. */
export function coreCache({ url, port }: RedisServer): Site {
  return {
    django: {
      version: "5.2",
      redisPort: port,
      settings: {
        SECRET_KEY: secretKey,
        SESSION_ENGINE: "django.contrib.sessions.backends.cached_db",
        CACHES: {
          default: { BACKEND: "django.core.cache.backends.redis.RedisCache", LOCATION: `${url}/0` },
        },
      },
    },
    identity: { sessionEngine: "cached_db", username },
  };
}

/** Django 5.2, sessions in the cache of django-redis 7, as compressed JSON. */
export function compressedJson({ url, port }: RedisServer): Site {
  return {
    django: {
      version: "5.2",
      redisPort: port,
      settings: {
        SECRET_KEY: secretKey,
        SESSION_ENGINE: "django.contrib.sessions.backends.cache",
        CACHES: {
          default: {
            BACKEND: "django_redis.cache.RedisCache",
            LOCATION: `${url}/0`,
            OPTIONS: {
              SERIALIZER: "django_redis.serializers.json.JSONSerializer",
              COMPRESSOR: "django_redis.compressors.zlib.ZlibCompressor",
            },
          },
        },
      },
    },
    identity: { sessionEngine: "cache", username },
  };
}

/** Django 5.2 with django-redis-sessions, which the documentation of django-websocket-redis recommends. */
export function redisSessions({ url, port }: RedisServer): Site {
  return {
    django: {
      version: "5.2",
      redisPort: port,
      settings: {
        SECRET_KEY: secretKey,
        SESSION_ENGINE: "redis_sessions.session",
        // Its default timeout is 0.1 s, after which it takes the visitor for a stranger.
        SESSION_REDIS: { url: `${url}/0`, prefix: "session", socket_timeout: 30 },
        WS4REDIS_PREFIX: "ws",
      },
    },
    identity: { sessionEngine: "redis_sessions", sessionRedisPrefix: "session", secretKey, username },
    prefix: "ws",
  };
}

/** Django 5.2 with sessions in SQL, where no gateway can read them: the project's own view says who somebody is. */
export function askedDjango({ port }: RedisServer): DjangoOptions {
  return { version: "5.2", redisPort: port, settings: { SECRET_KEY: secretKey } };
}
