// A folder and what changes in it. The system's notices only say when to look: what changed is found by comparing,
// so that a save by way of a temporary file, or a notice that never came, does not mislead.

import { constants, watch } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** `created` and `modified` are the words of ws-emit's own example. */
export interface Change {
  readonly file: string;
  readonly data: "created" | "modified" | "deleted";
}

export interface FileEntry {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** Files beyond this many are not shown. */
const maxFiles = 1_000;
/** The start of a file that a page shows, bytes. */
const maxShownBytes = 64 * 1024;
/** Notices that come together are one look, ms. */
const settleMs = 50;
/** Some folders (networks, containers) give no notices: they are looked at this often, ms. */
const lookEveryMs = 2_000;

interface Seen extends FileEntry {
  /** Differs when the content may differ. */
  readonly version: string;
}

/** What two looks at a folder differ in. */
export function changesBetween(
  before: ReadonlyMap<string, Seen>,
  after: ReadonlyMap<string, Seen>,
): readonly Change[] {
  const changes: Change[] = [];
  for (const file of before.keys()) if (!after.has(file)) changes.push({ file, data: "deleted" });
  for (const [file, { version }] of after) {
    const known = before.get(file);
    if (!known) changes.push({ file, data: "created" });
    else if (known.version !== version) changes.push({ file, data: "modified" });
  }
  return changes;
}

/** A watched folder: its plain files, without hidden ones and links; nothing else of it is ever read. */
export class Folder implements Disposable {
  readonly #path: string;
  readonly #onChange: (change: Change) => Promise<void>;
  readonly #watcher: ReturnType<typeof watch>;
  readonly #timer: ReturnType<typeof setInterval>;
  #seen: ReadonlyMap<string, Seen>;
  #isNoticed = false;
  #isLooking = false;
  #isClosed = false;

  private constructor(
    path: string,
    seen: ReadonlyMap<string, Seen>,
    onChange: (change: Change) => Promise<void>,
  ) {
    this.#path = path;
    this.#seen = seen;
    this.#onChange = onChange;
    this.#watcher = watch(path, () => {
      this.#notice();
    });
    // No more notices: the timer goes on.
    this.#watcher.on("error", () => {
      this.#notice();
    });
    this.#timer = setInterval(() => {
      this.#notice();
    }, lookEveryMs);
  }

  /** @param onChange never rejects. Throws a sentence when there is no such folder. */
  static async watch(path: string, onChange: (change: Change) => Promise<void>): Promise<Folder> {
    const seen = await lookAt(path).catch((error: unknown) => {
      throw new Error(`Expected a folder that can be read, got ${path}`, { cause: error });
    });
    return new Folder(path, seen, onChange);
  }

  get files(): readonly FileEntry[] {
    return [...this.#seen.values()].map(({ name, size }) => ({ name, size }));
  }

  /** The start of a file as text; undefined when it is none of `files`, or has gone. */
  async read(name: string): Promise<string | undefined> {
    if (!this.#seen.has(name)) return undefined;
    try {
      await using file = await open(join(this.#path, name), constants.O_RDONLY | constants.O_NOFOLLOW);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(maxShownBytes), 0, maxShownBytes, 0);
      return buffer.subarray(0, bytesRead).toString();
    } catch {
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#watcher.close();
    clearInterval(this.#timer);
  }

  #notice(): void {
    this.#isNoticed = true;
    if (!this.#isLooking) void this.#lookAround();
  }

  /** One look at a time, and one more when something was noticed meanwhile. */
  async #lookAround(): Promise<void> {
    this.#isLooking = true;
    while (this.#isNoticed) {
      await Bun.sleep(settleMs);
      this.#isNoticed = false;
      const before = this.#seen;
      // A folder that has gone is an empty one.
      const now = await lookAt(this.#path).catch(() => new Map<string, Seen>());
      if (this.#isClosed) return;
      this.#seen = now;
      for (const change of changesBetween(before, now)) await this.#onChange(change);
    }
    this.#isLooking = false;
  }
}

async function lookAt(path: string): Promise<ReadonlyMap<string, Seen>> {
  const names = (await readdir(path)).filter((name) => !name.startsWith(".")).sort();
  const seen = new Map<string, Seen>();
  for (const name of names.slice(0, maxFiles)) {
    const entry = await lookAtFile(path, name);
    if (entry) seen.set(name, entry);
  }
  return seen;
}

/** Undefined for what is no plain file, and for what has gone since it was listed. */
async function lookAtFile(path: string, name: string): Promise<Seen | undefined> {
  try {
    const stats = await lstat(join(path, name));
    if (!stats.isFile()) return undefined;
    return { name, size: stats.size, version: `${stats.ino} ${stats.size} ${stats.mtimeMs}` };
  } catch {
    return undefined;
  }
}
