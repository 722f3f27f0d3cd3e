// Clients that have more of a room's log than this gateway: they came from another one while it was cut off. What they
// have is not delivered to them again, and where the log turns out to be another one they are told so. Pure.

import type { LogPosition } from "../brokers/log.ts";
import type { RoomWindow } from "./room-window.ts";

export class AheadClients {
  readonly #places = new Map<object, LogPosition>();
  readonly #tellGap: (clients: ReadonlySet<object>) => void;

  /** @param tellGap to clients that miss something: their place is none of this log. */
  constructor(tellGap: (clients: ReadonlySet<object>) => void) {
    this.#tellGap = tellGap;
  }

  /** The client has everything up to this place; undefined: it has no more than the gateway. */
  note(client: object, place: LogPosition | undefined): void {
    if (place) this.#places.set(client, place);
    else this.#places.delete(client);
  }

  /** Where they stand: what is read must reach back there to judge them. */
  get places(): Iterable<LogPosition> {
    return this.#places.values();
  }

  /** Those that have what is about to be delivered; undefined: none of them. */
  having({ epoch, offset, tag }: LogPosition): ReadonlySet<object> | undefined {
    if (this.#places.size === 0) return undefined;
    const having = new Set<object>();
    this.#settle((place) => {
      if (place.epoch !== epoch) return "lost";
      if (place.offset < offset) return "level";
      if (place.offset === offset && place.tag !== tag) return "lost";
      return place.offset === offset ? "last" : "ahead";
    }, having);
    return having.size === 0 ? undefined : having;
  }

  /** The log was read up to its top: now none is ahead of it. */
  judge(window: RoomWindow): void {
    this.#settle(({ epoch, offset, tag }) => {
      // One that the log has no more cannot be told from one that it lost and gave again.
      const isThere = epoch === window.epoch && offset <= window.top;
      return isThere && window.tagAt(offset) === tag ? "level" : "lost";
    });
  }

  #settle(find: (place: LogPosition) => "ahead" | "last" | "level" | "lost", having?: Set<object>): void {
    const lost = new Set<object>();
    for (const [client, place] of this.#places) {
      const found = find(place);
      if (found === "lost") lost.add(client);
      if (found === "ahead" || found === "last") having?.add(client);
      if (found !== "ahead") this.#places.delete(client);
    }
    if (lost.size > 0) this.#tellGap(lost);
  }
}
