// The `Retry-After` of an answer (RFC 9110 section 10.2.3): when the one who answered wants to be asked again. Pure.

/** @param nowMs since 1970. @returns ms from then; undefined where there is none that can be read. */
export function readRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  // A date in the form of HTTP alone: the engine reads many more.
  const time = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(header)
    ? Date.parse(header)
    : Number.NaN;
  return Number.isNaN(time) ? undefined : Math.max(0, time - nowMs);
}
