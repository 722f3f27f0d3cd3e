// The command of an append as it goes over the direct link. Most appends of a room differ in four of their parts alone, so the
// others are written once for each room: a log takes most of what is published, and lists of parts cost it more than all else.

import { randomId } from "../../base/random-id.ts";
import { createTag, epochLength, epochSeconds, keySeconds } from "../log-store.ts";
import type { NewEntry } from "../log.ts";
import { bulk } from "./direct-link.ts";
import * as scripts from "./log-scripts.ts";

/** A publication without a key and a version, as most are. */
export function isUsual({ key, version }: NewEntry): boolean {
  return key === undefined && version === undefined;
}

/** What the log of one room is called, and how it is shown to people. */
export interface AppendTarget {
  readonly meta: string;
  readonly stream: string;
  readonly label: string;
}

/** Writes the usual appends of one room. */
export class AppendText {
  readonly #front: string;
  readonly #label: string;
  /** Of a rule and a channel: a room has one of each. */
  #of: Pick<NewEntry, "history" | "channel"> | undefined;
  #middle = "";

  constructor({ meta, stream, label }: AppendTarget) {
    this.#front = `*15\r\n${["EVALSHA", scripts.append.sha, "2", meta, stream].map(bulk).join("")}`;
    this.#label = label;
  }

  /** @returns the command, with a new epoch and a new tag. */
  write({ history, channel, body }: NewEntry): string {
    if (this.#of?.history !== history || this.#of.channel !== channel) {
      this.#of = { history, channel };
      const { size, seconds } = history;
      const parts = [size, seconds, epochSeconds(history, false), channel, "", this.#label, keySeconds];
      this.#middle = parts.map((part) => bulk(String(part))).join("");
    }
    return `${this.#front}${bulk(randomId(epochLength))}${bulk(body)}${this.#middle}${bulk(createTag())}`;
  }
}
