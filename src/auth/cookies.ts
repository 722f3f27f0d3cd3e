// One cookie out of a request's `Cookie` header, read as Django reads it: both must
// find the same session.

/** @returns undefined when there is none of that name, or an empty one */
export function readCookie(header: string | null, name: string): string | undefined {
  let found: string | undefined;
  // Of several with one name Django takes the last.
  for (const chunk of (header ?? "").split(";")) {
    const end = chunk.indexOf("=");
    if (end !== -1 && chunk.slice(0, end).trim() === name) found = unquote(chunk.slice(end + 1).trim());
  }
  return found === "" ? undefined : found;
}

/** Nothing that we look for needs escapes inside of its quotes. */
function unquote(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}
