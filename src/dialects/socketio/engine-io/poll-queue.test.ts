import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import type { Frame } from "../../../core/carrier.ts";
import { defaultLimits } from "../../../vocabulary/limits.ts";
import { PollQueue } from "./poll-queue.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const create = (maxPackets = Number.POSITIVE_INFINITY): PollQueue =>
  new PollQueue({ maxPackets, context: { limits: defaultLimits, now: () => 0 } });

/** One poll that is not refused; its caller sends the answer. */
const unsentPollOf = async (queue: PollQueue): Promise<readonly Frame[]> => {
  const frames = await queue.poll();
  if (!frames) throw new Error("Expected frames, got a refusal");
  return frames;
};

/** One poll whose answer goes out at once. */
const pollOf = async (queue: PollQueue): Promise<readonly Frame[]> => {
  const frames = await unsentPollOf(queue);
  queue.sent(frames);
  return frames;
};

test("EIO-06 SEC-06 a poll takes all that is queued, which counts with what it costs until it was sent", async () => {
  const queue = create();
  queue.push(["4a", Uint8Array.of(1)]);
  queue.push(["4é"]);
  expect(queue.bytes).toBe(2 + 1 + 3 + 3 * 256);
  const frames = await unsentPollOf(queue);
  expect(frames).toEqual(["4a", Uint8Array.of(1), "4é"]);
  expect(queue.bytes).toBe(2 + 1 + 3 + 3 * 256);
  queue.sent(frames);
  expect(queue.bytes).toBe(0);
  expect(queue.isHeld).toBe(false);
});

test("EIO-06 a held poll gets everything of the turn in which it ends, once", async () => {
  const queue = create();
  const held = pollOf(queue);
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
  const held = pollOf(queue);
  queue.push(frames);
  const answers = [await held, await pollOf(queue), await pollOf(queue)];
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
  expect(await unsentPollOf(queue)).toEqual(["4a"]);
});

test("SEC-06 idle time counts from the last sign of reading", async () => {
  let now = 1_000;
  const queue = new PollQueue({ maxPackets: 2, context: { limits: defaultLimits, now: () => now } });
  now = 1_500;
  expect(queue.idleMs).toBe(500);
  const held = pollOf(queue);
  now = 9_000;
  expect(queue.idleMs).toBe(0);
  queue.push(["4a"]);
  await held;
  now = 9_100;
  expect(queue.idleMs).toBe(100);
});

test("SEC-06 an answer takes a mebibyte, and the frame that passes it: the rest is for the next poll", async () => {
  const queue = create();
  const frames = Array.from({ length: 25 }, (_, index) => `4${index} `.padEnd(100_000 - 256, "x"));
  queue.push([...frames, `4${"y".repeat(5_000_000)}`, "4z"]);
  const counts: number[] = [];
  const heard: Frame[] = [];
  while (queue.bytes > 0) {
    const answer = await pollOf(queue);
    counts.push(answer.length);
    heard.push(...answer);
  }
  expect(counts).toEqual([11, 11, 4, 1]);
  expect(heard.slice(0, 25)).toEqual(frames);
  // Many small ones are many, though their characters are few.
  queue.push(Array.from({ length: 20_000 }, () => "4a"));
  expect((await unsentPollOf(queue)).length).toBeLessThan(5_000);
});

test("SEC-06 one answer is on its way at a time: the next poll is held until it was sent", async () => {
  const queue = create();
  queue.push(["4a"]);
  const first = await unsentPollOf(queue);
  queue.push(["4b"]);
  const second = queue.poll();
  expect(queue.isHeld).toBe(true);
  let isAnswered = false;
  void Promise.resolve(second).then(() => (isAnswered = true));
  queue.push(["4c"]);
  queue.sent(["4a"]); // another one's
  await Promise.resolve();
  await Promise.resolve();
  expect(isAnswered).toBe(false);
  queue.sent(first);
  expect(await second).toEqual(["4b", "4c"]);
});

test("SEC-06 who takes nothing of its answer is idle, whether it polls meanwhile or not", async () => {
  let now = 0;
  const queue = new PollQueue({ maxPackets: 16, context: { limits: defaultLimits, now: () => now } });
  queue.push(["4a"]);
  const frames = await unsentPollOf(queue);
  now = 500;
  queue.progressed();
  now = 2_000;
  expect(queue.idleMs).toBe(1_500);
  void queue.poll();
  now = 3_000;
  expect(queue.idleMs).toBe(1_000);
  queue.sent(frames);
  expect(queue.idleMs).toBe(0);
});

test("EIO-14 SEC-06 the end goes out behind an answer that is on its way", async () => {
  const queue = create();
  queue.push(["4a"]);
  const first = await unsentPollOf(queue);
  const second = queue.poll();
  queue.end("1");
  expect(queue.isSpent).toBe(false);
  queue.sent(first);
  expect(await second).toEqual(["1"]);
  expect(queue.isSpent).toBe(true);
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
          else if (!queue.isHeld) answers.push(pollOf(queue));
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

test("EIO-13 a held poll can be refused, and what is queued stays", async () => {
  const queue = create();
  const held = queue.poll();
  queue.release(undefined);
  expect(await held).toBeUndefined();
  queue.push(["4a"]);
  expect(await pollOf(queue)).toEqual(["4a"]);
});
