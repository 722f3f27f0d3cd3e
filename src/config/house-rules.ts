// What is wrong between the sections of a config, each of them being right: names that overlap, an identity that nobody
// can find out, pages of any site that would speak with a visitor's cookie. All of it refuses to start (SEC-02).

import { readsCookies } from "../auth/django/options.ts";
import { identityProblem } from "../auth/django/problem.ts";
import { readUsernameMapping, usernameKeyPrefix } from "../auth/django/username.ts";
import { namePrefix, overlap } from "../core/redis-name.ts";
import type { Config } from "./config.ts";
import { dialectNames, needsIdentity, overlappingNames, ownersOf } from "./redis-names.ts";

/** Sentences, each with the option that it is about. */
export interface RuleProblem {
  readonly path: readonly PropertyKey[];
  readonly text: string;
}

export function houseProblems(config: Config): readonly RuleProblem[] {
  return [...overlappingNames(config).map((text) => ({ path: [], text })), ...identityProblems(config)];
}

/** Only where some dialect asks who its visitors are. */
function identityProblems(config: Config): readonly RuleProblem[] {
  const asking = config.listeners
    .map(({ dialects: spoken, origins }, index) => ({ names: spoken.filter(needsIdentity), origins, index }))
    .filter(({ names }) => names.length > 0);
  if (asking.length === 0) return [];
  const problem = identityProblem(config.identity) ?? usernameKeyProblem(config);
  const problems = problem === undefined ? [] : [{ path: ["identity"], text: problem }];
  const open = readsCookies(config.identity) ? asking.filter(({ origins }) => origins === "*") : [];
  return [
    ...problems,
    ...open.map(({ names, index }) => ({
      path: ["listeners", index, "origins"],
      text: `Expected a list of origins for ${names.join(", ")}, whose visitors are known by their cookies, got \`*\`: any site could speak in their name (W4R-16)`,
    })),
  ];
}

/** Whoever may publish or persist under names of another owner must not write user names there (SEC-03). */
function usernameKeyProblem(config: Config): string | undefined {
  const key = usernameKeyPrefix(readUsernameMapping(config.identity.username));
  if (key === undefined) return undefined;
  const owners = ownersOf(config, dialectNames()).filter(({ names }) =>
    names.some((owned) => overlap(owned, namePrefix(key))),
  );
  if (owners.length === 0) return undefined;
  const labels = owners.map(({ label }) => label).join(" and ");
  return `Expected the Redis key of \`identity.username\` outside of the names of ${labels}, got \`${key}\` (SEC-03)`;
}
