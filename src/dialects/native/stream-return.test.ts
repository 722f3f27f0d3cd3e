// What a stream says first, and which of it moves the browser's last id.

import { expect, test } from "bun:test";
import type { Answer } from "../../recovery/recovery.ts";
import { MissedTexts } from "./missed-texts.ts";
import { arrivalFrames } from "./stream-return.ts";

test("F12 I10 verdicts have no place before the last one: a client that has some of them lacks the others", () => {
  const answer: Answer = { verdict: { recovered: false, reason: "gap" }, at: "marker.7" };
  const frames = arrivalFrames({
    rooms: ["a", "b", "c"],
    answers: [answer, answer, answer],
    maxBytes: 1_000,
    texts: new MissedTexts(),
  });
  expect(frames.map((frame) => frame.includes("id: "))).toEqual([false, false, true]);
  expect(frames.map((frame) => /"room":"(.)"/.exec(frame)?.[1])).toEqual(["a", "b", "c"]);
});
