// `did you mean`: the known name that is nearest to a wrong one.

const longestName = 64;

/** The nearest of `known`, or undefined when none is near enough to be what was meant. */
export function suggest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > longestName) return undefined;
  const wanted = name.toLowerCase();
  const furthest = name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3));
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < (best?.distance ?? furthest + 1)) {
      best = { name: candidate, distance };
    }
  }
  return best?.name;
}

/** `: did you mean x?`, or nothing. */
export function hint(name: string, known: Iterable<string>): string {
  const near = suggest(name, known);
  return near === undefined ? "" : `: did you mean \`${near}\`?`;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
