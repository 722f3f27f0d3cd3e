// Rooms that a token or a ticket names, by name or by glob. Kept for each connection, so small: globs are compiled when a name
// comes that begins as they do, and let go again.

import { compileGlob } from "../base/glob.ts";
import type { Grants } from "../core/identity.ts";

/** What makes a glob of a name. */
const special = /[*?[\\]/;

/** Names that are names, or a list of which some are globs. */
type Granted = ReadonlySet<string> | readonly string[];

/** @returns undefined where there are none. */
export function createGrants(join: Granted, publish: Granted = []): Grants | undefined {
  if (sizeOf(join) === 0 && sizeOf(publish) === 0) return undefined;
  return { mayJoin: matcherOf(join), mayPublish: matcherOf(publish) };
}

function sizeOf(granted: Granted): number {
  return granted instanceof Set ? granted.size : Array.from(granted).length;
}

function matcherOf(granted: Granted): (label: string) => boolean {
  if (granted instanceof Set) return (label) => granted.has(label);
  const globs = Array.from(granted);
  const names = new Set(globs.filter((glob) => !special.test(glob)));
  const patterns = globs.filter((glob) => special.test(glob));
  return (label) =>
    names.has(label) || patterns.some((glob) => mayStart(label, glob) && compileGlob(glob)(label));
}

function mayStart(label: string, glob: string): boolean {
  return label.startsWith(glob.slice(0, glob.search(special)));
}
