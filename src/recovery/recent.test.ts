import { expect, test } from "bun:test";
import fc from "fast-check";
import { Recent } from "./recent.ts";

test("any order of calls forgets what a map in the order of its calls would", () => {
  const call = fc.tuple(fc.constantFrom("set", "set", "set", "delete"), fc.nat(8));
  fc.assert(
    fc.property(fc.array(call, { maxLength: 200 }), (calls) => {
      const recent = new Recent(4);
      const model = new Map<string, number>();
      for (const [value, [kind, name]] of calls.entries()) {
        const key = String(name);
        model.delete(key);
        if (kind === "delete") recent.delete(key);
        else {
          model.set(key, value);
          const [oldest] = model;
          const forgotten = model.size > 4 ? oldest : undefined;
          if (forgotten) model.delete(forgotten[0]);
          expect(recent.set(key, value)).toBe(forgotten?.[1]);
        }
        for (let other = 0; other <= 8; other++)
          expect(recent.get(String(other))).toBe(model.get(String(other)));
      }
    }),
  );
  const recent = new Recent(4);
  recent.set("a", 1);
  recent.clear();
  expect(recent.get("a")).toBeUndefined();
});
