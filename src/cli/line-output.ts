// Lines to standard output for commands that never end: a bounded queue, and a call when the reader is gone.

import { writeBytes } from "../observe/output.ts";
import { LineSink } from "../observe/sink.ts";

/** @param onGone called when the reader has closed its end: `belfry tail | head`. */
export function openLines(onGone: () => void): LineSink {
  return new LineSink(async (bytes) => {
    try {
      return await writeBytes(bytes);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EPIPE") onGone();
      throw error;
    }
  });
}
