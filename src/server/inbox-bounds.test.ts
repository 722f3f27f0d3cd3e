// What clients said and what waits for its turn is bounded.

import { expect, test } from "bun:test";
import { FrameQueue } from "./frame-queue.ts";
import { InboxBounds } from "./inbox-bounds.ts";

test("SEC-06 what waits is bounded, for one client and for all; one message of any size may always wait", () => {
  const inboxes = new InboxBounds();
  const queue = new FrameQueue();
  expect(inboxes.hasRoom(queue)).toBe(true);
  queue.push("x".repeat(5_000_000));
  expect(inboxes.hasRoom(queue)).toBe(false);
  queue.shift();
  expect(inboxes.hasRoom(queue)).toBe(true);
  queue.push("x");
  expect(inboxes.hasRoom(queue)).toBe(true);
  inboxes.count(65 * 1024 * 1024);
  expect(inboxes.hasRoom(queue)).toBe(false);
  queue.shift();
  expect(inboxes.hasRoom(queue)).toBe(true);
});
