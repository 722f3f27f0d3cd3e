import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BucketTable, TokenBucket } from "./rate-limit.ts";

const rate = { perSecond: 2, burst: 5 };

describe("a bucket", () => {
  test("SEC-06 a burst passes, then the rate", () => {
    const bucket = new TokenBucket(rate, 0);
    const taken = (now: number): number => {
      let count = 0;
      while (bucket.take(now)) count++;
      return count;
    };
    expect(taken(0)).toBe(5);
    expect(taken(499)).toBe(0);
    expect(taken(500)).toBe(1);
    expect(taken(2_000)).toBe(3);
    expect(taken(1_000_000)).toBe(5);
  });

  test("asking takes nothing", () => {
    const bucket = new TokenBucket({ perSecond: 0.001, burst: 1 }, 0);
    for (let index = 0; index < 10; index++) expect(bucket.hasToken(0)).toBe(true);
    expect(bucket.take(0)).toBe(true);
    expect(bucket.hasToken(0)).toBe(false);
  });

  test("a clock that steps back gives nothing away, and takes nothing", () => {
    expect(new TokenBucket({ perSecond: 1, burst: 1 }, 10_000).take(0)).toBe(true);
    const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, 10_000);
    expect(bucket.take(10_000)).toBe(true);
    expect(bucket.take(0)).toBe(false);
    expect(bucket.take(10_999)).toBe(false);
    expect(bucket.take(11_000)).toBe(true);
  });

  test("100,000 histories: never more than the burst plus the rate", () => {
    const property = fc.property(fc.array(fc.nat(700), { maxLength: 30 }), (steps) => {
      const bucket = new TokenBucket(rate, 0);
      let now = 0;
      let taken = 0;
      for (const step of steps) {
        now += step;
        if (bucket.take(now)) taken++;
      }
      expect(taken).toBeLessThanOrEqual(rate.burst + (now / 1_000) * rate.perSecond + 1e-6);
    });
    fc.assert(property, { numRuns: 100_000 });
  }, 60_000);
});

describe("a table of buckets", () => {
  test("each key has its own", () => {
    const table = new BucketTable({ perSecond: 1, burst: 1 }, 10);
    expect(table.take("a", 0)).toBe(true);
    expect(table.take("a", 0)).toBe(false);
    expect(table.hasToken("a", 0)).toBe(false);
    expect(table.take("b", 0)).toBe(true);
    expect(table.hasToken("a", 1_000)).toBe(true);
  });

  test("SEC-06 the number of keys is bounded; the one used longest ago goes first", () => {
    const table = new BucketTable({ perSecond: 0.001, burst: 1 }, 100);
    for (let index = 0; index < 100; index++) table.take(`k${index}`, 0);
    table.take("k0", 0);
    for (let index = 100; index < 10_000; index++) {
      table.take(`k${index}`, 0);
      expect(table.take("k0", 0)).toBe(false);
      expect(table.size).toBeLessThanOrEqual(100);
    }
    expect(table.hasToken("k0", 0)).toBe(false);
    expect(table.hasToken("k9999", 0)).toBe(false);
    expect(table.hasToken("k1", 0)).toBe(true);
  });

  test("SEC-06 keys whose bucket is full again are forgotten when others come", () => {
    const table = new BucketTable({ perSecond: 1, burst: 1 }, 1_000);
    for (let index = 0; index < 1_000; index++) table.take(`k${index}`, 0);
    for (let index = 0; index < 600; index++) table.take("same", 2_000 + index * 2_000);
    for (let index = 0; index < 600; index++) table.take(`new${index}`, 2_000_000);
    expect(table.size).toBeLessThan(605);
  });

  test("asking about a key does not make one", () => {
    const table = new BucketTable({ perSecond: 1, burst: 1 }, 10);
    expect(table.hasToken("a", 0)).toBe(true);
    expect(table.size).toBe(0);
    expect(new BucketTable({ perSecond: 0, burst: 0 }, 10).hasToken("a", 0)).toBe(false);
  });
});
