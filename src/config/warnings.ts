// Settings that work and are dangerous, or work and do nothing (T32). A public listener without a secret or with
// `*` is said loudly at every start; nothing here stops it.

import { sessionEngine } from "../auth/django/options.ts";
import { isLocal, parseAddress } from "./address.ts";
import type { Config, ListenerConfig } from "./config.ts";
import { canMatch } from "./origins.ts";
import { needsIdentity } from "./redis-names.ts";

export type WarningCode =
  | "public_any_origin"
  | "public_without_secret"
  | "short_secret"
  | "public_open_publish"
  | "open_publish"
  | "no_redis_prefix"
  | "sessions_nowhere"
  | "trusts_everybody"
  | "origin_matches_nothing"
  | "redis_tls_unverified";

export interface Warning {
  readonly code: WarningCode;
  readonly text: string;
}

/** A secret that is shorter can be guessed over the network. */
const goodSecretLength = 16;

export function findWarnings(config: Config): readonly Warning[] {
  return [
    ...config.listeners.flatMap((listener) => listenerWarnings(listener, config)),
    ...facilityWarnings(config),
    ...sessionWarnings(config),
    ...redisWarnings(config),
  ];
}

function listenerWarnings(listener: ListenerConfig, config: Config): readonly Warning[] {
  const { address, origins } = listener;
  const warnings = [...unmatched(origins), ...proxyWarnings(listener)];
  if (address === undefined || isLocal(parseAddress(address)?.host ?? "")) return warnings;
  if (origins === "*") {
    const text = `Any web page in the world may connect to ${address}: its origins are \`*\``;
    warnings.push({ code: "public_any_origin", text });
  }
  return [...warnings, ...publishWarnings(listener, config)];
}

/** The widest ranges that somebody may own: 10.0.0.0/8, fc00::/7. */
const widestRange = { ipv4: 8, ipv6: 7 } as const;

/** Whoever is trusted says who it is, and is never counted as itself (SEC-15). */
function proxyWarnings({ trustedProxies }: ListenerConfig): readonly Warning[] {
  const isWide = (range: string): boolean => {
    const [network = "", bits = "128"] = range.split("/");
    return Number(bits) < widestRange[network.includes(":") ? "ipv6" : "ipv4"];
  };
  return trustedProxies.filter(isWide).map((range) => ({
    code: "trusts_everybody",
    text: `Whoever reaches the listener is believed to be a proxy: trustedProxies has ${range}. It may claim any address, and no limit per address holds for it: list the addresses of your own proxies`,
  }));
}

/** Who may publish over HTTP at a public address. */
function publishWarnings({ address, dialects }: ListenerConfig, config: Config): readonly Warning[] {
  const reached = `${address} can be reached from other machines`;
  const hasEmit = dialects.includes("socketio");
  const hasPublish = dialects.includes("websocket-channels");
  const isOpen = hasPublish && config["websocket-channels"].openPublish;
  const warnings: Warning[] = [];
  if (isOpen) {
    const text = `${reached}, and whoever reaches it may publish to every channel over HTTP: openPublish asks for no secret`;
    warnings.push({ code: "public_open_publish", text });
  }
  if (config.secret === undefined) {
    if (!hasEmit) return warnings;
    const text = `${reached}, and it has no publish secret. POST /emit is off, and whoever reaches it may join rooms without \`::\``;
    warnings.push({ code: "public_without_secret", text });
  } else if ((hasEmit || (hasPublish && !isOpen)) && config.secret.length < goodSecretLength) {
    const text = `${reached}, and the publish secret has ${config.secret.length} characters: ${goodSecretLength} or more are not guessed`;
    warnings.push({ code: "short_secret", text });
  }
  return warnings;
}

/** Of ws4redis, whose names in Redis hold what visitors are called. */
function facilityWarnings({ listeners, ws4redis, redis }: Config): readonly Warning[] {
  if (!listeners.some(({ dialects }) => dialects.includes("ws4redis"))) return [];
  const warnings: Warning[] = [];
  if (ws4redis.publish.includes("*")) {
    const text =
      "Every visitor may publish at every facility: ws4redis.publish is `*`, as in the original (W4R-17)";
    warnings.push({ code: "open_publish", text });
  }
  if (redis !== undefined && ws4redis.prefix === "") {
    const text =
      "The Redis names of ws4redis have no prefix: what another program keeps under user:<name>: is read to the user of that name. Set ws4redis.prefix (WS4REDIS_PREFIX), here and in Django (SEC-03)";
    warnings.push({ code: "no_redis_prefix", text });
  }
  return warnings;
}

/** Of identities that are read from a store, where there is none. */
function sessionWarnings({ listeners, identity, redis }: Config): readonly Warning[] {
  const isAsked = listeners.some(({ dialects }) => dialects.some(needsIdentity));
  const isStored = ["cache", "cached_db", "redis_sessions"].includes(sessionEngine(identity));
  if (!isAsked || !isStored || redis !== undefined || identity.redis !== undefined) return [];
  const text =
    "Sessions are looked for in a Redis, and there is none: every visitor is a stranger. Set identity.redis (SESSION_REDIS), or sessionEngine none";
  return [{ code: "sessions_nowhere", text }];
}

function unmatched(origins: ListenerConfig["origins"]): Warning[] {
  if (origins === undefined || origins === "*") return [];
  return origins
    .filter((origin) => !canMatch(origin))
    .map((origin) => ({
      code: "origin_matches_nothing",
      text: `No page has the origin ${JSON.stringify(origin)}: it is scheme, host and port as a browser sends them, like https://example.org`,
    }));
}

function redisWarnings({ redisTls }: Config): readonly Warning[] {
  if (!redisTls.insecure) return [];
  return [
    {
      code: "redis_tls_unverified",
      text: "Any certificate of Redis is accepted: anyone on the way can read along",
    },
  ];
}
