// The short part of `npm run faults`: real gateways, Redis and clients, faults that heal within a second or two, and an
// oracle that asks no gateway; and a rolling restart. Silent links, longer runs and further seeds are for `npm run faults`.

import { expect, test } from "bun:test";
import { Book } from "../faults/book.ts";
import { brisk, campaign, hurried } from "../faults/campaign.ts";
import type { Campaign } from "../faults/campaign.ts";
import { judge } from "../faults/oracle.ts";
import { tableOf } from "../faults/report.ts";
import type { System } from "../faults/system.ts";
import { belfry, belfrySocketIo } from "../faults/systems/belfry.ts";

/** With clients of each kind: plain websockets, event streams, pages of Socket.IO. */
const system: System = {
  ...belfry,
  client: async (parts, index) => (index % 4 === 0 ? belfrySocketIo : belfry).client(parts, index),
};

async function play(plan: Campaign) {
  const book = new Book();
  await campaign(plan, system, (event) => {
    book.enter(event);
  });
  const findings = judge(book);
  return { findings, table: tableOf(book, findings) };
}

test("F1 F3 F4 F9 F12 F14 R1 I1 I3 I4 I10 nothing is lost unsaid, told late, falsely recovered, repeated or reordered", async () => {
  const { findings, table } = await play({
    seed: 3,
    seconds: 4,
    clients: 30,
    rooms: 9,
    rate: 100,
    pace: hurried,
    names: [
      "F4 subscribers killed",
      "F9 gateway killed",
      "F3 link reset",
      "F1 Redis restarts with its data",
      "F1 Redis restarts empty",
    ],
  });
  const { lost, late, falselyRecovered, repeated, reordered, misplaced } = findings;
  const failures = [lost, late, falselyRecovered, repeated, reordered, misplaced].flat();
  expect(failures, table).toEqual([]);
  // It was a run worth the name.
  expect(findings.faults, table).toBeGreaterThanOrEqual(2);
  expect(findings.returns, table).toBeGreaterThan(30);
  expect(findings.told, table).toBeGreaterThan(10);
  expect(findings.deliveries, table).toBeGreaterThan(2_000);
}, 60_000);

test("F10 F12 I1 I3 I10 a rolling restart: both gateways are drained and replaced in turn, and every client is recovered", async () => {
  const plan = { seed: 5, seconds: 1, clients: 30, rooms: 9, rate: 100, pace: brisk };
  const { findings, table } = await play({ ...plan, names: ["F10 rolling restart"] });
  const { lost, late, falselyRecovered, repeated, reordered, misplaced, notRecovered } = findings;
  expect([lost, late, falselyRecovered, repeated, reordered, misplaced, notRecovered].flat(), table).toEqual(
    [],
  );
  expect(findings.faults, table).toBe(2);
  expect(findings.returns, table).toBeGreaterThan(30);
  expect(findings.deliveries, table).toBeGreaterThan(1_000);
}, 60_000);
