// The Broker port over any bus: one channel on which gateways send each other publications. A publication comes back to
// its own gateway on the same way as to the others, so all of them deliver in one order.

import type { Broker, Receipt } from "../core/broker.ts";
import type { Bus, BusMessage } from "../core/bus.ts";
import type { Observe } from "../core/observe.ts";
import type { Publication } from "../core/publication.ts";
import { textCanary } from "../core/canary.ts";
import { decodeEnvelope, encodeEnvelope } from "./envelope.ts";

/** No other program's channel begins like this. */
const brokerChannel = "belfry-broker";

/** How long a receipt may wait for its publication to come back, ms. */
const echoMs = 2_000;

/** A publication that is on its way back. */
interface Waiting {
  readonly resolve: (receipt: Receipt) => void;
  readonly timer: NodeJS.Timeout;
}

export class BusBroker implements Broker {
  readonly #bus: Bus;
  readonly #observe: Observe;
  /** By the id of the envelope. Bounded by time, and by what the bus takes. */
  readonly #waiting = new Map<string, Waiting>();
  #isOpen = false;

  constructor(bus: Bus, observe: Observe) {
    this.#bus = bus;
    this.#observe = observe;
  }

  async open(deliver: (publication: Publication) => number): Promise<void> {
    const canary = textCanary(brokerChannel, "belfry canary");
    await this.#bus.subscribe({ kind: "exact", name: brokerChannel, canary }, (message) => {
      this.#received(message, deliver);
    });
    this.#isOpen = true;
  }

  async publish(publication: Publication): Promise<Receipt> {
    const id = crypto.randomUUID();
    const echo = this.#isOpen ? this.#await(id) : undefined;
    try {
      await this.#bus.publish(brokerChannel, encodeEnvelope({ id, publication }));
    } catch (error) {
      this.#settle(id, undefined);
      throw error;
    }
    return echo ?? { delivered: undefined };
  }

  #received({ payload }: BusMessage, deliver: (publication: Publication) => number): void {
    const envelope = decodeEnvelope(payload.toString());
    if (typeof envelope === "string") this.#observe.skipped("broker", envelope);
    else this.#settle(envelope.id, deliver(envelope.publication));
  }

  async #await(id: string): Promise<Receipt> {
    const { promise, resolve } = Promise.withResolvers<Receipt>();
    const timer = setTimeout(() => {
      this.#settle(id, undefined);
    }, echoMs);
    this.#waiting.set(id, { resolve, timer });
    return promise;
  }

  #settle(id: string, delivered: number | undefined): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.resolve({ delivered });
  }
}
