// What the suites of the buses share: a harmless canary, a listener with a queue, an Observe that remembers, and
// waiting for a condition.

import type { Bus, BusMessage, Canary, ChannelFilter, Subscription } from "../../src/core/bus.ts";
import { GatewayError } from "../../src/vocabulary/errors.ts";
import { type LogFields, type Observe, silent } from "../../src/core/observe.ts";
import { until } from "../support/until.ts";

const canaryStart = '{"canary":"';

/** A canary published on `channel`. */
export function testCanary(channel: string): Canary {
  return {
    channel,
    encode: (token) => `${canaryStart}${token}"}`,
    decode: ({ payload }) => {
      const text = payload.subarray(0, 128).toString();
      return text.startsWith(canaryStart) ? text.slice(canaryStart.length, -2) : undefined;
    },
  };
}

export function exact(name: string): ChannelFilter {
  return { kind: "exact", name, canary: testCanary(name) };
}

/** A pattern, and a channel that it matches. */
export function pattern(name: string, channel: string): ChannelFilter {
  return { kind: "pattern", name, canary: testCanary(channel) };
}

/** A subscription that keeps what it hears. */
export class Ear {
  readonly heard: BusMessage[] = [];
  #subscription: Subscription | undefined;

  static async open(bus: Bus, filter: ChannelFilter): Promise<Ear> {
    const ear = new Ear();
    ear.#subscription = await bus.subscribe(filter, (message) => {
      ear.heard.push(message);
    });
    return ear;
  }

  /** The payloads as text. */
  get texts(): readonly string[] {
    return this.heard.map(({ payload }) => payload.toString());
  }

  async close(): Promise<void> {
    await this.#subscription?.close();
  }

  /** Waits until it has heard so many messages. */
  async waitFor(count: number, timeoutMs = 5_000): Promise<readonly BusMessage[]> {
    await until(
      () => this.heard.length >= count,
      timeoutMs,
      () => `${count} messages, got ${this.heard.length}`,
    );
    return this.heard;
  }

  /** Waits until it has heard this text. */
  async waitForText(text: string, timeoutMs = 5_000): Promise<void> {
    await until(
      () => this.texts.includes(text),
      timeoutMs,
      () => `${text}, got ${this.texts.join(" ")}`,
    );
  }
}

/** What was counted, logged and reported. */
export interface Recorder extends Observe {
  readonly skippedReasons: string[];
  readonly events: { readonly event: string; readonly fields: LogFields }[];
  readonly reports: { readonly stage: string; readonly error: unknown }[];
}

export function createRecorder(): Recorder {
  const skippedReasons: Recorder["skippedReasons"] = [];
  const events: Recorder["events"] = [];
  const reports: Recorder["reports"] = [];
  return {
    ...silent,
    skippedReasons,
    events,
    reports,
    skipped(dialect, reason) {
      skippedReasons.push(`${dialect} ${reason}`);
    },
    log(_level, event, fields = {}) {
      events.push({ event, fields });
    },
    report(stage, error) {
      reports.push({ stage, error });
    },
  };
}

/** How long it takes until the bus is ready (or no longer), ms. */
export async function timeUntil(bus: Bus, isReady: boolean, timeoutMs: number): Promise<number> {
  const start = performance.now();
  const describe = (): string =>
    `the bus to be ${isReady ? "ready" : "not ready"}, got ${JSON.stringify(bus.state())}`;
  await until(() => bus.state().isReady === isReady, timeoutMs, describe);
  return performance.now() - start;
}

/** The GatewayError that a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<GatewayError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("Expected a GatewayError, got success");
}
