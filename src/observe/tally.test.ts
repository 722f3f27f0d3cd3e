import { expect, test } from "bun:test";
import { Tally } from "./tally.ts";

test("series are kept apart by their labels", () => {
  const tally = new Tally("dialect", "reason");
  tally.at("socketio", "junk").count += 2;
  tally.at("socketio", "slow").bytes += 3;
  tally.at("socketio", "junk").count++;
  expect([...tally.cells()]).toEqual([
    { labels: ["socketio", "junk"], count: 3, bytes: 0 },
    { labels: ["socketio", "slow"], count: 0, bytes: 3 },
  ]);
});

test("SEC-06 the number of series is bounded, and nothing is lost from the sum", () => {
  const tally = new Tally("dialect", "reason");
  for (let index = 0; index < 100_000; index++) tally.at("socketio", `reason-${index}`).count++;
  const cells = [...tally.cells()];
  expect(cells.length).toBe(201);
  expect(cells.at(-1)).toEqual({ labels: ["other", "other"], count: 100_000 - 200, bytes: 0 });
});

test.each(["a b", "a\nb", 'a"b', "", "x".repeat(65), "größe"])(
  "T26 the label %j is counted as other",
  (label) => {
    const tally = new Tally("dialect");
    tally.at(label).count++;
    tally.at(label).count++;
    expect([...tally.cells()]).toEqual([{ labels: ["other"], count: 2, bytes: 0 }]);
  },
);
