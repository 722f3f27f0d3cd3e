// What clients missed, as JSON text: made once for all that missed it. In a storm ten thousand come back to the same messages.

import { publicationMessage } from "../../codec/publication-json.ts";
import type { Kept } from "../../recovery/recovery.ts";

export class MissedTexts {
  readonly #texts = new WeakMap<Kept, string>();

  /** @param room the one that it is kept of. */
  of(kept: Kept, room: string): string {
    const known = this.#texts.get(kept);
    if (known !== undefined) return known;
    const text = publicationMessage(kept.publication, room, kept.at);
    this.#texts.set(kept, text);
    return text;
  }
}
