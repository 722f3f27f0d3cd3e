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
    const isOfLog = asked.map((one) => this.#isOfLog(one));
    const onTape = asked.filter((_, index) => isOfLog[index] !== true);
    const inLogs = asked.filter((_, index) => isOfLog[index] === true);
    if (inLogs.length === 0) {
      this.#tape.resume(asked, (answers) => {
        enter(answers.map((answer, index) => this.#ofTape(asked[index], answer)));
      });
      return;
    }
    // The tape last: what the logs answer is exact in whichever turn that is.
    this.#logs.prepare(inLogs, (answer) => {
      this.#tape.resume(onTape, (answers) => {
        const rest = answers.values();
        enter(
          asked.map((one, index) =>
            isOfLog[index] === true ? answer(one) : this.#ofTape(one, rest.next().value ?? unknown),
          ),
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

  /** A position of the tape, as formats without a room have it, is the tape's to answer, whatever the room. */
  #isOfLog(asked: Asked): boolean {
    const isOfTape = asked.position !== undefined && !isOfLog(asked.position);
    return !isOfTape && this.#logs.isLogged(asked);
  }
}

/** Never given: the tape answers each room. */
const unknown: Answer = { verdict: { recovered: false, reason: "unavailable" }, at: undefined };
