// What waits for each webhook, and which events are dead letters: for people, by the API. It is read from the store, so every
// gateway says the same.

import { createHash } from "node:crypto";
import type { Queue } from "../brokers/queue.ts";
import { eventsQueue } from "../brokers/room-event.ts";
import type { RoomEvent } from "../brokers/room-event.ts";
import { readEvent } from "./event.ts";

export interface DeadLetter {
  /** Of the event, as a receiver would have got it. */
  readonly id: string;
  /** Why it was given up: a reason of the metrics. */
  readonly reason: string;
  readonly text: string;
  readonly event: RoomEvent | undefined;
}

export interface WebhookState {
  /** Without its query, which may hold a secret. */
  readonly url: string;
  /** Events that it is to be told. */
  readonly waiting: number;
  /** Dead letters that are kept. */
  readonly deadLetters: number;
  /** The newest first. */
  readonly newest: readonly DeadLetter[];
}

/** The name of a URL's queue. By a digest: not everyone in Redis should see the URL. */
export function queueOf(url: string): string {
  return `${eventsQueue}:${createHash("sha256").update(url).digest("hex").slice(0, 16)}`;
}

/** @param count of the dead letters of each URL that are shown. Rejects as the queue does. */
export async function webhookStates(
  urls: readonly string[],
  queue: Pick<Queue, "look">,
  count: number,
): Promise<readonly WebhookState[]> {
  return Promise.all(
    urls.map(async (url) => {
      const { origin, pathname } = new URL(url);
      const { waiting, refused, newest } = await queue.look(queueOf(url), count);
      return {
        url: `${origin}${pathname}`,
        waiting,
        deadLetters: refused,
        newest: newest.map(({ id, reason, text, fields }) => ({
          id,
          reason,
          text,
          event: readEvent({ fields }),
        })),
      };
    }),
  );
}
