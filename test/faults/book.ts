// What was written down (history.ts), as the oracle looks things up in it. Pure.

import type {
  Fault,
  Gap,
  Heard,
  HistoryEvent,
  Joined,
  Left,
  Logged,
  Queued,
  Said,
  Taken,
} from "./history.ts";

/** One client in one room. */
export interface Stay {
  readonly client: string;
  readonly room: string;
  readonly joins: Joined[];
  readonly heard: Heard[];
  readonly gaps: Gap[];
}

export interface Span {
  readonly from: number;
  readonly until: number;
}

export class Book {
  readonly said = new Map<string, Said>();
  readonly taken = new Map<string, Taken[]>();
  readonly stays = new Map<string, Stay>();
  readonly faults: Fault[] = [];
  readonly logs: Logged[] = [];
  readonly queues: Queued[] = [];
  /** By their names. */
  readonly gateways = new Set<string>();
  readonly lefts = new Map<string, Left[]>();
  /** When a publication was received for the first time, by any client. */
  readonly firstHeard = new Map<string, number>();
  readonly end: number;

  constructor(history: readonly HistoryEvent[]) {
    for (const event of history) this.#enter(event);
    this.end = history.reduce((end, { t }) => Math.max(end, t), 0);
  }

  /** When it was carried out: what a queue took waits, and is said later. */
  carriedOutAt({ id, t, isQueued }: Taken): number {
    return isQueued === true ? (this.firstHeard.get(id) ?? Number.POSITIVE_INFINITY) : t;
  }

  /** Times in which a client was not in a room. */
  absences({ client, joins }: Stay): readonly Span[] {
    return (this.lefts.get(client) ?? []).map(({ t }) => ({
      from: t,
      until: joins.find((join) => join.t > t)?.t ?? Number.POSITIVE_INFINITY,
    }));
  }

  #enter(event: HistoryEvent): void {
    if (event.kind === "said") this.said.set(event.id, event);
    else if (event.kind === "taken") push(this.taken, event.id, event);
    else if (event.kind === "left") push(this.lefts, event.client, event);
    else if (event.kind === "fault") this.faults.push(event);
    else if (event.kind === "logged") this.logs.push(event);
    else if (event.kind === "queued") this.queues.push(event);
    else if (event.kind === "joined") this.#join(event);
    else if (event.kind === "heard") this.#hear(event);
    else this.#stay(event).gaps.push(event);
  }

  #join(event: Joined): void {
    this.#stay(event).joins.push(event);
    this.gateways.add(event.gateway);
  }

  #hear(event: Heard): void {
    this.#stay(event).heard.push(event);
    if (!this.firstHeard.has(event.id)) this.firstHeard.set(event.id, event.t);
  }

  #stay({ client, room }: { readonly client: string; readonly room: string }): Stay {
    const key = `${client} ${room}`;
    const stay = this.stays.get(key) ?? { client, room, joins: [], heard: [], gaps: [] };
    this.stays.set(key, stay);
    return stay;
  }
}

function push<Item>(lists: Map<string, Item[]>, key: string, item: Item): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

export function ms(time: number): string {
  return `${(time / 1_000).toFixed(2)} s`;
}
