// Words that are put into inputs and must not be found in outputs (T17).

export class Canaries {
  readonly #words: string[] = [];

  /** A new word; `where` says where it was put, for whoever reads a failure. */
  readonly make = (where: string): string => {
    const word = `canary-${where}-${crypto.randomUUID().slice(0, 8)}`;
    this.#words.push(word);
    return word;
  };

  /** Watches for a word that exists already. */
  watch(word: string): void {
    this.#words.push(word);
  }

  get count(): number {
    return this.#words.length;
  }

  /** Those that a text shows: as they are, percent-encoded, in hexadecimal digits or in base64. */
  foundIn(text: string): readonly string[] {
    const lower = text.toLowerCase();
    return this.#words.filter((word) => guises(word).some((guise) => lower.includes(guise.toLowerCase())));
  }
}

function guises(word: string): readonly string[] {
  const bytes = Buffer.from(word);
  // The part of its base64 that does not depend on what stands behind it.
  const base64 = bytes.toString("base64").slice(0, Math.floor(bytes.length / 3) * 4);
  return [word, encodeURIComponent(word), bytes.toString("hex"), base64];
}
