// Rooms that a token names, by name or by glob. Kept for each connection, so small: globs are compiled when a name comes that
// begins as they do, and let go again.

import { compileGlob } from "../base/glob.ts";
import type { Grants } from "../core/identity.ts";

/** What makes a glob of a name. */
const special = /[*?[\\]/;

/** @param globs a name is a glob of itself. */
function grantRooms(globs: readonly string[]): (label: string) => boolean {
  const names = new Set(globs.filter((glob) => !special.test(glob)));
  const patterns = globs.filter((glob) => special.test(glob));
  return (label) =>
    names.has(label) || patterns.some((glob) => mayStart(label, glob) && compileGlob(glob)(label));
}

function mayStart(label: string, glob: string): boolean {
  return label.startsWith(glob.slice(0, glob.search(special)));
}

/** @returns undefined where there are none. */
export function createGrants(join: readonly string[], publish: readonly string[]): Grants | undefined {
  if (join.length === 0 && publish.length === 0) return undefined;
  return { mayJoin: grantRooms(join), mayPublish: grantRooms(publish) };
}
