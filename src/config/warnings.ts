// Settings that work and are dangerous, or work and do nothing (T32). A public listener without a secret or with
// `*` is said loudly at every start; nothing here stops it.

import { isLocal, parseAddress } from "./address.ts";
import type { Config, ListenerConfig } from "./config.ts";
import { canMatch } from "./origins.ts";

export type WarningCode =
  | "public_any_origin"
  | "public_without_secret"
  | "short_secret"
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
    ...redisWarnings(config),
  ];
}

function listenerWarnings(listener: ListenerConfig, config: Config): readonly Warning[] {
  const { address, origins } = listener;
  const warnings = unmatched(origins);
  if (isLocal(parseAddress(address)?.host ?? "")) return warnings;
  if (origins === "*") {
    const text = `Any web page in the world may connect to ${address}: its origins are \`*\``;
    warnings.push({ code: "public_any_origin", text });
  }
  if (config.secret === undefined) {
    const text = `${address} can be reached from other machines, and it has no publish secret. POST /emit is off, and whoever reaches it may join rooms without \`::\``;
    warnings.push({ code: "public_without_secret", text });
  } else if (config.secret.length < goodSecretLength) {
    const text = `${address} can be reached from other machines, and the publish secret has ${config.secret.length} characters: ${goodSecretLength} or more are not guessed`;
    warnings.push({ code: "short_secret", text });
  }
  return warnings;
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
