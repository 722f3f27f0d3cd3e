// Sends the events that wait for one URL: batches in their order, one request at a time. What the URL does not take comes again,
// after pauses that grow, until the event is too old.

import { retryDelayMs } from "../base/back-off.ts";
import type { QueueEntry, Settled, Worked } from "../brokers/queue.ts";
import type { EntryRefusal } from "../core/broker.ts";
import type { Observe } from "../core/observe.ts";
import type { Outbound } from "../outbound/outbound.ts";
import { signatureHeaders } from "../outbound/signature.ts";
import type { WebhookFailure } from "../vocabulary/reasons.ts";
import { eventBody, readEvent } from "./event.ts";

/** Events of one request; the reader of the queue takes as many at once. */
export const batchSize = 100;
/** Events that came meanwhile go out together, ms. */
const batchMs = 1_000;
/** Pauses between attempts grow up to this, ms. */
const longestPauseMs = 30_000;
/** What a URL asks for by `Retry-After` is heeded up to this, ms. */
const longestRetryAfterMs = 300_000;

export interface SenderParts {
  readonly url: URL;
  /** How the URL is called in logs: without what may be secret in it. */
  readonly label: string;
  readonly secrets: readonly Buffer[];
  /** Events of this age are given up when an attempt fails, ms. */
  readonly retryMs: number;
  readonly outbound: Outbound;
  readonly observe: Observe;
}

interface Failure {
  readonly reason: WebhookFailure;
  /** For people. */
  readonly got: string;
  readonly status: number | undefined;
  /** The URL wants to be asked again after so long, ms. */
  readonly retryAfterMs?: number | undefined;
}

/** It answered that it takes nothing any more. */
const gone: Failure = { reason: "gone", got: "status 410 (gone)", status: 410 };

export class Sender {
  readonly #parts: SenderParts;
  /** The batch that was not taken: it is sent again as it was, with the same id. */
  #batch = "";
  #batchLength = 0;
  #failures = 0;
  #failingSince = 0;
  /** It is not asked any more. */
  #isGone = false;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /** Sends what is next. */
  readonly send = async (entries: readonly QueueEntry[]): Promise<Worked> => {
    if (this.#isGone) return this.#drop(entries);
    const batch = entries.slice(0, this.#lengthFor(entries));
    const failure = await this.#post(batch);
    this.#parts.observe.webhookAsked(failure?.reason ?? "ok");
    if (failure === gone) {
      this.#sayGone();
      return this.#drop(entries);
    }
    return failure ? this.#failed(batch, failure) : this.#taken(batch, entries);
  };

  #lengthFor([first]: readonly QueueEntry[]): number {
    return first?.id === this.#batch ? this.#batchLength : batchSize;
  }

  /** @returns why it was not taken. */
  async #post(batch: readonly QueueEntry[]): Promise<Failure | undefined> {
    const { url, secrets, outbound } = this.#parts;
    const events = batch.flatMap((entry) => {
      const event = readEvent(entry);
      return event ? [eventBody(entry.id, event)] : [];
    });
    const body = JSON.stringify({ events });
    const id = `msg_${batch[0]?.id}-${batch.length}`;
    const seconds = Math.floor(Date.now() / 1_000);
    const signed = signatureHeaders({ id, seconds, body }, secrets);
    const headers = { ...signed, "content-type": "application/json", "user-agent": "Belfry" };
    const answer = await outbound.post(url, { headers, body });
    if (answer.kind === "failed")
      return { reason: answer.reason, got: answer.reason.replaceAll("_", " "), status: undefined };
    const { status, retryAfterMs } = answer;
    if (status === gone.status) return gone;
    if (status >= 200 && status < 300) return undefined;
    return { reason: "status", got: `status ${status}`, status, retryAfterMs };
  }

  #taken(batch: readonly QueueEntry[], entries: readonly QueueEntry[]): Worked {
    const { observe, label } = this.#parts;
    observe.webhookTold("ok", batch.length);
    if (this.#failures > 0) {
      const failedMs = Math.round(performance.now() - this.#failingSince);
      observe.log("info", "webhook_back", { webhook: label, failedMs });
    }
    this.#failures = 0;
    this.#batch = "";
    const hasMore = entries.length === batchSize || batch.length < entries.length;
    return {
      settled: batch.map(({ id }) => ({ id, refusal: undefined })),
      pauseMs: hasMore ? 0 : batchMs,
    };
  }

  #failed(batch: readonly QueueEntry[], failure: Failure): Worked {
    this.#sayFailure(failure);
    const { retryMs } = this.#parts;
    const dead = batch.filter(({ ageMs }) => ageMs >= retryMs);
    if (dead.length === 0) {
      this.#batch = batch[0]?.id ?? "";
      this.#batchLength = batch.length;
    } else this.#giveUp(dead.length, failure);
    return {
      settled: dead.map(({ id }): Settled => ({ id, refusal: this.#refusal(failure) })),
      pauseMs: Math.max(
        retryDelayMs(this.#failures++, Math.random(), longestPauseMs),
        Math.min(failure.retryAfterMs ?? 0, longestRetryAfterMs),
      ),
    };
  }

  /** Its events are dead letters from now on, until this gateway starts again: nothing piles up for it. */
  #drop(entries: readonly QueueEntry[]): Worked {
    this.#parts.observe.webhookTold(gone.reason, entries.length);
    const text = `Expected an answer 2xx, got ${gone.got}: the URL is not asked any more`;
    const refusal = { kind: "refused", reason: gone.reason, text } as const;
    return { settled: entries.map(({ id }) => ({ id, refusal })), pauseMs: 0 };
  }

  #sayGone(): void {
    this.#isGone = true;
    const { observe, label } = this.#parts;
    const text = `${label} answered 410 (gone): it is not asked any more until the gateway starts again, and its events are dead letters. Take the URL out of the config, or let it answer otherwise and start the gateway again`;
    observe.log("warn", "webhook_gone", { webhook: label, text });
  }

  #sayFailure({ reason, status }: Failure): void {
    if (this.#failures > 0) return;
    this.#failingSince = performance.now();
    const { observe, label } = this.#parts;
    observe.log("warn", "webhook_failed", { webhook: label, reason, status });
  }

  #giveUp(events: number, { reason, got }: Failure): void {
    const { observe, label } = this.#parts;
    observe.webhookTold(reason, events);
    const text = `${label} did not take ${events} events in time, got ${got}: they are dead letters, which \`belfry webhooks\` lists`;
    observe.hint("webhook_dead", { about: label, fields: { webhook: label, text } });
  }

  #refusal({ reason, got }: Failure): EntryRefusal<WebhookFailure> {
    const seconds = this.#parts.retryMs / 1_000;
    return { kind: "refused", reason, text: `Expected an answer 2xx within ${seconds} s, got ${got}` };
  }
}
