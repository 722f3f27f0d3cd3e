import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { judge } from "./load.ts";
import { createConfigModel } from "./model.ts";

const model = createConfigModel();
const { options, profiles } = model;
const keys = [...new Set(options.flatMap(({ path }) => path.map(String)))].concat(
  "__proto__",
  "constructor",
  "x",
);
const names = options.map(({ name }) => name);
const variables = options
  .map(({ variable }) => variable)
  .concat(profiles.flatMap((own) => [...own.variables, ...own.refused].map(({ name }) => name)));

const leaf = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.constantFrom(":1", "127.0.0.1:8899", "*", "http://a", "redis://h", "unix://", "socketio", "true", "5"),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const { tree } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie("value"), { maxLength: 3 }), tie("tree")),
  tree: fc.dictionary(fc.constantFrom(...keys), tie("value"), { maxKeys: 4 }),
}));
const text = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom("1", "on", ":1", "a=b", "redis://:p@h", "*"),
);

describe("whatever is configured", () => {
  test("S1 100,000 generated configs: one that runs or sentences, never an exception", () => {
    let count = 0;
    let right = 0;
    fc.assert(
      fc.property(
        fc.option(tree, { nil: {} }),
        fc.dictionary(fc.constantFrom(...variables), text, { maxKeys: 3 }),
        fc.dictionary(fc.constantFrom(...names), fc.oneof(text, fc.array(text, { maxLength: 2 })), {
          maxKeys: 2,
        }),
        fc.constantFrom(undefined, ...profiles),
        fc.boolean(),
        (file, env, flags, profile, hasFlags) => {
          count++;
          const input = {
            options,
            env,
            flags: new Map(Object.entries(flags)),
            file: { path: "f", tree: file as Record<string, unknown> },
            profile,
            profileFlags: hasFlags ? profile?.flags : [],
          };
          const judged = judge(input, model);
          if (judged.isOk) right++;
          return (
            judged.isOk || judged.problems.every((problem) => /^(Expected|Unknown option) .+/.test(problem))
          );
        },
      ),
      { numRuns: 100_000 },
    );
    expect(count).toBeGreaterThanOrEqual(100_000);
    expect(right).toBeGreaterThan(1_000);
    expect(({} as Record<string, unknown>)["x"]).toBe(undefined);
  }, 120_000);
});
