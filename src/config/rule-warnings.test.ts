// Which rules are said to have no room: none that has one.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { compileGlob } from "../base/glob.ts";
import { ruleWarnings } from "./rule-warnings.ts";

const warned = (...matches: readonly string[]): readonly string[] =>
  ruleWarnings(matches.map((match) => ({ match }))).map(({ text }) => text);

test("T32 a rule behind one that takes all of its rooms is warned of, with that one", () => {
  expect(warned("*", "orders::*")).toEqual([
    'rooms[1] (match "orders::*") never counts: rooms[0] before it (match "*") matches all of its rooms, and the first rule that matches counts',
  ]);
  expect(warned("a", "b", "a")).toEqual([expect.stringContaining("rooms[0] before it")]);
  expect(warned("shop::*", "shop::a*", "shop::42", "shop", "shop:*")).toHaveLength(2);
  expect(warned("user:?::*", "user:1::a", "user:12::a", "user:*")).toHaveLength(1);
  expect(warned("[ab]", "[ab]", "a", "c")).toHaveLength(2);
  expect(warned("orders::*", "*")).toEqual([]);
});

test("a rule that has a room is never warned of", () => {
  const glob = fc.stringMatching(/^[ab*?[\]\\^]{1,5}$/);
  const name = fc.stringMatching(/^[ab*?\\]{0,6}$/);
  fc.assert(
    fc.property(glob, glob, name, (earlier, later, room) => {
      if (warned(earlier, later).length === 0 || !compileGlob(later)(room)) return;
      expect([earlier, later, room, compileGlob(earlier)(room)]).toEqual([earlier, later, room, true]);
    }),
    { numRuns: 20_000, seed: 3 },
  );
});
