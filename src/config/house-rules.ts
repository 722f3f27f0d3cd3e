// What is wrong between the sections of a config, each of them being right: names in Redis that overlap, an identity that
// cannot be found out, pages of any site that could act with a visitor's cookie. All of it refuses to start (SEC-02).
// Each name in Redis has one owner (RTE-08): a dialect, the room secrets, the session store. The same list keeps names
// that visitors choose away from all of them (SEC-03).

import { readsCookies, sessionEngine, sessionNamePrefixes } from "../auth/django/options.ts";
import { ticketKeyPrefix } from "../auth/tickets.ts";
import { acceptsTokens, authCookies, authProblems } from "../auth/options.ts";
import { identityProblem } from "../auth/django/problem.ts";
import { readUsernameMapping, usernameKeyPrefix } from "../auth/django/username.ts";
import { logKeyPrefix } from "../brokers/log-store.ts";
import { presenceKeyPrefix } from "../brokers/presence.ts";
import { revocationKeyPrefix } from "../proofs/revocations.ts";
import { namePrefix, overlap } from "../base/redis-name.ts";
import type { RedisName } from "../base/redis-name.ts";
import type { Dialects } from "../dialects/registry.ts";
import { webhooksProblems } from "../webhooks/options.ts";
import { sectionOf } from "./schema.ts";
import type { Config } from "./schema.ts";

/** Sentences, each with the option that it is about. */
export interface RuleProblem {
  readonly code: "custom";
  readonly path: PropertyKey[];
  readonly message: string;
}

/** As the schema says what is wrong. */
export function houseProblems(config: Config, dialects: Dialects): readonly RuleProblem[] {
  return [
    ...overlappingNames(config, dialects).map((text) => problem([], text)),
    ...proofProblems(config),
    ...identityProblems(config, dialects),
    ...webhooksProblems(config.webhooks).map(({ path, message }) => problem(["webhooks", ...path], message)),
  ];
}

function problem(path: PropertyKey[], message: string): RuleProblem {
  return { code: "custom", path, message };
}

/** What clients show that cannot be judged, and what browsers send by themselves from pages of any site. */
function proofProblems({ auth, listeners }: Config): readonly RuleProblem[] {
  const hasCookies = authCookies(auth).length > 0;
  const open = hasCookies ? [...listeners.entries()].filter(([, { origins }]) => origins === "*") : [];
  return [
    ...authProblems(auth).map(({ path, message }) => problem(["auth", ...path], message)),
    ...open.map(([index]) =>
      problem(
        ["listeners", index, "origins"],
        "Expected a list of origins where `auth.jwt.cookie` or `auth.hook.cookie` is read, got `*`: any site could act in the name of its visitors (W4R-16)",
      ),
    ),
  ];
}

/** Only where some dialect asks who its visitors are. */
function identityProblems(config: Config, dialects: Dialects): readonly RuleProblem[] {
  const asking = config.listeners
    .map(({ dialects: spoken, origins }, index) => ({
      names: spoken.filter((name) => needsIdentity(dialects, name)),
      origins,
      index,
    }))
    .filter(({ names }) => names.length > 0);
  if (asking.length === 0) return [];
  const text =
    identityProblem(config.identity, acceptsTokens(config.auth)) ?? usernameKeyProblem(config, dialects);
  const open = readsCookies(config.identity) ? asking.filter(({ origins }) => origins === "*") : [];
  return [
    ...(text === undefined ? [] : [problem(["identity"], text)]),
    ...open.map(({ names, index }) =>
      problem(
        ["listeners", index, "origins"],
        `Expected a list of origins for ${names.join(", ")}, which knows its visitors by their cookies, got \`*\`: any site could act in their name (W4R-16)`,
      ),
    ),
  ];
}

/** A publisher under the names of another owner must not be able to write user names there (SEC-03). */
function usernameKeyProblem(config: Config, dialects: Dialects): string | undefined {
  const key = usernameKeyPrefix(readUsernameMapping(config.identity.username));
  if (key === undefined) return undefined;
  const owners = ownersOf(config, dialects).filter(({ names }) =>
    names.some((owned) => overlap(owned, namePrefix(key))),
  );
  if (owners.length === 0) return undefined;
  const labels = owners.map(({ label }) => label).join(" and ");
  return `Expected the Redis key of \`identity.username\` outside of the names of ${labels}, got \`${key}\` (SEC-03)`;
}

interface Owner {
  /** For people: ``the dialect `x` ``. */
  readonly label: string;
  readonly names: readonly RedisName[];
}

/** Where room secrets are looked up, whatever `secretKeys` says (WSE-05). */
const secretSpaces = ["ws-emit::", "r2ws::"];

/** A sentence for each pair of owners that share a name. */
export function overlappingNames(config: Config, dialects: Dialects): readonly string[] {
  const spoken = spokenDialects(config, dialects);
  const owners = [...ownersOf(config, spoken), ...sessionsOwner(config, spoken)];
  const pairs = owners.flatMap((one, index) => owners.slice(index + 1).map((other) => [one, other] as const));
  return pairs.flatMap(([one, other]) => {
    const [shared] = one.names.flatMap((a) => other.names.filter((b) => overlap(a, b)).map((b) => [a, b]));
    if (!shared) return [];
    const [a, b] = shared.map((name) => show(name));
    return [`Expected Redis names of one owner each, got ${a} of ${one.label} and ${b} of ${other.label}`];
  });
}

/** Those that some listener speaks, in the order in which they are first named. */
export function spokenDialects({ listeners }: Config, dialects: Dialects): Dialects {
  const names = new Set(listeners.flatMap((listener) => listener.dialects));
  return Object.fromEntries([...names].flatMap((name) => (dialects[name] ? [[name, dialects[name]]] : [])));
}

/** These dialects, the room secrets, and the logs of rooms. */
function ownersOf(config: Config, dialects: Dialects): readonly Owner[] {
  const owners = Object.entries(dialects).map(([name, dialect]) => ({
    label: `the dialect \`${name}\``,
    names: dialect.redisNames(sectionOf(config, name)),
  }));
  return [...owners, secretsOwner(config), logsOwner, presenceOwner, ticketsOwner, revocationsOwner];
}

/** All names that are not this dialect's, of dialects that another gateway may speak too. */
export function foreignNames(config: Config, dialect: string, dialects: Dialects): readonly RedisName[] {
  const { [dialect]: _, ...others } = dialects;
  const { identity } = config;
  const usernames = usernameKeyPrefix(readUsernameMapping(identity.username));
  return [
    ...ownersOf(config, others).flatMap(({ names }) => names),
    ...[...sessionNamePrefixes(identity), ...(usernames === undefined ? [] : [usernames])].map(namePrefix),
  ];
}

/** Keys of gateways themselves. */
const logsOwner: Owner = {
  label: "the logs of rooms (`rooms`)",
  names: [namePrefix(logKeyPrefix)],
};

const presenceOwner: Owner = {
  label: "the presence of rooms (`rooms`)",
  names: [namePrefix(presenceKeyPrefix)],
};

const ticketsOwner: Owner = { label: "the tickets", names: [namePrefix(ticketKeyPrefix)] };

const revocationsOwner: Owner = {
  label: "the rights that were taken back",
  names: [namePrefix(revocationKeyPrefix)],
};

function secretsOwner({ secretKeys }: Config): Owner {
  const prefixes = [...secretSpaces, ...secretKeys];
  return { label: "the room secrets (`secretKeys`)", names: prefixes.map(namePrefix) };
}

/**
 * A cache in the Redis of the messages, where sessions are looked up: a publisher at `user:1:x` must not write the
 * session of that name. Keys of redis_sessions hold no colon behind their prefix, so those are none of ours
 * (RTE-09).
 */
function sessionsOwner(config: Config, spoken: Dialects): readonly Owner[] {
  const { identity, redis } = config;
  const engine = sessionEngine(identity);
  const isCache = engine === "cache" || engine === "cached_db";
  const isElsewhere = identity.redis !== undefined && identity.redis !== redis;
  if (!isCache || isElsewhere || !Object.values(spoken).some((dialect) => dialect.needsIdentity)) return [];
  return [{ label: "the session store (`identity`)", names: sessionNamePrefixes(identity).map(namePrefix) }];
}

/** Does the dialect ask who its visitors are? */
export function needsIdentity(dialects: Dialects, name: string): boolean {
  return dialects[name]?.needsIdentity === true;
}

function show({ kind, name }: RedisName): string {
  return `\`${name}${kind === "prefix" ? "*" : ""}\``;
}
