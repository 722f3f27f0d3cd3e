// Files, pipes and devices as settings may name them: what is there is read, and nothing holds up a start for ever.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../test/support/process.ts";
import { describeFileError, readNamedFile } from "./named-file.ts";

let folder: string;
let pipes = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "belfry-files-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function makePipe(): Promise<string> {
  const path = join(folder, `pipe ${pipes++}`);
  const { code } = await run(["mkfifo", path]);
  expect(code).toBe(0);
  return path;
}

function problemOf(path: string, maxBytes = 100): string {
  try {
    return readNamedFile(path, maxBytes).toString();
  } catch (error) {
    return describeFileError(error);
  }
}

test("T9 a file is read up to its bound", () => {
  const path = join(folder, "plain");
  for (const length of [0, 1, 100, 101, 1_000_000]) {
    writeFileSync(path, "x".repeat(length));
    expect(problemOf(path)).toBe(length > 100 ? "a file that is too long" : "x".repeat(length));
  }
  expect(problemOf(join(folder, "none"))).toBe("no such file");
  expect(problemOf(folder)).toBe("a directory");
});

describe("pipes", () => {
  test("what is written into one is read to its end, in as many pieces as it comes", async () => {
    const path = await makePipe();
    const writer = Bun.spawn(["sh", "-c", 'for n in 1 2 3; do sleep 0.1; printf "$n"; done > "$0"', path]);
    expect(problemOf(path)).toBe("123");
    await writer.exited;
  });

  test("one without an end is not read beyond the bound", async () => {
    const path = await makePipe();
    const writer = Bun.spawn(["sh", "-c", 'exec yes > "$0"', path], { stderr: "ignore" });
    expect(problemOf(path)).toBe("a file that is too long");
    expect(await writer.exited).not.toBe(0);
  });

  test("one into which nobody writes, or that stays open, is a sentence after 5 s", async () => {
    const path = await makePipe();
    const started = performance.now();
    expect(problemOf(path)).toBe("something that did not end within 5 s");
    expect(performance.now() - started).toBeLessThan(7_000);
    const open = await makePipe();
    const writer = Bun.spawn(["sh", "-c", 'exec 3> "$0"; printf x >&3; exec sleep 60', open]);
    expect(problemOf(open)).toBe("something that did not end within 5 s");
    writer.kill();
    await writer.exited;
  }, 30_000);
});

test("devices: nothing is an empty file, what never ends is too long", () => {
  expect(problemOf("/dev/null")).toBe("");
  for (const device of ["/dev/zero", "/dev/urandom"])
    expect(problemOf(device)).toBe("a file that is too long");
});
