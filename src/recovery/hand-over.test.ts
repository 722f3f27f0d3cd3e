// When a gateway asks the others for their tapes, with a bus that carries questions when the test says so.

import { expect, test } from "bun:test";
import { formatMarker } from "../brokers/marker.ts";
import type { Peers } from "../peers/peers.ts";
import { HandOver } from "./hand-over.ts";
import { TapeRecovery } from "./tape-recovery.ts";
import { TapeSources } from "./tape-wire.ts";

test("behind a gap the others are asked once the bus carries questions: what receives may be back before what sends", async () => {
  const now = performance.now.bind(performance);
  const recovery = new TapeRecovery({ maxAgeMs: 1_000, maxBytes: 1e6, now });
  const asked: string[] = [];
  /** What the bus says, one time after the other; then it is ready. */
  const states = [false, false];
  const peers: Peers = {
    self: "a",
    others: ["b"],
    async ask(topic) {
      asked.push(`${topic}, ${states.length} to come`);
      return { answers: new Map(), silent: [] };
    },
    askOne: async () => undefined,
    answer: () => undefined,
  };
  const handOver = new HandOver({
    peers,
    recovery,
    sources: new TapeSources(),
    observe: { log: () => undefined, skipped: () => undefined },
    isReady: () => states.shift() ?? true,
    maxMs: 10_000,
    maxBytes: 1e6,
    now,
  });
  recovery.step();
  recovery.mark(formatMarker({ source: "a".repeat(24), line: "00000001", number: 1 }));
  await handOver.takeOver();
  expect(asked).toEqual(["tape, 0 to come"]);
});
