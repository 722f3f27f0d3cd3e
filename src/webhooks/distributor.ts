// Takes events as they were written, and puts each into the queue of every URL that is to hear of it. From there on no URL waits
// for another.

import { compileGlobs } from "../base/glob.ts";
import type { Queue, QueueEntry, QueueRefusal, Settled, Worked } from "../brokers/queue.ts";
import type { Observe } from "../core/observe.ts";
import { eventsQueue } from "../brokers/room-event.ts";
import type { RoomEvent } from "../brokers/room-event.ts";
import { roomLabel } from "../vocabulary/room-rules.ts";
import { readEvent } from "./event.ts";
import type { WebhooksOptions } from "./options.ts";

export interface WebhookTarget {
  /** The name of the URL's queue. */
  readonly queue: string;
  readonly label: string;
}

export interface DistributorParts {
  readonly options: Pick<WebhooksOptions, "events" | "rooms" | "backlog">;
  readonly targets: readonly WebhookTarget[];
  readonly queue: Queue;
  readonly observe: Observe;
}

export class Distributor {
  readonly #parts: DistributorParts;
  readonly #isWanted: (event: RoomEvent) => boolean;

  constructor(parts: DistributorParts) {
    this.#parts = parts;
    const types = new Set(parts.options.events);
    const isRoom = compileGlobs(parts.options.rooms);
    this.#isWanted = ({ type, room, namespace }) => types.has(type) && isRoom(roomLabel(room, namespace));
  }

  /** Those that are not wanted are dropped, and what is no event is refused. */
  readonly distribute = async (entries: readonly QueueEntry[]): Promise<Worked | QueueRefusal> => {
    const settled: Settled[] = [];
    const ids: string[] = [];
    for (const entry of entries) {
      const event = readEvent(entry);
      if (event && this.#isWanted(event)) ids.push(entry.id);
      else settled.push({ id: entry.id, refusal: event ? undefined : this.#invalid() });
    }
    const refusal = ids.length > 0 ? await this.#forward(ids) : undefined;
    return refusal ?? { settled, pauseMs: 0 };
  };

  async #forward(ids: readonly string[]): Promise<QueueRefusal | undefined> {
    const { queue, targets, options } = this.#parts;
    const onward = { queues: targets.map((target) => target.queue), backlog: options.backlog };
    const given = await queue.forward(eventsQueue, ids, onward);
    if ("kind" in given) return given;
    for (const [index, target] of targets.entries()) this.#sayGivenUp(target, given[index] ?? 0);
    return undefined;
  }

  #sayGivenUp({ label }: WebhookTarget, events: number): void {
    if (events === 0) return;
    const { observe, options } = this.#parts;
    observe.webhookTold("backlog", events);
    const text = `${label} has more than ${options.backlog} events waiting: the oldest are dead letters, which \`belfry webhooks\` lists`;
    observe.hint("webhook_dead", { about: label, fields: { webhook: label, text } });
  }

  #invalid(): Settled["refusal"] {
    this.#parts.observe.webhookTold("event_invalid", 1);
    const text = "Expected an event with event, room, seq and at";
    return { kind: "refused", reason: "event_invalid", text };
  }
}
