// A publication that came in as bare bytes. It keeps them for the raw dialects and looks like the event `message` to the
// others.

import { readUtf8 } from "./utf8.ts";
import type { Publication, Target } from "../core/publication.ts";
import type { Frame } from "../core/carrier.ts";

/** A publication of one payload; its form for event dialects is made only when one of them is in the room. */
export class RawPublication implements Publication {
  readonly kind = "publication";
  readonly namespace: string;
  readonly rooms: Target["rooms"];
  readonly isTree: boolean;
  readonly except: readonly string[];
  readonly skip: readonly string[];
  readonly event = "message";
  readonly raw: Uint8Array;
  readonly only?: string;
  readonly not?: string;
  readonly volatile = false;
  #frame: Frame | undefined;

  /** Without `only` and `not`, the clients of all dialects get it (SEC-16). `frame`: the text of these bytes, where it is known. */
  constructor(
    target: Target,
    raw: Uint8Array,
    { only, not, frame }: Pick<Publication, "only" | "not" | "frame"> = {},
  ) {
    this.namespace = target.namespace;
    this.rooms = target.rooms;
    this.isTree = target.isTree ?? false;
    this.except = target.except;
    this.skip = target.skip;
    this.raw = raw;
    this.#frame = frame;
    if (only !== undefined) this.only = only;
    if (not !== undefined) this.not = not;
  }

  /** Decoded once, for all formats. */
  get frame(): Frame {
    return (this.#frame ??= rawFrame(this.raw));
  }

  get args(): readonly string[] {
    const { frame } = this;
    return [typeof frame === "string" ? JSON.stringify(frame) : '{"_placeholder":true,"num":0}'];
  }

  get attachments(): readonly Uint8Array[] {
    return typeof this.frame === "string" ? [] : [this.raw];
  }
}

/** Text where the bytes are UTF-8, else binary (W4R-07). */
export function rawFrame(bytes: Uint8Array): Frame {
  return readUtf8(bytes) ?? bytes;
}
