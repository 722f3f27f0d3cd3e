// What is read from a file is what was written there, and a run that was killed in the midst of a line is not lost.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HistoryFile, readHistory } from "./history-file.ts";
import type { HistoryEvent } from "./history.ts";

const folder = mkdtempSync(join(tmpdir(), "history-test-"));
const path = join(folder, "history.jsonl");
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const history = Array.from({ length: 2_000 }, (_, t): HistoryEvent => ({
  kind: "heard",
  t,
  client: "né",
  room: "log:1",
  id: `p#${t}`,
  at: "e:1.x",
}));

async function read(): Promise<readonly HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  await readHistory(path, (event) => {
    events.push(event);
  });
  return events;
}

test("a history is read as it was written, and without a last line that was cut off", async () => {
  {
    await using file = new HistoryFile(path);
    for (const event of history) file.write(event);
  }
  expect(await read()).toEqual(history);
  truncateSync(path, Bun.file(path).size - 20);
  expect(await read()).toEqual(history.slice(0, -1));
});
