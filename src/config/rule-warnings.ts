// Rules of rooms that can never match, because a rule before them takes all that they would (T32): the first that matches counts.

import { compileGlob } from "../base/glob.ts";
import type { WrittenRule } from "../vocabulary/room-rules.ts";
import type { StartWarning } from "../dialects/profile.ts";

/** Those that are certain, and no others: an equal `match`, one name, and all names with a beginning. */
export function ruleWarnings(rules: readonly Pick<WrittenRule, "match">[]): readonly StartWarning[] {
  return rules.flatMap(({ match }, index) => {
    const before = rules.slice(0, index).findIndex((earlier) => covers(earlier.match, match));
    if (before === -1) return [];
    const text = `rooms[${index}] (match ${JSON.stringify(match)}) never counts: rooms[${before}] before it (match ${JSON.stringify(rules[before]?.match)}) matches all of its rooms, and the first rule that matches counts`;
    return [{ code: "rule_without_rooms", text }];
  });
}

function covers(earlier: string, match: string): boolean {
  if (earlier === match) return true;
  if (!/[*?[\\]/.test(match)) return compileGlob(earlier)(match);
  const [, beginning] = /^([^*?[\\]*)\*+$/.exec(earlier) ?? [];
  return beginning !== undefined && match.startsWith(beginning);
}
