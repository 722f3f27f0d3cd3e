// Whose the names in Redis are, over the whole config (RTE-08): the dialects', the room secrets', the session store's. Two
// owners of one name refuse to start; the same list keeps names that visitors choose away from all of them (SEC-03).

import { sessionEngine, sessionNamePrefixes } from "../auth/django/options.ts";
import { readUsernameMapping, usernameKeyPrefix } from "../auth/django/username.ts";
import type { Dialect } from "../core/dialect.ts";
import { namePrefix, overlap } from "../core/redis-name.ts";
import type { RedisName } from "../core/redis-name.ts";
import { dialects } from "../dialects/registry.ts";
import type { DialectName } from "../dialects/registry.ts";
import type { Config } from "./config.ts";

export interface Owner {
  /** For people: ``the dialect `ws-hub` ``. */
  readonly label: string;
  readonly names: readonly RedisName[];
}

/** Where room secrets are looked up, whatever `secretKeys` says (WSE-05). */
const secretSpaces = ["ws-emit::", "r2ws::"];

/** A sentence for each pair of owners that share a name. */
export function overlappingNames(config: Config): readonly string[] {
  const spoken = new Set(config.listeners.flatMap((listener) => listener.dialects));
  const owners = [...ownersOf(config, [...spoken]), ...sessionsOwner(config, [...spoken])];
  const pairs = owners.flatMap((one, index) => owners.slice(index + 1).map((other) => [one, other] as const));
  return pairs.flatMap(([one, other]) => {
    const [shared] = one.names.flatMap((a) => other.names.filter((b) => overlap(a, b)).map((b) => [a, b]));
    if (!shared) return [];
    const [a, b] = shared.map((name) => show(name));
    return [`Expected Redis names of one owner each, got ${a} of ${one.label} and ${b} of ${other.label}`];
  });
}

/** These dialects, and the room secrets. */
export function ownersOf(config: Config, names: readonly DialectName[]): readonly Owner[] {
  return [...names.map((name) => dialectOwner(config, name)), secretsOwner(config)];
}

/** All names that are not this dialect's, of dialects that another gateway may speak too. */
export function foreignNames(config: Config, dialect: DialectName): readonly RedisName[] {
  const others = dialectNames().filter((name) => name !== dialect);
  const { identity } = config;
  const usernames = usernameKeyPrefix(readUsernameMapping(identity.username));
  return [
    ...ownersOf(config, others).flatMap(({ names }) => names),
    ...[...sessionNamePrefixes(identity), ...(usernames === undefined ? [] : [usernames])].map(namePrefix),
  ];
}

export function dialectNames(): readonly DialectName[] {
  return Object.keys(dialects) as DialectName[];
}

function dialectOwner(config: Config, name: DialectName): Owner {
  const dialect: Dialect<unknown> = dialects[name];
  return { label: `the dialect \`${name}\``, names: dialect.redisNames(config[name]) };
}

function secretsOwner({ secretKeys }: Config): Owner {
  const prefixes = [...secretSpaces, ...secretKeys];
  return { label: "the room secrets (`secretKeys`)", names: prefixes.map(namePrefix) };
}

/**
 * A cache in the Redis of the messages, where somebody looks for sessions: whoever may publish at `user:1:x` must not
 * write the session of that name. Keys of redis_sessions hold no colon behind their prefix, so those are none of ours
 * (RTE-09).
 */
function sessionsOwner(config: Config, spoken: readonly DialectName[]): readonly Owner[] {
  const { identity, redis } = config;
  const engine = sessionEngine(identity);
  const isCache = engine === "cache" || engine === "cached_db";
  const isElsewhere = identity.redis !== undefined && identity.redis !== redis;
  if (!isCache || isElsewhere || !spoken.some(needsIdentity)) return [];
  return [{ label: "the session store (`identity`)", names: sessionNamePrefixes(identity).map(namePrefix) }];
}

/** Does the dialect ask who its visitors are? */
export function needsIdentity(name: DialectName): boolean {
  const dialect: Dialect<unknown> = dialects[name];
  return dialect.needsIdentity === true;
}

function show({ kind, name }: RedisName): string {
  return `\`${name}${kind === "prefix" ? "*" : ""}\``;
}
