import { expect, test } from "bun:test";
import { Fifo } from "./fifo.ts";

test("a list gives its items in the order in which they came, however many went before", () => {
  const fifo = new Fifo<number>();
  expect([fifo.first, fifo.last, fifo.shift(), fifo.length]).toEqual([undefined, undefined, undefined, 0]);
  let next = 0;
  for (let item = 0; item < 10_000; item++) {
    fifo.push(item);
    if (item % 3 !== 0) expect(fifo.shift()).toBe(next++);
    expect([fifo.first, fifo.last, fifo.length]).toEqual(
      next > item ? [undefined, undefined, 0] : [next, item, item + 1 - next],
    );
  }
  expect(fifo.tail((item) => item > 9_997)).toEqual([9_998, 9_999]);
  expect(fifo.tail((item) => item > 9_999)).toEqual([]);
  expect(fifo.tail(() => true)).toHaveLength(fifo.length);
  while (fifo.length > 0) expect(fifo.shift()).toBe(next++);
  expect(fifo.tail(() => true)).toEqual([]);
});
