// The carrier of one event stream with rooms that may have positions of their own: frames say where one room stands, and this
// client is told where all of its rooms do. Streams with shared positions alone need none: their frames are right for all.

import type { Carrier, Frame } from "../../core/carrier.ts";
import { moved, readCursor } from "./cursor.ts";
import type { Cursor } from "./cursor.ts";
import { idLine, idStart } from "./format.ts";

export class CursorCarrier implements Carrier {
  readonly isNative = false;
  readonly #carrier: Carrier;
  /** Those of the stream: others, in which a backend may put it, are not come back to. */
  readonly #rooms: ReadonlySet<string>;
  #cursor: Cursor;

  constructor(carrier: Carrier, rooms: readonly string[], cursor: Cursor) {
    this.#carrier = carrier;
    this.#rooms = new Set(rooms);
    this.#cursor = cursor;
  }

  get isWritable(): boolean {
    return this.#carrier.isWritable;
  }

  get bufferedBytes(): number {
    return this.#carrier.bufferedBytes;
  }

  send(frames: readonly Frame[]): void {
    this.#carrier.send(frames.map((frame) => (typeof frame === "string" ? this.#placed(frame) : frame)));
  }

  subscribe(): void {}

  unsubscribe(): void {}

  fallBehind(): void {}

  #placed(frame: string): string {
    if (!frame.startsWith(idStart)) return frame;
    const end = frame.indexOf("\n");
    const mark = readCursor(frame.slice(idStart.length, end));
    if (!mark) return frame;
    const [room] = mark.rooms.keys();
    if (room === undefined || this.#rooms.has(room)) this.#cursor = moved(this.#cursor, mark);
    return idLine(this.#cursor) + frame.slice(end + 1);
  }
}
