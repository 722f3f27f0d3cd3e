// A history in a file: one event a line, written while the run plays, so that no run is lost; and read again, to be judged
// again.

import type { FileSink } from "bun";
import type { HistoryEvent } from "./history.ts";

/** So much waits to be written at most, bytes. */
const bufferBytes = 1 << 20;

export class HistoryFile implements AsyncDisposable {
  readonly #sink: FileSink;

  /** What was in the file before is gone. */
  constructor(path: string) {
    this.#sink = Bun.file(path).writer({ highWaterMark: bufferBytes });
  }

  write(event: HistoryEvent): void {
    void this.#sink.write(`${JSON.stringify(event)}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sink.end();
  }
}

/** Hands over each event in its order. A last line that was cut off, because the run was killed, is left out. */
export async function readHistory(path: string, enter: (event: HistoryEvent) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of Bun.file(path).stream()) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) enter(JSON.parse(line) as HistoryEvent);
  }
  const last = rest.endsWith("}") ? parsed(rest) : undefined;
  if (last) enter(last);
}

function parsed(line: string): HistoryEvent | undefined {
  try {
    return JSON.parse(line) as HistoryEvent;
  } catch {
    // Cut off.
    return undefined;
  }
}
