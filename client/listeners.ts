// Who listens to what. A listener that throws takes nothing from the others: its error goes where uncaught ones go.

export class Listeners<Events extends object> {
  readonly #sets = new Map<keyof Events, Set<(event: never) => void>>();

  /** @returns what takes it away again. */
  add<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const set = this.#sets.get(name) ?? new Set();
    this.#sets.set(name, set.add(listener));
    return () => {
      set.delete(listener);
    };
  }

  tell<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of this.#sets.get(name) ?? []) {
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
