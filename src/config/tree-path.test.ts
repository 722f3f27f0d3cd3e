import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { valueAt, withValue } from "./file.ts";

const key = fc.constantFrom("a", "b", "listeners", "__proto__", "constructor");
/** Options stand in sections, and in the one element of a list of sections. */
const path = fc
  .array(fc.oneof(fc.tuple(key), fc.tuple(key, fc.constant(0))), { minLength: 1, maxLength: 3 })
  .map((steps) => steps.flat());
const { tree } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.integer(), fc.array(tie("value"), { maxLength: 2 }), tie("tree")),
  tree: fc.dictionary(fc.constantFrom("a", "b", "listeners", "__proto__"), tie("value"), { maxKeys: 3 }),
}));

describe("a value inside a tree", () => {
  test("WSE-01 sections on the way are made, the rest stays", () => {
    const before = { a: { x: 1, b: { y: 2 } } };
    expect(withValue(before, ["a", "b", "c", "d"], 3)).toEqual({ a: { x: 1, b: { y: 2, c: { d: 3 } } } });
    expect(before).toEqual({ a: { x: 1, b: { y: 2 } } });
    expect(withValue({}, ["listeners", 0, "tls", "cert"], "c")).toEqual({
      listeners: [{ tls: { cert: "c" } }],
    });
  });

  test("WSE-01 what is no section stays for the schema to refuse", () => {
    expect(withValue({ a: 5 }, ["a", "b"], 1)).toEqual({ a: 5 });
    expect(withValue({ a: { b: [1] } }, ["a", "b", "c"], 1)).toEqual({ a: { b: [1] } });
    expect(withValue({ listeners: "x" }, ["listeners", 0, "address"], 1)).toEqual({ listeners: "x" });
    expect(withValue({ listeners: [] }, ["listeners", 0, "address"], 1)).toEqual({ listeners: [] });
  });

  test("T20 100,000 trees: what was put in is there or nothing changed, and no prototype is touched", () => {
    let count = 0;
    fc.assert(
      fc.property(tree, path, (before, path) => {
        count++;
        const after = withValue(before, path, "put");
        if (valueAt(after, path) !== "put") expect(after).toEqual(before);
        expect(valueAt({}, path)).toBe(undefined);
      }),
      { numRuns: 100_000 },
    );
    expect(count).toBeGreaterThanOrEqual(100_000);
    expect("put" in Object.prototype).toBe(false);
  }, 60_000);
});
