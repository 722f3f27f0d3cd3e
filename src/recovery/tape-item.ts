// What a tape (tape.ts) tells another one: its markers and messages, in order, and where it stands.

import type { ChannelFilter, Feed } from "../core/bus.ts";

/** A marker, or a message that is kept. */
export type TapeItem =
  | { readonly serial: number; readonly token: string }
  | {
      readonly serial: number;
      readonly source: Feed<ChannelFilter>;
      readonly time: number;
      readonly channel: Buffer;
      readonly payload: Buffer;
    };

export interface Standing {
  readonly serial: number;
  readonly time: number;
  /** Everything after this is there. @default as before */
  readonly lostUpTo?: number;
  readonly hasBeenCut?: boolean;
}
