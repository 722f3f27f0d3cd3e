import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { PollQueue } from "./poll-queue.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const create = (maxPackets = Number.POSITIVE_INFINITY): PollQueue =>
  new PollQueue({ maxPackets, now: () => 0 });

test("EIO-06 a poll takes all that is queued", async () => {
  const queue = create();
  queue.push(["4a", Uint8Array.of(1)]);
  queue.push(["4b"]);
  expect(queue.bytes).toBe(5);
  expect(await queue.poll()).toEqual(["4a", Uint8Array.of(1), "4b"]);
  expect(queue.bytes).toBe(0);
  expect(queue.isHeld).toBe(false);
});

test("EIO-06 a held poll gets everything of the turn in which it ends, once", async () => {
  const queue = create();
  const held = queue.poll();
  expect(queue.isHeld).toBe(true);
  queue.push(["4a"]);
  queue.push(["4b", "4c"]);
  expect(queue.isHeld).toBe(true);
  expect(await held).toEqual(["4a", "4b", "4c"]);
  expect(queue.isHeld).toBe(false);
  const next = queue.poll();
  queue.push(["4d"]);
  expect(await next).toEqual(["4d"]);
});

test("EIO-06 the Python client gets 16 packets at a time, in order", async () => {
  const queue = create(16);
  const frames = Array.from({ length: 40 }, (_, index) => `4${index}`);
  const held = queue.poll();
  queue.push(frames);
  const answers = [await held, await queue.poll(), await queue.poll()];
  expect(answers.map((answer) => answer.length)).toEqual([16, 16, 8]);
  expect(answers.flat()).toEqual(frames);
  expect(queue.bytes).toBe(0);
});

test("EIO-13 a held poll is released with a noop, what is queued stays for the websocket", async () => {
  const queue = create();
  const held = queue.poll();
  queue.release(["6"]);
  queue.push(["4a"]);
  expect(await held).toEqual(["6"]);
  expect(queue.takeAll()).toEqual(["4a"]);
  queue.release(["6"]);
  queue.flush();
  expect(queue.isHeld).toBe(false);
});

test("EIO-13 frames of the turn in which a held poll is released are not lost", async () => {
  const queue = create();
  const held = queue.poll();
  queue.push(["4a"]);
  queue.release(["6"]);
  expect(await held).toEqual(["6"]);
  expect(await queue.poll()).toEqual(["4a"]);
});

test("SEC-06 idle time counts from the last sign of reading", async () => {
  let now = 1_000;
  const queue = new PollQueue({ maxPackets: 2, now: () => now });
  now = 1_500;
  expect(queue.idleMs).toBe(500);
  const held = queue.poll();
  now = 9_000;
  expect(queue.idleMs).toBe(0);
  queue.push(["4a"]);
  await held;
  now = 9_100;
  expect(queue.idleMs).toBe(100);
});

test("SIO-14 under any schedule every frame comes out once, in order", async () => {
  const steps = fc.array(fc.constantFrom("push", "push two", "poll", "turn"), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.constantFrom(1, 3, 16, Number.POSITIVE_INFINITY),
      async (schedule, maxPackets) => {
        const queue = create(maxPackets);
        const answers: Promise<readonly unknown[]>[] = [];
        let sent = 0;
        for (const step of schedule) {
          if (step === "turn") await Promise.resolve();
          else if (step === "push") queue.push([`4${sent++}`]);
          else if (step === "push two") queue.push([`4${sent++}`, `4${sent++}`]);
          else if (!queue.isHeld) answers.push(Promise.resolve(queue.poll()));
        }
        queue.release([]);
        const got = (await Promise.all(answers)).flat();
        const all = [...got, ...queue.takeAll()];
        expect(all).toEqual(Array.from({ length: sent }, (_, index) => `4${index}`));
        expect(queue.bytes).toBe(0);
      },
    ),
    { numRuns: 2_000 },
  );
});
