// What the sources of identity share beside the port (proofs/identity-source.ts).

/** `fetch`, as far as it is used here. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Groups of one visitor that count; each is a subscription of its own. */
const maxGroups = 1_000;

/** Each group once, and no more than can be heard. */
export function boundGroups(groups: readonly string[]): readonly string[] {
  return [...new Set(groups)].slice(0, maxGroups);
}
