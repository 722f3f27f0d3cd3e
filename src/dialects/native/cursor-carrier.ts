// The carrier of one event stream with rooms that may have positions of their own: frames say where one room stands, and this
// client is told where all of its rooms do. Streams with shared positions alone need none: their frames are right for all.

import type { Carrier, Frame } from "../../core/carrier.ts";
import { keyOf, placesInLogs, readCursor } from "./cursor.ts";
import type { Cursor, RoomKey } from "./cursor.ts";
import { idLine, idStart } from "./format.ts";

export class CursorCarrier implements Carrier {
  readonly isOnTopics = false;
  readonly #carrier: Carrier;
  /** Those of the stream that have a log: others, in which a backend may put it, are not come back to. */
  readonly #keys: ReadonlySet<RoomKey>;
  #place: Pick<Cursor, "shared" | "isPartial">;
  readonly #rooms: Map<RoomKey, string>;

  /** @param logged its rooms that have a log. @param cursor where its client stands in all of them. */
  constructor(carrier: Carrier, logged: readonly string[], cursor: Cursor) {
    this.#carrier = carrier;
    this.#keys = new Set(logged.map(keyOf));
    this.#place = cursor;
    this.#rooms = placesInLogs(cursor);
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
    if (mark.shared !== undefined) this.#place = { shared: mark.shared, isPartial: mark.isPartial };
    for (const [key, position] of mark.rooms) if (this.#keys.has(key)) this.#rooms.set(key, position);
    return idLine({ ...this.#place, rooms: this.#rooms }) + frame.slice(end + 1);
  }
}
