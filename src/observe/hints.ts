// Which warnings are said now: each subject once a minute, and not many subjects in one minute, because strangers choose
// them.

const everyMs = 60_000;
/** Subjects of one event in one minute; a room-space more is not said. */
const maxSubjects = 50;

export class HintClock {
  /** By event: when its subjects may be said again. */
  readonly #said = new Map<string, Map<string, number>>();

  /** @param now monotonic, ms. @returns whether it is to be said, and takes note of it. */
  isDue(event: string, about: string, now: number): boolean {
    let subjects = this.#said.get(event);
    if (!subjects) this.#said.set(event, (subjects = new Map()));
    if (now < (subjects.get(about) ?? Number.NEGATIVE_INFINITY)) return false;
    if (subjects.size >= maxSubjects) forget(subjects, now);
    if (subjects.size >= maxSubjects) return false;
    // Behind the others again: they stand in the order of their time.
    subjects.delete(about);
    subjects.set(about, now + everyMs);
    return true;
  }
}

function forget(subjects: Map<string, number>, now: number): void {
  for (const [about, next] of subjects) {
    if (now < next) return;
    subjects.delete(about);
  }
}
