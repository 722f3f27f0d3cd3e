// What the gateway itself does for all dialects: which ticks it hands on, on a clock of the test's own.

import { expect, test } from "bun:test";
import { z } from "zod";
import { createConfigSchema } from "../config/schema.ts";
import type { DialectContext } from "../dialects/dialect.ts";
import type { DialectEntry } from "../dialects/entry.ts";
import { dialects as registry } from "../dialects/registry.ts";
import { createGateway } from "./gateway.ts";
import { createObserve } from "../observe/observe.ts";

/** The ticks that a dialect gets of these, and whether deadlines may be judged half a second after each of them. */
async function ticksOf(...times: readonly number[]) {
  const seen: number[] = [];
  let context: DialectContext | undefined;
  const ticked = {
    name: "ticked",
    options: z.strictObject({}),
    redisNames: () => [],
    open(given: DialectContext) {
      context = given;
      const tick = (now: number): void => void seen.push(now);
      return {
        browser: { routes: [], maxMessageBytes: 1, shortestDelayMs: 1_000, tick, clients: () => [] },
      };
    },
  } satisfies DialectEntry<object>;
  const dialects = { ...registry, ticked };
  const listeners = [{ address: "127.0.0.1:0", dialects: ["ticked"] }];
  const config = createConfigSchema(dialects).parse({ listeners });
  const observe = createObserve({
    level: "error",
    format: "json",
    version: "test",
    destination: { write: () => undefined },
  });
  const clock = { now: 0 };
  const gateway = await createGateway(config, { observe, dialects, now: () => clock.now });
  const mayJudge: boolean[] = [];
  for (const now of times) {
    clock.now = now;
    gateway.tick();
    mayJudge.push(context?.mayJudge(now + 500) === true);
  }
  await gateway.stop(0);
  await observe.close();
  return { seen, mayJudge };
}

test("W4R-09 EIO-11 ticks in time reach every dialect", async () => {
  const { seen, mayJudge } = await ticksOf(250, 500, 1_500);
  expect(seen).toEqual([250, 500, 1_500]);
  expect(mayJudge).toEqual([true, true, true]);
});

test("WSC-10 W4R-09 EIO-11 the first tick after a pause is left out: answers of clients are there, but unread", async () => {
  const { seen, mayJudge } = await ticksOf(250, 90_000, 90_250);
  expect(seen).toEqual([250, 90_250]);
  expect(mayJudge).toEqual([true, false, true]);
  expect((await ticksOf(60_000, 60_250)).seen).toEqual([60_250]);
});

test("WSC-10 EIO-11 a process that is always late still ends clients that are gone", async () => {
  expect((await ticksOf(2_000, 4_000, 6_000, 8_000)).seen).toEqual([4_000, 8_000]);
});
