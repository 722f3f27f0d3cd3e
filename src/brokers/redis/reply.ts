// Replies of Redis as lists: what is no list is an empty one.

export function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

/** Of a list in which each two belong together: names and values, members and scores. */
export function pairsOf(list: readonly unknown[]): readonly (readonly [unknown, unknown])[] {
  return Array.from({ length: Math.floor(list.length / 2) }, (_, index) => [
    list[2 * index],
    list[2 * index + 1],
  ]);
}
