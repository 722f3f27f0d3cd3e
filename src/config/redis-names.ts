// Whose the names in Redis are, over the whole config (RTE-08): the dialects', the room secrets', the session store's. Two
// owners of one name refuse to start; the same list keeps names that visitors choose away from all of them (SEC-03).

import { sessionNamePrefixes } from "../auth/django/options.ts";
import { readUsernameMapping, usernameKeyPrefix } from "../auth/django/username.ts";
import type { Dialect } from "../core/dialect.ts";
import { namePrefix, overlap } from "../core/redis-name.ts";
import type { RedisName } from "../core/redis-name.ts";
import { dialects } from "../dialects/registry.ts";
import type { DialectName } from "../dialects/registry.ts";
import type { Config } from "./config.ts";

interface Owner {
  /** For people: ``the dialect `ws-hub` ``. */
  readonly label: string;
  readonly names: readonly RedisName[];
}

/** Where room secrets are looked up, whatever `secretKeys` says (WSE-05). */
const secretSpaces = ["ws-emit::", "r2ws::"];

/** A sentence for each pair of owners that share a name. */
export function overlappingNames(config: Config): readonly string[] {
  const spoken = new Set(config.listeners.flatMap((listener) => listener.dialects));
  const owners = [...[...spoken].map((name) => dialectOwner(config, name)), secretsOwner(config)];
  const pairs = owners.flatMap((one, index) => owners.slice(index + 1).map((other) => [one, other] as const));
  return pairs.flatMap(([one, other]) => {
    const [shared] = one.names.flatMap((a) => other.names.filter((b) => overlap(a, b)).map((b) => [a, b]));
    if (!shared) return [];
    const [a, b] = shared.map((name) => show(name));
    return [`Expected Redis names of one owner each, got ${a} of ${one.label} and ${b} of ${other.label}`];
  });
}

/** All names that are not this dialect's, of dialects that another gateway may speak too. */
export function foreignNames(config: Config, dialect: DialectName): readonly RedisName[] {
  const others = dialectNames().filter((name) => name !== dialect);
  const { identity } = config;
  const usernames = usernameKeyPrefix(readUsernameMapping(identity.username));
  return [
    ...others.flatMap((name) => dialectOwner(config, name).names),
    ...secretsOwner(config).names,
    ...[...sessionNamePrefixes(identity), ...(usernames === undefined ? [] : [usernames])].map(namePrefix),
  ];
}

function dialectNames(): readonly DialectName[] {
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

function show({ kind, name }: RedisName): string {
  return `\`${name}${kind === "prefix" ? "*" : ""}\``;
}
