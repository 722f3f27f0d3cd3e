// Pages against a model: what gateways have, put together and sorted.

import { expect, test } from "bun:test";
import { Random } from "../../test/support/random.ts";
import { firstOf, merge } from "./page.ts";

interface Row {
  readonly place: number;
  readonly count: number;
}

const compare = (a: Row, b: Row): number => a.place - b.place;
const join = (a: Row, b: Row): Row => ({ place: a.place, count: a.count + b.count });

/** Rows as one gateway pages them: `cut` of them at most, as where they are large. */
async function pageOf(rows: readonly Row[], after: number, { limit, cut }: { limit: number; cut: number }) {
  const isMeant = ({ place }: Row): boolean => place > after;
  const page = await firstOf(rows, { limit, compare, isMeant, show: (row) => row });
  if (page.rows.length <= cut) return page;
  return { rows: page.rows.slice(0, cut), hasMore: true };
}

test("10,000 walks over the pages of one to four gateways find every place once, in order, with all of its counts", async () => {
  const random = new Random(4_242);
  for (let run = 0; run < 10_000; run++) {
    const gateways = Array.from({ length: 1 + random.below(4) }, () => {
      const places = new Set(Array.from({ length: random.below(40) }, () => random.below(60)));
      return [...places].map((place) => ({ place, count: 1 + random.below(3) }));
    });
    const truth = new Map<number, number>();
    for (const { place, count } of gateways.flat()) truth.set(place, (truth.get(place) ?? 0) + count);
    const limit = 1 + random.below(12);
    const found: Row[] = [];
    let hasMore = true;
    while (hasMore) {
      const after = found.at(-1)?.place ?? -1;
      const pages = await Promise.all(
        gateways.map(async (rows) => pageOf(rows, after, { limit, cut: 1 + random.below(12) })),
      );
      const page = merge(pages, { limit, compare, join });
      expect(page.rows.length).toBeLessThanOrEqual(limit);
      if (page.hasMore) expect(page.rows.length).toBeGreaterThan(0);
      found.push(...page.rows);
      ({ hasMore } = page);
    }
    expect(found.map(({ place, count }) => [place, count])).toEqual([...truth].sort(([a], [b]) => a - b));
  }
});

test("what ends and begins again while a list is made is in it once", async () => {
  const rows = Array.from({ length: 5_000 }, (_, place) => ({ place, count: 1 }));
  const again = rows.slice(0, 50).map(({ place }) => ({ place, count: 2 }));
  const all = { limit: 100, compare, isMeant: () => true, show: (row: Row) => row };
  const page = await firstOf([...rows, ...again], all);
  expect(page.rows.map(({ place }) => place)).toEqual(Array.from({ length: 100 }, (_, place) => place));
  expect(page.rows.filter(({ count }) => count === 2)).toHaveLength(50);
});

test("a page ends before it is larger than gateways send each other, and has one row in any case", async () => {
  const rows = Array.from({ length: 1_000 }, (_, place) => ({ place, count: 1 }));
  const large = { limit: 1_000, compare, isMeant: () => true };
  const page = await firstOf(rows, { ...large, show: ({ place }) => `${place} ${"x".repeat(1_000)}` });
  expect(page.hasMore).toBe(true);
  expect(JSON.stringify(page).length).toBeLessThan(270_000);
  const one = await firstOf(rows, { ...large, show: () => "x".repeat(300_000) });
  expect([one.rows.length, one.hasMore]).toEqual([1, true]);
});
