// Which web pages may connect, as the config says it (WSE-02, EIO-18): nothing said, a list, or everyone.

/** Everyone, or exactly these; an empty list is nobody who sends an `Origin`. */
export type Origins = "*" | readonly string[];

/** Elements are split on spaces, and a `*` anywhere means everyone (WSE-02). */
export function readOrigins(value: string | readonly string[]): Origins {
  const elements = [value].flat().flatMap((text) => text.split(/\s+/).filter((element) => element !== ""));
  return elements.includes("*") ? "*" : elements;
}

/**
 * Can a browser ever send this `Origin`? Comparison is exact (EIO-18), so a path, a trailing slash, an upper-case
 * host or a default port makes an element that matches nobody. Packaged apps and boards have no host: they send `file://`.
 */
export function canMatch(origin: string): boolean {
  if (origin === "null" || origin === "file://") return true;
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\s]+)$/.exec(origin);
  if (!match || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  return url.origin === "null" ? origin === origin.toLowerCase() : url.origin === origin;
}
