// Finds the rule of a room (vocabulary/room-rules.ts) in the list of the config: the first that matches the room's name counts.

import { compileGlob, compileGlobs } from "../base/glob.ts";
import { roomLabel } from "../vocabulary/room-rules.ts";
import type { RoomRule, RoomRules, WrittenRule } from "../vocabulary/room-rules.ts";
import { Remembered } from "../base/remembered.ts";

/** What is remembered of names that were looked up: so many, each of at most so many characters. */
const maxRemembered = 10_000;
const maxRememberedLength = 256;

/** @param openRooms globs of rooms where `publish` is `members`, unless their rule says another. */
export function createRoomRules(
  written: readonly WrittenRule[] = [],
  openRooms: readonly string[] = [],
): RoomRules {
  const rules = written.map((rule) => ({ rule, isMatch: compileGlob(rule.match) }));
  const isOpen = compileGlobs(openRooms);
  const find = (label: string): RoomRule => {
    const index = rules.findIndex(({ isMatch }) => isMatch(label));
    const rule = rules[index]?.rule;
    return {
      index: rule && index,
      join: rule?.join,
      publish: rule?.publish ?? (isOpen(label) ? "members" : "backends"),
      history: rule?.history,
      presence: rule?.presence ?? false,
    };
  };
  const known = new Remembered(maxRemembered, find);
  const hasHistory = written.some(({ history }) => history !== undefined);
  const ruleOf: RoomRules["ruleOf"] = (room, namespace) => {
    const label = roomLabel(room, namespace);
    return label.length <= maxRememberedLength ? known.get(label) : find(label);
  };
  return {
    hasHistory,
    hasPresence: written.some(({ presence }) => presence === true),
    ruleOf,
    hasLog: (room, namespace) => hasHistory && ruleOf(room, namespace).history !== undefined,
  };
}
