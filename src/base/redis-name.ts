// Names in a shared Redis and their owners (RTE-08): each has one owner, and no client reaches another owner's by a name
// that it chose (SEC-03).

/** One channel or key, or all with names that begin so. */
export interface RedisName {
  readonly kind: "exact" | "prefix";
  readonly name: string;
}

export function exactName(name: string): RedisName {
  return { kind: "exact", name };
}

export function namePrefix(name: string): RedisName {
  return { kind: "prefix", name };
}

/** Is there a name that both mean? */
export function overlap(a: RedisName, b: RedisName): boolean {
  if (a.kind === "exact" && b.kind === "exact") return a.name === b.name;
  if (a.kind === "exact") return a.name.startsWith(b.name);
  if (b.kind === "exact") return b.name.startsWith(a.name);
  return a.name.startsWith(b.name) || b.name.startsWith(a.name);
}

/** Is this text one of those that `owned` means? */
export function covers(owned: RedisName, name: string): boolean {
  return overlap(owned, exactName(name));
}
