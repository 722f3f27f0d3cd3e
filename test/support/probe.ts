// A dialect of the tests' own, without any wire: its clients are objects that come, go and come back, and keep what they are
// sent. It shows what the hub and the recovery give to any dialect.

import { z } from "zod";
import type { Carrier, Frame } from "../../src/core/carrier.ts";
import type { DialectContext } from "../../src/dialects/dialect.ts";
import { Connection } from "../../src/core/membership.ts";
import type { Format } from "../../src/core/membership.ts";
import type { Answer } from "../../src/recovery/recovery.ts";
import { dialects } from "../../src/dialects/registry.ts";
import type { Dialects } from "../../src/dialects/registry.ts";

const format: Format = {
  dialect: "probe",
  name: "probe",
  isPerRoom: true,
  encode: ({ event }, room, at) => [JSON.stringify([room, event, at])],
};

/** `[room, event, at]` */
export type ProbeFrame = readonly [room: string, event: string, at: string | null];

class KeepingCarrier implements Carrier {
  readonly isOnTopics = false;
  readonly isWritable = true;
  readonly bufferedBytes = 0;
  readonly sent: Frame[] = [];
  send(frames: readonly Frame[]): void {
    this.sent.push(...frames);
  }
  subscribe(): void {}
  unsubscribe(): void {}
  fallBehind(): void {}
}

/** One coming of a client to some rooms. */
export class ProbeClient {
  readonly #context: DialectContext;
  readonly #carrier = new KeepingCarrier();
  readonly #connection: Connection;
  answers: readonly Answer[] = [];

  constructor(context: DialectContext) {
    this.#context = context;
    const agent = { disconnect() {}, request() {} };
    this.#connection = new Connection({ namespace: "/", format, carrier: this.#carrier, agent });
    context.hub.enter(this.#connection);
  }

  /** Resolves when it is in the rooms; positions by room, undefined for a first join. */
  async join(positions: Readonly<Record<string, string | undefined>>): Promise<readonly Answer[]> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const asked = Object.entries(positions).map(([room, position]) => {
      return { namespace: "/", room, position, dialect: "probe" };
    });
    this.#context.recovery.resume(asked, (answers) => {
      this.answers = answers;
      for (const { room } of asked) this.#context.hub.join(this.#connection, room);
      resolve();
    });
    await promise;
    return this.answers;
  }

  leave(): void {
    this.#context.hub.exit(this.#connection);
  }

  get heard(): readonly ProbeFrame[] {
    return this.#carrier.sent.map((frame) => JSON.parse(frame.toString()) as ProbeFrame);
  }
}

/** The table of a gateway that speaks `probe` too, and what its clients are made of once it runs. */
export function probeTable(): { readonly table: Dialects; readonly context: () => DialectContext } {
  let opened: DialectContext | undefined;
  const probe: Dialects[string] = {
    name: "probe",
    options: z.strictObject({}),
    redisNames: () => [],
    publishesToBroker: true,
    open(context) {
      opened = context;
      return {};
    },
  };
  return {
    table: { ...dialects, probe },
    context() {
      if (!opened) throw new Error("Expected a gateway that speaks probe, got none");
      return opened;
    },
  };
}
