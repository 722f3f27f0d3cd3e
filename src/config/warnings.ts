// What is said at a start: settings that work and are dangerous, or work and do nothing (T32), and what a profile has to
// say. A public listener without a secret or with `*` is said loudly every time; nothing here stops it.

import { sessionEngine } from "../auth/django/options.ts";
import type { Profile, SharedView, StartWarning } from "../dialects/profile.ts";
import type { Dialects } from "../dialects/registry.ts";
import { canMatch, isLocal, parseAddress } from "./address.ts";
import { needsIdentity } from "./house-rules.ts";
import { ruleWarnings } from "./rule-warnings.ts";
import { sectionOf } from "./schema.ts";
import type { Config, ListenerConfig } from "./schema.ts";

/** A secret that is shorter can be guessed over the network. */
const goodSecretLength = 16;

export function findWarnings(config: Config, dialects: Dialects): readonly StartWarning[] {
  return [
    ...config.listeners.flatMap((listener) => listenerWarnings(listener, config, dialects)),
    ...Object.entries(dialects).flatMap(([name, dialect]) => dialectWarnings(dialect, config, name)),
    ...sessionWarnings(config, dialects),
    ...redisWarnings(config),
    ...oldNames(config),
    ...ruleWarnings(config.rooms),
  ];
}

/** What a newly migrated user should know about this very start. */
export function findNotices(profile: Profile, config: Config, dialects: Dialects): readonly string[] {
  const name = nameOf(profile, dialects);
  return profile.notices(sectionOf(config, name), sharedView(config, name));
}

/** Is a publish secret made for a start under this profile? */
export function lacksSecret(profile: Profile, config: Config, dialects: Dialects): boolean {
  const name = nameOf(profile, dialects);
  const view = sharedView(config, name);
  return !view.hasSecret && profile.generatesSecret?.(sectionOf(config, name), view) === true;
}

function nameOf(profile: Profile, dialects: Dialects): string {
  return Object.keys(dialects).find((name) => dialects[name]?.profile === profile) ?? "";
}

function dialectWarnings(dialect: Dialects[string], config: Config, name: string): readonly StartWarning[] {
  const view = sharedView(config, name);
  return view.listeners.length === 0 ? [] : (dialect.warnings?.(sectionOf(config, name), view) ?? []);
}

function sharedView({ listeners, secret, redis, tape, identity }: Config, dialect: string): SharedView {
  const { username, callbackUrl, jwt: tokens } = identity;
  return {
    hasSecret: secret !== undefined,
    hasRedis: redis !== undefined,
    hasTape: tape.seconds > 0,
    listeners: listeners
      .filter((listener) => listener.dialects.includes(dialect))
      .map((listener) => ({ address: listener.address, isPublic: isPublic(listener) })),
    identity: {
      hasSessions: identity.sessionEngine !== "none",
      hasUsernames: username !== undefined || callbackUrl !== undefined || tokens !== undefined,
    },
  };
}

function isPublic({ address }: ListenerConfig): boolean {
  return address !== undefined && !isLocal(parseAddress(address)?.host ?? "");
}

function listenerWarnings(
  listener: ListenerConfig,
  config: Config,
  dialects: Dialects,
): readonly StartWarning[] {
  const { address, origins } = listener;
  const warnings = [...unmatched(origins), ...proxyWarnings(listener)];
  if (!isPublic(listener)) return warnings;
  if (origins === "*") {
    const text = `Every web page in the world may connect to ${address}: its origins are \`*\``;
    warnings.push({ code: "public_any_origin", text });
  }
  return [...warnings, ...secretWarnings(listener, config, dialects)];
}

/** The widest ranges that one owner may have: 10.0.0.0/8, fc00::/7. */
const widestRange = { ipv4: 8, ipv6: 7 } as const;

/** A trusted proxy names the client's address, and is not counted by its own (SEC-15). */
function proxyWarnings({ trustedProxies }: ListenerConfig): readonly StartWarning[] {
  const isWide = (range: string): boolean => {
    const [network = "", bits = "128"] = range.split("/");
    return Number(bits) < widestRange[network.includes(":") ? "ipv6" : "ipv4"];
  };
  return trustedProxies.filter(isWide).map((range) => ({
    code: "trusts_everybody",
    text: `trustedProxies has ${range}, so every client is trusted as a proxy. It can claim any address, and limits per address do not hold for it: list the addresses of your own proxies`,
  }));
}

function secretWarnings(
  { address, dialects: spoken }: ListenerConfig,
  config: Config,
  dialects: Dialects,
): readonly StartWarning[] {
  const { secret } = config;
  if (secret === undefined || secret.length >= goodSecretLength) return [];
  if (!spoken.some((name) => dialects[name]?.takesSecret?.(sectionOf(config, name)))) return [];
  const text = `${address} can be reached from other machines, and the publish secret has ${secret.length} characters, few enough to be guessed: use ${goodSecretLength} or more`;
  return [{ code: "short_secret", text }];
}

/** Of identities that are read from a store, where there is none. */
function sessionWarnings(
  { listeners, identity, redis }: Config,
  dialects: Dialects,
): readonly StartWarning[] {
  const isAsked = listeners.some((listener) =>
    listener.dialects.some((name) => needsIdentity(dialects, name)),
  );
  const isStored = ["cache", "cached_db", "redis_sessions"].includes(sessionEngine(identity));
  if (!isAsked || !isStored || redis !== undefined || identity.redis !== undefined) return [];
  const text =
    "Sessions are read from Redis, and no Redis is configured, so every visitor is anonymous. Set identity.redis (SESSION_REDIS), or sessionEngine none";
  return [{ code: "sessions_nowhere", text }];
}

function unmatched(origins: ListenerConfig["origins"]): StartWarning[] {
  if (origins === undefined || origins === "*") return [];
  return origins
    .filter((origin) => !canMatch(origin))
    .map((origin) => ({
      code: "origin_matches_nothing",
      text: `No page has the origin ${JSON.stringify(origin)}: write scheme, host and port as a browser sends them, such as https://example.org`,
    }));
}

function oldNames({ openRooms }: Config): readonly StartWarning[] {
  if (openRooms.length === 0) return [];
  const text =
    "openRooms is the old name of a rule with `publish: members`, and goes on working: write `rooms: [{match: ..., publish: members}]` instead (docs/rooms.md)";
  return [{ code: "open_rooms", text }];
}

function redisWarnings({ redisTls }: Config): readonly StartWarning[] {
  if (!redisTls.insecure) return [];
  return [
    {
      code: "redis_tls_unverified",
      text: "Any certificate of Redis is accepted: a machine on the way can read all messages",
    },
  ];
}
