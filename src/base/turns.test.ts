// What waits goes round: nobody is worked off whole while others wait, and the event loop has its turns in between.

import { expect, test } from "bun:test";
import { setImmediate } from "node:timers/promises";
import type { Worker } from "./turns.ts";
import { Turns } from "./turns.ts";

/** Time goes on with each piece of work, by a millisecond. */
class Setup {
  now = 0;
  readonly log: string[] = [];
  readonly turns = new Turns(() => this.now);

  worker(name: string, pieces: number): Worker {
    let left = pieces;
    return {
      work: () => {
        this.now++;
        this.log.push(name);
        return --left > 0;
      },
    };
  }
}

test("SEC-06 those who wait go round, a piece each, for a few milliseconds a turn", async () => {
  const { turns, log, worker } = bound(new Setup());
  turns.add(worker("a", 6));
  turns.add(worker("b", 2));
  turns.add(worker("c", 1));
  expect(log).toEqual([]);
  await setImmediate();
  expect(log.join("")).toBe("abcab");
  await setImmediate();
  expect(log.join("")).toBe("abcabaaaa");
  await setImmediate();
  expect(log.length).toBe(9);
});

test("SEC-06 who has nothing waiting is handled at once, until the turn's time is over", async () => {
  const setup = new Setup();
  expect(setup.turns.isOpen()).toBe(true);
  setup.now += 4;
  expect(setup.turns.isOpen()).toBe(true);
  setup.now += 1;
  expect(setup.turns.isOpen()).toBe(false);
  setup.now += 100;
  expect(setup.turns.isOpen()).toBe(false);
  await setImmediate();
  expect(setup.turns.isOpen()).toBe(true);
});

test("SEC-14 at the end all that waits is handled", async () => {
  const { turns, log, worker } = bound(new Setup());
  turns.add(worker("a", 20));
  turns.add(worker("b", 1));
  turns.finish();
  expect(log.length).toBe(21);
  await setImmediate();
  expect(log.length).toBe(21);
});

function bound(setup: Setup) {
  return { turns: setup.turns, log: setup.log, worker: setup.worker.bind(setup) };
}
