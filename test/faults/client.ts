// What the clients of a run have in common: how they are told where to come, how they lose their connection, and what they
// write down. Nothing is hidden: a client that receives something twice writes it twice.

import type { Random } from "../support/random.ts";
import type { Heard, HistoryEvent, RecoverySource } from "./history.ts";

export interface Place {
  readonly name: string;
  /** `http://host:port` */
  readonly url: string;
}

export interface ClientParts {
  readonly name: string;
  readonly rooms: readonly string[];
  readonly random: Random;
  /** A gateway to come to. */
  readonly place: () => Place;
  readonly write: (event: HistoryEvent) => void;
  readonly now: () => number;
}

/** How a client loses its connection. */
export type Blip = (typeof blips)[number];

export const blips = ["reset", "close", "abandon"] as const;

export interface Client {
  readonly isConnected: boolean;
  /** Ends its connection; it comes back after so many ms, and again at once in the midst of coming back if `isTwice`. */
  blip(kind: Blip, awayMs: number, isTwice: boolean): void;
  stop(): void;
}

/** What a client was told when it came to a room. */
export interface Verdict {
  readonly room?: string;
  readonly recovered?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly at?: string | undefined;
  readonly source?: RecoverySource | undefined;
  readonly isPlaceless?: boolean | undefined;
}

/** How long an abandoned connection stays open with nobody at it, ms. */
export const abandonedMs = 10_000;

/** What each kind writes down. */
export class Notes {
  readonly #parts: ClientParts;
  #asked = 0;
  #reachedAt = 0;
  #place: Place = { name: "", url: "" };

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  /** It begins to come. */
  coming(): void {
    this.#asked = this.#parts.now();
  }

  reached(place: Place): void {
    this.#place = place;
    this.#reachedAt = this.#parts.now();
  }

  left(): void {
    const { name, write, now } = this.#parts;
    write({ kind: "left", t: now(), client: name });
  }

  joined(verdict: Verdict, shown: string | undefined): void {
    const { name, write, now } = this.#parts;
    const { room = "", recovered, reason, at, source, isPlaceless } = verdict;
    const coming = { client: name, room, gateway: this.#place.name, asked: this.#asked, shown };
    write({ kind: "joined", t: now(), ...coming, recovered, reason, at, source, isPlaceless });
  }

  heard({ room, id, at }: Pick<Heard, "room" | "id" | "at">): void {
    const { name, write, now } = this.#parts;
    write({ kind: "heard", t: now(), client: name, room, id, at });
  }

  gap(room: string): void {
    const { name, write, now } = this.#parts;
    write({ kind: "gap", t: now(), client: name, room });
  }

  /** It was told on connecting that it is a new client, and cut off before it was in the room. */
  passed({ room = "", source, isPlaceless }: Verdict): void {
    const { name, write, now } = this.#parts;
    const passed = { t: this.#reachedAt, gateway: this.#place.name, source, isPlaceless };
    write({ kind: "gap", t: now(), client: name, room, passed });
  }
}
