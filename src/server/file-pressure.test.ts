// What is done while no descriptor is left, and that it ends.

import { expect, test } from "bun:test";
import { setImmediate } from "node:timers/promises";
import { FilePressure } from "./file-pressure.ts";

function setUp() {
  const state = { has: true, silent: 3 };
  const log: string[] = [];
  const pressure = new FilePressure({
    hasDescriptor: () => state.has,
    endSilent: () => state.silent,
    observe: {
      hint: (event) => log.push(event) > 0,
      refused: (dialect, reason) => void log.push(`${dialect} ${reason}`),
    },
  });
  return { state, log, pressure };
}

/** How long a turn of the event loop takes, ms. */
async function turn(): Promise<number> {
  const started = performance.now();
  await setImmediate();
  return performance.now() - started;
}

test("SEC-06 T11 without a descriptor it says so, ends silent connections, and each turn rests", async () => {
  const { state, log, pressure } = setUp();
  pressure.check();
  expect(log).toEqual([]);
  state.has = false;
  pressure.check();
  expect(log).toEqual(["files_exhausted", "http silent", "http silent", "http silent"]);
  await setImmediate();
  for (let count = 0; count < 3; count++) expect(await turn()).toBeGreaterThanOrEqual(4.5);
  state.has = true;
  for (let count = 0; count < 3; count++) pressure.check();
  expect(await turn()).toBeGreaterThanOrEqual(4.5);
  pressure.check();
  await setImmediate();
  await setImmediate();
  const turns = [await turn(), await turn(), await turn()];
  expect(Math.min(...turns)).toBeLessThan(4.5);
  expect(log.length).toBe(4);
  pressure.stop();
});

test("SEC-06 T11 checks while it lasts begin no second rest, and the end of the listener ends it", async () => {
  const { state, pressure } = setUp();
  state.has = false;
  state.silent = 0;
  for (let count = 0; count < 10; count++) pressure.check();
  await setImmediate();
  expect(await turn()).toBeLessThan(40);
  pressure.stop();
  await setImmediate();
  await setImmediate();
  expect(Math.min(await turn(), await turn(), await turn())).toBeLessThan(4.5);
});
