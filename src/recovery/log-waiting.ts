// Clients that wait until the window of a room's log (log-room.ts) has what they missed. They are told a few at a time: of ten
// thousand that come together, each is a moment's work, and what others hear must not wait for all of them.

import type { Turns } from "../base/turns.ts";
import type { LogPosition } from "../brokers/log.ts";
import type { LossReason } from "./recovery.ts";
import { isBehind } from "./log-live.ts";
import type { RoomWindow } from "./room-window.ts";

/** One of them. */
export interface Waiting {
  readonly position: LogPosition | undefined;
  /** @param reason why it will never have it. */
  readonly done: (reason?: LossReason) => void;
  /** The epoch of the log that was read for it and does not have what it asks for. */
  lackedIn?: string | undefined;
}

export interface WaitingParts {
  readonly turns: Pick<Turns, "add">;
  /** What can be answered from now. */
  window(): RoomWindow | undefined;
  /** There are some for whom something must be read. */
  next(): void;
  /** Why something failed, for the log. */
  failed(error: unknown): void;
}

export class WaitingClients {
  readonly #parts: WaitingParts;
  #waiting: Waiting[] = [];
  /** So many are about to be told. */
  #telling = 0;

  constructor(parts: WaitingParts) {
    this.#parts = parts;
  }

  get isTelling(): boolean {
    return this.#telling > 0;
  }

  add(one: Waiting): void {
    this.#waiting.push(one);
  }

  /** Tells those that can be answered. @returns the others, which wait here no longer */
  take(): readonly Waiting[] {
    const uncovered: Waiting[] = [];
    for (const one of this.#waiting.splice(0)) {
      if (this.#canTell(one)) this.#tell(one);
      else uncovered.push(one);
    }
    return uncovered;
  }

  /**
   * The log was read for them. @param reason why it could not be: then they are told at once, in front of what is found out next. One that
   * had its turn behind that would be told a place that the room left with a gap: the model of log-follower.test.ts finds it.
   */
  wereRead(some: readonly Waiting[], reason: LossReason | undefined): void {
    const window = this.#parts.window();
    for (const one of some) {
      if (reason !== undefined) this.#finish(one, reason);
      else {
        if (window && !reaches(window, one.position)) one.lackedIn = window.epoch;
        this.#tell(one);
      }
    }
  }

  /** In its turn, where it is looked at once more: there may be another window by then. */
  #tell(one: Waiting): void {
    this.#telling += 1;
    this.#parts.turns.add({
      work: () => {
        this.#telling -= 1;
        if (this.#canTell(one)) this.#finish(one);
        else {
          this.#waiting.push(one);
          this.#parts.next();
        }
        return false;
      },
    });
  }

  #canTell({ position, lackedIn }: Waiting): boolean {
    const window = this.#parts.window();
    return window !== undefined && (lackedIn === window.epoch || reaches(window, position));
  }

  /** An error of one client's is no other's. */
  #finish({ done }: Waiting, reason?: LossReason): void {
    try {
      done(reason);
    } catch (error) {
      this.#parts.failed(error);
    }
  }
}

/** Has the window what a client at this position missed? */
export function reaches(window: RoomWindow, position: LogPosition | undefined): boolean {
  // Of another log, it may be of a newer one.
  return !position || (!isBehind(window, position) && window.tagAt(position.offset) !== undefined);
}
