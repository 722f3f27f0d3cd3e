// What a listener does when the process has no descriptor left: the engine then asks the kernel for the next connection
// over and over, in vain, and takes a whole CPU for it. So each turn of the event loop rests a little, and connections
// that said nothing are ended first, until there is room again.

import { closeSync, openSync } from "node:fs";
import type { Observe } from "../core/observe.ts";

export interface FilePressureParts {
  readonly observe: Pick<Observe, "hint" | "refused">;
  /** Ends connections that said nothing. @returns how many. */
  endSilent(): number;
  /** @default by trying to have one */
  hasDescriptor?(): boolean;
}

/** So often it is looked at. */
const checkMs = 250;
/** After so many checks in a row that are well, it is over. */
const checksToCalm = 4;
/** The rest of each turn meanwhile, ms: who is served already waits for it, and the CPU is idle. */
const restMs = 5;

const text =
  "No file descriptor is left, so no new client can connect: raise the limit on open files (ulimit -n, LimitNOFILE) above" +
  " limits.connections; silent connections are ended first";

export class FilePressure {
  readonly #parts: FilePressureParts;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Checks until it is over: with a few of them that are well, for the crowd comes again. */
  #checksLeft = 0;
  #isResting = false;

  constructor(parts: FilePressureParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => {
      this.check();
    }, checkMs);
  }

  /** Looks whether there is one, and does what can be done. */
  check(): void {
    if (this.#parts.hasDescriptor?.() ?? hasDescriptor()) {
      this.#checksLeft = Math.max(0, this.#checksLeft - 1);
      return;
    }
    this.#checksLeft = checksToCalm;
    const { observe } = this.#parts;
    observe.hint("files_exhausted", { fields: { text } });
    const ended = this.#parts.endSilent();
    for (let count = 0; count < ended; count++) observe.refused("http", "silent");
    if (!this.#isResting) setImmediate(this.#rest);
    this.#isResting = true;
  }

  stop(): void {
    this.#checksLeft = 0;
    clearInterval(this.#timer);
  }

  readonly #rest = (): void => {
    this.#isResting = this.#checksLeft > 0;
    if (!this.#isResting) return;
    Bun.sleepSync(restMs);
    setImmediate(this.#rest);
  };
}

function hasDescriptor(): boolean {
  try {
    closeSync(openSync("/dev/null", "r"));
    return true;
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    return code !== "EMFILE" && code !== "ENFILE";
  }
}
