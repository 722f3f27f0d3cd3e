// The Broker port: carries publications between gateways. A dialect publishes here what came to this gateway alone and
// is for the clients of every dialect; the formats of other systems go over the bus (bus.ts) as those systems wrote them.

import type { Publication } from "./publication.ts";

/** What became of a publication. */
export interface Receipt {
  /** Clients of this gateway that it was sent to; undefined: it was taken, and did not come back in time. */
  readonly delivered: number | undefined;
}

export interface Broker {
  /**
   * Hears the publications of every gateway, this one's own included. MUST call `deliver` once for each, in the order in
   * which the broker took them, and MUST NOT call it inside `publish`. Call it once. Rejects with GatewayError
   * `bus_unavailable` when the broker refuses.
   * @param deliver returns how many clients of this gateway it was sent to.
   */
  open(deliver: (publication: Publication) => number): Promise<void>;
  /**
   * Carries a publication to every gateway that opened. `onAck` is not carried. Rejects with GatewayError
   * `bus_unavailable` when the broker did not take it; it may still be heard then (WSE-26).
   */
  publish(publication: Publication): Promise<Receipt>;
}
