import { expect, test } from "bun:test";
import { GatewayError } from "../../vocabulary/errors.ts";
import { BatchedKeys } from "./batched-keys.ts";

/** A bus whose keys hold their own names, but for `absent`; it notes what it is asked. */
function notingBus(failure?: Error) {
  const asked: (readonly string[])[] = [];
  const getBytes = async (names: readonly string[]) => {
    asked.push(names);
    if (failure) throw failure;
    return names.map((name) => (name === "absent" ? undefined : Buffer.from(name)));
  };
  return { asked, keys: new BatchedKeys({ getBytes }) };
}

test("W4R-04 those of one turn are asked for together, each name once, and each gets its own in its order", async () => {
  const { asked, keys } = notingBus();
  const read = await Promise.all([keys.read(["a", "b"]), keys.read(["b", "absent", "a"]), keys.read([])]);
  expect(read.map((values) => values.map((value) => value?.toString()))).toEqual([
    ["a", "b"],
    ["b", undefined, "a"],
    [],
  ]);
  expect(asked).toEqual([["a", "b", "absent"]]);
  await keys.read(["a"]);
  expect(asked).toHaveLength(2);
});

test("SEC-06 one question has a bound", async () => {
  const { asked, keys } = notingBus();
  const names = Array.from({ length: 2_500 }, (_, number) => `${number}`);
  const read = await Promise.all(names.map(async (name) => keys.read([name])));
  expect(read.map(([value]) => value?.toString())).toEqual(names);
  expect(asked.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
});

test("SEC-02 when Redis cannot be asked, everyone is told, and the next are asked anew", async () => {
  const { asked, keys } = notingBus(new GatewayError("bus_unavailable", "away"));
  const results = await Promise.allSettled([keys.read(["a"]), keys.read(["b"])]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await Promise.allSettled([keys.read(["a"])]);
  expect(asked).toEqual([["a", "b"], ["a"]]);
});
