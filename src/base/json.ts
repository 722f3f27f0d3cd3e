// Small JSON of gateways and their stores. What backends and clients send is read with bounds, by codec/json.ts.

/** @returns undefined when it is no JSON: nothing that JSON can say is undefined. */
export function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // refused, or counted as junk, by the caller
  }
}
