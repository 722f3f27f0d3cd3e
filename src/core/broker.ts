// The Broker port: carries publications between gateways. A dialect publishes here what came to this gateway alone and
// is for the clients of every dialect; the formats of other systems go over the bus (bus.ts) as those systems wrote them.
// What goes to a room with `history` in its rule is kept in the room's log on its way (brokers/log.ts).

import type { BusMessage } from "./bus.ts";
import type { Publication, RoomName } from "./publication.ts";
import type { GatewayError } from "../vocabulary/errors.ts";
import type { SkipReason } from "../vocabulary/reasons.ts";

/** What became of a publication. */
export interface Receipt {
  /** Clients of this gateway that it was sent to; undefined: it was taken, and did not come back in time. */
  readonly delivered: number | undefined;
  /** Where it stands in the log of its room; undefined: it is in no log, or went to several rooms. */
  readonly stored?: string;
  /**
   * Of several rooms, what became of each that has a log: a publication of its own, or why it was refused there. One of the rooms
   * at least took it.
   */
  readonly rooms?: ReadonlyMap<string, Receipt | GatewayError>;
  /** Its key or its entry came before: nothing was said now, and `stored` is where the first one stands, as far as that is known. */
  readonly isRepeated?: boolean;
}

/** One entry of a queue. */
export interface QueueRef {
  readonly queue: string;
  readonly id: string;
}

/** The fields of an entry in their order; a name may come twice. */
export type QueueFields = readonly (readonly [name: string, value: Buffer])[];

/** Why an entry is given up: it cannot be published or delivered, now or later. */
export interface EntryRefusal<Reason = SkipReason> {
  readonly kind: "refused";
  readonly reason: Reason;
  /** For people, what was expected. */
  readonly text: string;
}

/** Of a publication to rooms that all have a log. */
export interface PublishOptions {
  /** The publisher's own name for it: the same within five minutes is the same publication. 1-256 characters. */
  readonly key?: string | undefined;
  /** It is refused unless this is above the version that the room's log took last. A whole number from 0. */
  readonly version?: number | undefined;
  /** It is what this entry of a queue asks for, for one room: it is carried once, however often it is published. */
  readonly entry?: QueueRef | undefined;
}

/** A publication that is kept, and where it stands. */
export interface StoredPublication {
  readonly publication: Publication;
  readonly at: string;
}

/** A page of a room's past. */
export interface HistoryQuery {
  /** Forwards from this position, or newest first from there; neither: newest first from the top. */
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  /** At most so many. From 1 to 1,000. */
  readonly limit: number;
}

export interface HistoryPage {
  /** In the asked order; a page may end early where its publications are large. */
  readonly publications: readonly StoredPublication[];
  /** Where the room stands. */
  readonly at: string;
  /** Is there more behind the last of them, as far as it is kept? */
  readonly hasMore: boolean;
}

/**
 * `no_history`: the room's rule keeps nothing. `epoch`: the position is of another log, or of an entry that the log lost; or
 * what comes behind it is asked for, and is not kept any more from there on.
 */
export type HistoryRefusal = "no_history" | "epoch";

/** How a publication came. */
export interface Carried {
  /** Where it stands in its room's log. */
  readonly at?: string | undefined;
  /** What the bus carried. */
  readonly message: BusMessage;
}

export interface Broker {
  /**
   * Hears the publications of every gateway, this one's own included. MUST call `deliver` once for each, in the order in
   * which the broker took them, and MUST NOT call it inside `publish`. Call it once. Rejects with GatewayError
   * `bus_unavailable` when the broker refuses.
   * @param deliver returns how many clients of this gateway it was sent to; undefined: that is not known now.
   */
  open(deliver: (publication: Publication, carried: Carried) => number | undefined): Promise<void>;
  /**
   * Carries a publication to every gateway that opened. `onAck` is not carried. Rejects with GatewayError
   * `bus_unavailable` when the broker did not take it; it may still be heard then (WSE-26), and its key says whether it was.
   * `log_unusable` when what the store has in the place of the room's log is none, `body_too_large` when other gateways would not
   * take it, `version_outdated` when its version is not above what stands there, `history_off` when a key or a version was given for
   * rooms without a log: nothing was said then, in none of its rooms.
   */
  publish(publication: Publication, options?: PublishOptions): Promise<Receipt>;
  /** What is kept of a room, a page at a time. Rejects with GatewayError `bus_unavailable`. */
  history(name: RoomName, query: HistoryQuery): Promise<HistoryPage | HistoryRefusal>;
}
