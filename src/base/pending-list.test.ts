import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { PendingList } from "./pending-list.ts";

interface Item {
  readonly name: string;
}

class Setup {
  now = 0;
  readonly due: string[] = [];
  readonly list = new PendingList<Item>({
    maxMs: 1_000,
    onDue: ({ name }) => void this.due.push(`${name} at ${this.now}`),
    now: () => this.now,
  });

  add(name: string): number {
    return this.list.add({ name });
  }

  advance(ms: number): void {
    this.now += ms;
    jest.advanceTimersByTime(ms);
  }
}

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

test("each is due after its time, what was taken never is, and one timer serves all", () => {
  const setup = new Setup();
  const { list } = setup;
  setup.add("a");
  setup.advance(400);
  const taken = setup.add("b");
  setup.add("c");
  expect(jest.getTimerCount()).toBe(1);
  expect(list.take(taken)).toEqual({ name: "b" });
  expect(list.take(taken)).toBeUndefined();
  setup.advance(600);
  expect(setup.due).toEqual(["a at 1000"]);
  expect(list.oldest).toEqual({ name: "c" });
  setup.advance(400);
  expect(setup.due).toEqual(["a at 1000", "c at 1400"]);
  expect(list.oldest).toBeUndefined();
  expect(jest.getTimerCount()).toBe(0);
});

test("what is added while another one is due has a whole time of its own", () => {
  const setup = new Setup();
  const list = new PendingList<Item>({
    maxMs: 1_000,
    onDue: ({ name }) => {
      setup.due.push(`${name} at ${setup.now}`);
      if (name === "a") list.add({ name: "b" });
    },
    now: () => setup.now,
  });
  list.add({ name: "a" });
  setup.advance(1_000);
  expect(jest.getTimerCount()).toBe(1);
  setup.advance(1_000);
  expect(setup.due).toEqual(["a at 1000", "b at 2000"]);
});

test("numbers go on over thousands that are taken, in whatever order, and find no other item", () => {
  const { list } = new Setup();
  const first = list.add({ name: "first" });
  for (let round = 0; round < 5; round++) {
    const numbers = Array.from({ length: 1_000 }, (_, index) => list.add({ name: `${round} ${index}` }));
    expect(list.next).toBe(first + 1 + 1_000 * (round + 1));
    for (const [index, number] of [...numbers.entries()].toReversed())
      expect(list.take(number)?.name).toBe(`${round} ${index}`);
    expect(list.oldest?.name).toBe("first");
  }
  expect(list.takeOldest()?.name).toBe("first");
  expect(list.get(first)).toBeUndefined();
  const last = list.add({ name: "last" });
  expect(last).toBe(first + 5_001);
  for (const foreign of [-1, Number.NaN, 0.5, last + 1, first]) expect(list.take(foreign)).toBeUndefined();
  expect(list.takeAll()).toEqual([{ name: "last" }]);
  expect(list.get(last)).toBeUndefined();
  expect(list.next).toBe(last + 1);
});
