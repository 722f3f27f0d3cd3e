// Recovery as dialects see it: rooms with a log are answered by the log, all others by the tape, in one and the same turn.

import { isOfLog } from "../core/position.ts";
import type { RoomName } from "../core/publication.ts";
import type { Answer, Asked, GapListener, Recovery } from "./recovery.ts";
import type { Position } from "../core/position.ts";

/** What the logs of rooms answer (log-follower.ts). */
export interface LogAnswers {
  isLogged(asked: Pick<Asked, "namespace" | "room">): boolean;
  /** Is everything delivered in the order of the tape? */
  readonly isSettled: boolean;
  prepare(asked: readonly Asked[], ready: (answer: (asked: Asked) => Answer) => void): void;
  here(namespace: string, room: string): Position | undefined;
}

export class RecoveryByRule implements Recovery {
  readonly #tape: Recovery;
  readonly #logs: LogAnswers;
  readonly #listeners = new Set<GapListener>();

  constructor(tape: Recovery, logs: LogAnswers) {
    this.#tape = tape;
    this.#logs = logs;
  }

  get keptSeconds(): number {
    return this.#tape.keptSeconds;
  }

  resume(asked: readonly Asked[], enter: (answers: readonly Answer[]) => void): void {
    const inLogs = asked.map((one) => this.#inLog(one));
    const logged = inLogs.filter((one) => one !== undefined);
    const onTape = asked.filter((one, index) => inLogs[index] !== one);
    if (logged.length === 0) {
      this.#tape.resume(asked, (answers) => {
        enter(answers.map((answer, index) => this.#ofTape(asked[index], answer)));
      });
      return;
    }
    // The tape last: what the logs answer is exact in whichever turn that is.
    this.#logs.prepare(logged, (answer) => {
      this.#tape.resume(onTape, (answers) => {
        const rest = answers.values();
        enter(
          asked.map((one, index) => {
            const inLog = inLogs[index];
            const ofLog = inLog && answer(inLog);
            if (ofLog && inLog === one) return ofLog;
            const ofTape = this.#ofTape(one, rest.next().value ?? unknown);
            return { ...ofTape, at: ofLog?.at ?? ofTape.at };
          }),
        );
      });
    });
  }

  here(namespace: string, room: string | undefined): Position | undefined {
    const isLogged = room !== undefined && this.#logs.isLogged({ namespace, room });
    return isLogged ? this.#logs.here(namespace, room) : this.#tape.here(namespace, room);
  }

  onGap(listener: GapListener): () => void {
    this.#listeners.add(listener);
    const stop = this.#tape.onGap(listener);
    return () => {
      this.#listeners.delete(listener);
      stop();
    };
  }

  /** Rooms with a log, or only these clients in them, miss something that cannot be had. */
  tellGap(rooms: readonly RoomName[], only?: ReadonlySet<object>): void {
    for (const listener of this.#listeners) listener(rooms, only);
  }

  /** What the tape knows of a room with a log may be delivered later. */
  #ofTape(asked: Asked | undefined, answer: Answer): Answer {
    if (this.#logs.isSettled || answer.verdict === undefined || !asked) return answer;
    return this.#logs.isLogged(asked) ? { ...unknown, at: answer.at } : answer;
  }

  /**
   * What the log of its room is asked; undefined: nothing. A position of the tape is the tape's to answer, whatever the room: so
   * count formats without a room, and clients that come from before the room had a log. The latter count by the log from now on.
   */
  #inLog(asked: Asked): Asked | undefined {
    if (!this.#logs.isLogged(asked)) return undefined;
    if (asked.position === undefined || isOfLog(asked.position)) return asked;
    return asked.client && { ...asked, position: undefined };
  }
}

/** Never given: the tape answers each room. */
const unknown: Answer = { verdict: { recovered: false, reason: "unavailable" }, at: undefined };
