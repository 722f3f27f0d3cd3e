import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseConfig, readConfigFile, valueAt, withValue } from "./file.ts";

describe("config files", () => {
  test("WSE-01 YAML and JSON are read", () => {
    expect(parseConfig("redis: redis://h\nsocketio:\n  channels: [a, b]\n")).toEqual({
      isOk: true,
      tree: { redis: "redis://h", socketio: { channels: ["a", "b"] } },
    });
    expect(parseConfig('{"drain": 3}')).toEqual({ isOk: true, tree: { drain: 3 } });
  });

  test("WSE-01 an empty file sets nothing", () => {
    expect(parseConfig("")).toEqual({ isOk: true, tree: {} });
    expect(parseConfig("# only a comment\n")).toEqual({ isOk: true, tree: {} });
  });

  test.each([
    ["a: 1\na: 2", "duplicate key at line 2, column 1"],
    ["a: [1,", "at line 1"],
    ["a: !secret x", "tag resolve failed at line 1, column 4"],
    ["- a\n- b", "something else than a section at its top"],
    ["text", "something else than a section at its top"],
    ["a: 1\n---\nb: 2", "multiple docs"],
  ])("WSE-01 a wrong file says where: %j", (text, problem) => {
    const result = parseConfig(text);
    expect(result).toMatchObject({ isOk: false });
    expect(result.isOk ? "" : result.problem).toContain(problem);
  });

  test("SEC-04 a problem repeats nothing of the file", () => {
    for (const text of [
      "secret: hunter2\nhunter2: [",
      "hunter2",
      "a: &hunter2 1\nb: *hunter3",
      "a: !hunter2 x",
      "? [hunter2]: 1",
    ]) {
      expect(JSON.stringify(parseConfig(text))).not.toContain("hunter");
    }
  });

  test("T9 aliases that multiply are refused", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${`*a${i - 1}, `.repeat(10)}]`);
    expect(parseConfig(lines.join("\n"))).toMatchObject({ isOk: false });
    expect(parseConfig("a: &a [*a]")).toMatchObject({ isOk: false });
    expect(parseConfig("[".repeat(100_000))).toMatchObject({ isOk: false });
  });

  test("T20 `__proto__` is a key like any other", () => {
    const result = parseConfig('{"__proto__": {"polluted": 1}}');
    expect(result.isOk && Object.hasOwn(result.tree, "__proto__")).toBe(true);
    expect(({} as { polluted?: number }).polluted).toBe(undefined);
  });

  test("WSE-01 a file that cannot be read is a sentence", async () => {
    const folder = await mkdtemp(join(tmpdir(), "belfry-"));
    const big = join(folder, "big.yaml");
    await writeFile(big, "#".repeat(1024 * 1024 + 1));
    const problems = await Promise.all(
      [join(folder, "none.yaml"), folder, big].map(async (path) => {
        const result = readConfigFile(path);
        return result.isOk ? "" : result.problem.replaceAll(folder, "DIR");
      }),
    );
    await rm(folder, { recursive: true });
    expect(problems).toEqual([
      "Expected a config file at DIR/none.yaml, got no such file",
      "Expected a config file at DIR, got a directory",
      "Expected a config file of at most 1048576 bytes at DIR/big.yaml, got 1048577",
    ]);
  });

  test("S1 100,000 generated files: a tree or a problem, never an exception", () => {
    const words = [
      "listeners",
      "redis",
      ":",
      ": ",
      "\n",
      "\n  ",
      "- ",
      "[",
      "]",
      "{",
      "}",
      ",",
      "&a ",
      "*a",
      "|\n",
      ">",
      '"',
      "'",
      "#",
      "!t",
      "? ",
      "---\n",
      "\t",
      "\u0000",
      "0x1",
      "<<",
    ];
    const pieces = fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 6 })), {
      maxLength: 12,
    });
    let count = 0;
    fc.assert(
      fc.property(pieces, (parts) => {
        count++;
        const result = parseConfig(parts.join(""));
        return result.isOk ? typeof result.tree === "object" : result.problem.length < 200;
      }),
      { numRuns: 100_000 },
    );
    expect(count).toBeGreaterThanOrEqual(100_000);
  }, 60_000);
});

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
