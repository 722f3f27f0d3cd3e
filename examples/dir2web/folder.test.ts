import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Folder } from "./folder.ts";
import type { Change } from "./folder.ts";

let path: string;
let changes: Change[];
let wake = Promise.withResolvers<void>();

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "belfry-folder-"));
  changes = [];
});

afterEach(() => {
  rmSync(path, { recursive: true, force: true });
});

async function watch(): Promise<Folder> {
  return Folder.watch(path, async (change) => {
    changes.push(change);
    wake.resolve();
    wake = Promise.withResolvers<void>();
  });
}

function write(name: string, text: string): void {
  writeFileSync(join(path, name), text);
}

async function expectChanges(...expected: readonly string[]): Promise<void> {
  while (changes.length < expected.length) await wake.promise;
  expect(changes.splice(0).map(({ file, data }) => `${file} ${data}`)).toEqual([...expected]);
}

describe("a watched folder", () => {
  test("says what was created, modified and deleted", async () => {
    write("old.txt", "old");
    using folder = await watch();
    expect(folder.files).toEqual([{ name: "old.txt", size: 3 }]);
    write("new.txt", "1");
    await expectChanges("new.txt created");
    write("new.txt", "22");
    await expectChanges("new.txt modified");
    rmSync(join(path, "old.txt"));
    await expectChanges("old.txt deleted");
    expect(folder.files).toEqual([{ name: "new.txt", size: 2 }]);
    expect(await folder.read("new.txt")).toBe("22");
    expect(await folder.read("old.txt")).toBeUndefined();
  });

  test("a save by way of a temporary file is a modification", async () => {
    write("a.txt", "1");
    using _folder = await watch();
    write(".a.txt.tmp", "2");
    renameSync(join(path, ".a.txt.tmp"), join(path, "a.txt"));
    await expectChanges("a.txt modified");
  });

  test("hidden files, links and folders are neither listed nor read", async () => {
    write(".hidden", "secret");
    mkdirSync(join(path, "folder"));
    symlinkSync("/etc/hostname", join(path, "link"));
    using folder = await watch();
    write("seen.txt", "1");
    await expectChanges("seen.txt created");
    expect(folder.files.map(({ name }) => name)).toEqual(["seen.txt"]);
    for (const name of [".hidden", "folder", "link", "../seen.txt", "/etc/hostname", "."]) {
      expect(await folder.read(name)).toBeUndefined();
    }
  });

  test("a file that became a link since the last look is not followed", async () => {
    write("a.txt", "1");
    using folder = await watch();
    rmSync(join(path, "a.txt"));
    symlinkSync("/etc/hostname", join(path, "a.txt"));
    expect(await folder.read("a.txt")).toBeUndefined();
  });

  test("a folder that has gone is empty", async () => {
    write("a.txt", "1");
    using folder = await watch();
    rmSync(path, { recursive: true });
    await expectChanges("a.txt deleted");
    expect(folder.files).toEqual([]);
  });

  test("of a large file the start is read, of many the first 1000 are listed", async () => {
    for (let count = 0; count < 1_005; count++) write(`${count}.txt`, "");
    write("0.txt", "x".repeat(100_000));
    using folder = await watch();
    expect(folder.files).toHaveLength(1_000);
    expect(await folder.read("0.txt")).toHaveLength(65_536);
  });

  test("without a folder it says so", async () => {
    rmSync(path, { recursive: true });
    expect(watch()).rejects.toThrow(`Expected a folder that can be read, got ${path}`);
  });
});
