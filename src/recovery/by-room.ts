/**
 * What is kept of rooms, by namespace and name; undefined names the whole namespace. Two look-ups cost less than to make one name of
 * both, which would be done for each message.
 */
export class ByRoom<Value> {
  readonly #namespaces = new Map<string, Map<string | undefined, Value>>();

  get(namespace: string, room: string | undefined): Value | undefined {
    return this.#namespaces.get(namespace)?.get(room);
  }

  set(namespace: string, room: string | undefined, value: Value): void {
    const rooms = this.#namespaces.get(namespace) ?? new Map<string | undefined, Value>();
    this.#namespaces.set(namespace, rooms.set(room, value));
  }

  delete(namespace: string, room: string | undefined): void {
    const rooms = this.#namespaces.get(namespace);
    rooms?.delete(room);
    if (rooms?.size === 0) this.#namespaces.delete(namespace);
  }

  clear(): void {
    this.#namespaces.clear();
  }

  /** What is deleted meanwhile is left out. */
  *values(): Generator<Value> {
    for (const rooms of this.#namespaces.values()) yield* rooms.values();
  }
}
