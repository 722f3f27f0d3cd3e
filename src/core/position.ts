// Where a publication stands in what is kept, for clients that come back: the hub hands it on, recovery/ reads it.

/** Where a client stands. Opaque to clients; the same publication has the same position on every gateway. */
export type Position = string;

/** Is it of the log of a room, which counts the publications of that room alone? */
export function isOfLog(position: Position): boolean {
  return position.includes(":");
}

/** Where a publication stands: on the tape, and in the log of its room where that has one. */
export interface Positions {
  readonly tape?: Position | undefined;
  readonly log?: Position | undefined;
  /** Something from before it comes later: it does not say where a client stands in all its rooms. @default false */
  readonly isEarly?: boolean;
}
