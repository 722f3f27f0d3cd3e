// The queues of events on their way to webhooks, and what reads them: one for events as they were written, one for each URL. Each
// is read by one gateway at a time. Part of the composition root (gateway.ts).

import type { Backplane } from "../brokers/driver.ts";
import type { QueueBounds } from "../brokers/queue.ts";
import type { Observe } from "../core/observe.ts";
import { eventsQueue } from "../brokers/room-event.ts";
import { Outbound } from "../outbound/outbound.ts";
import { readSigningSecret } from "../outbound/signature.ts";
import { Distributor } from "../webhooks/distributor.ts";
import type { WebhooksOptions } from "../webhooks/options.ts";
import { Sender, batchSize } from "../webhooks/sender.ts";
import { queueOf } from "../webhooks/state.ts";
import { QueueReader } from "./queue-reader.ts";

/** Of a request (T24). */
const timeoutMs = 5_000;
/** A queue is looked at this often, ms. */
const distributeMs = 100;
const sendMs = 250;
/** Longer entries are no events, bytes. */
const maxEntryBytes = 256 * 1024;
const bytesAtOnce = 1024 * 1024;
/** More than a request takes, with its look-ups in Redis before and after. */
const leaseMs = 15_000;

const bounds: QueueBounds = { entries: batchSize, bytes: bytesAtOnce, maxEntryBytes, leaseMs };

export interface WebhooksParts {
  readonly backplane: Pick<Backplane, "events" | "bus">;
  readonly observe: Observe;
}

/** None where no URL is told anything. */
export function webhookReaders(
  options: WebhooksOptions,
  { backplane, observe }: WebhooksParts,
): readonly QueueReader[] {
  if (options.urls.length === 0) return [];
  const { events: queue, bus } = backplane;
  const shared = { queue, bounds, owner: "webhooks", bus, observe };
  const outbound = new Outbound({ allowPrivate: options.allowPrivate, timeoutMs });
  const secrets = options.secrets.flatMap((secret) => readSigningSecret(secret) ?? []);
  const targets = options.urls.map((url) => ({
    url: new URL(url),
    queue: queueOf(url),
    label: new URL(url).origin,
  }));
  const { distribute } = new Distributor({ options, targets, queue, observe });
  const pace = { idleMs: distributeMs, busyMs: distributeMs };
  const senders = targets.map(({ url, label, queue: name }) => {
    const retryMs = options.retry * 1_000;
    const { send } = new Sender({ url, label, secrets, retryMs, outbound, observe });
    return new QueueReader({ ...shared, name, idleMs: sendMs, busyMs: sendMs, work: send });
  });
  return [new QueueReader({ ...shared, ...pace, name: eventsQueue, work: distribute }), ...senders];
}
