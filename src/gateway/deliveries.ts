// The straight line of a message: bytes of the bus, or what came to Belfry's own doors, onto the tape and to the clients, in one
// turn. Part of the composition root (gateway.ts).

import type { Carried } from "../core/broker.ts";
import type { Bus, BusMessage, ChannelFilter, Feed, Subscription } from "../core/bus.ts";
import type { Hub } from "../core/hub.ts";
import type { Publication } from "../core/publication.ts";
import type { KeptPublications } from "./kept-publications.ts";
import type { Telemetry } from "../observe/observe.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";

/** What came to Belfry's own doors counts as this; no dialect is called so. */
const brokerName = "broker";

export interface DeliveriesParts {
  readonly bus: Pick<Bus, "subscribe">;
  readonly hub: Hub;
  readonly kept: KeptPublications;
  readonly rules: RoomRules;
  readonly observe: Telemetry;
}

export class Deliveries {
  readonly #bus: DeliveriesParts["bus"];
  readonly #hub: Hub;
  readonly #kept: KeptPublications;
  readonly #rules: RoomRules;
  readonly #observe: Telemetry;

  constructor({ bus, hub, kept, rules, observe }: DeliveriesParts) {
    this.#bus = bus;
    this.#hub = hub;
    this.#kept = kept;
    this.#rules = rules;
    this.#observe = observe;
  }

  /** Delivers what a feed of a dialect says. */
  async subscribe(dialect: string, feed: Feed<ChannelFilter>): Promise<Subscription> {
    this.#kept.addSource(dialect, feed);
    return this.#bus.subscribe(feed.filter, this.#received.bind(this, dialect, feed));
  }

  #received(dialect: string, feed: Feed<ChannelFilter>, message: BusMessage): void {
    const decoded = feed.decode(message);
    if (decoded.kind === "skipped") {
      if (decoded.isJunk) this.#observe.skipped(dialect, decoded.reason, decoded.detail);
      return;
    }
    this.#observe.received(dialect, bytesOf(message));
    const at = this.#kept.record(decoded, feed, message);
    if (decoded.kind !== "publication") {
      this.#hub.carryOut(decoded);
      return;
    }
    this.#delivered(dialect, decoded, this.#hub.deliver(decoded, at));
    if (this.#rules.hasHistory) this.#kept.countUnlogged(dialect, decoded);
  }

  /** Delivers what came to Belfry's own doors. @returns how many clients it was sent to; undefined: that is not known now. */
  carried(publication: Publication, carried: Carried): number | undefined {
    this.#observe.received(brokerName, bytesOf(carried.message));
    const heard = this.#kept.received(publication, carried);
    this.#delivered(brokerName, publication, heard);
    return heard;
  }

  /** Says to operators what became of a publication. */
  #delivered(from: string, { event, rooms, not }: Publication, heard: number | undefined): void {
    // A copy for the other dialects has its own story: the first one counts.
    if (heard === 0 && not === undefined) this.#observe.unheard(from);
    const { named } = this.#observe;
    named?.("message", { dialect: from, name: event, rooms: rooms?.join(" + ") ?? "(everyone)", heard });
  }
}

/** As its publisher sent it. */
function bytesOf({ meaning, payload }: BusMessage): number {
  return meaning?.bytes ?? payload.length;
}
