// Connection state recovery, where it is on: the book of sessions, the way back, and what gateways tell each other of clients
// that came back to another one.

import { parseJson } from "../../../base/json.ts";
import { randomId } from "../../../base/random-id.ts";
import type { BrowserContext } from "../../dialect.ts";
import type { BusMessage } from "../../../core/bus.ts";
import { GatewayError } from "../../../vocabulary/errors.ts";
import { sessionPrefix } from "./pid.ts";
import { Returns } from "./returns.ts";
import { SessionBook } from "./session-book.ts";

/** A client that is here now: its connections of earlier turns are over, on whichever gateway. */
export interface Taken {
  readonly namespace: string;
  readonly sid: string;
  readonly turn: number;
}

export type KeepingPorts = Pick<
  BrowserContext,
  "access" | "bus" | "keys" | "recovery" | "observe" | "limits" | "now"
>;

const channel = `${sessionPrefix}taken`;

export class Keeping {
  readonly book: SessionBook;
  readonly returns: Returns;
  readonly #ports: KeepingPorts;
  /** Our own words are not for us. */
  readonly #name = randomId();

  constructor(ports: KeepingPorts) {
    this.#ports = ports;
    this.book = new SessionBook(ports);
    this.returns = new Returns(ports, this.book);
  }

  /** Calls back for each client that came back to another gateway. */
  listen(onTaken: (taken: Taken) => void): void {
    const onMessage = ({ payload }: BusMessage): void => {
      const taken = payload.length > 4_096 ? undefined : readTaken(payload.toString());
      if (taken && taken.by !== this.#name) onTaken(taken);
    };
    // Without a canary: it is none of the subscriptions by which gateways count positions.
    this.#ports.bus.subscribe({ kind: "exact", name: channel }, onMessage).catch((error: unknown) => {
      this.#ports.observe.report("socketio_session", error);
    });
  }

  /** Tells the other gateways. */
  tell({ namespace, sid, turn }: Taken): void {
    this.#ports.bus
      .publish(channel, JSON.stringify([this.#name, namespace, sid, turn]))
      .catch((error: unknown) => {
        if (!(error instanceof GatewayError)) this.#ports.observe.report("socketio_session", error);
      });
  }
}

function readTaken(text: string): (Taken & { readonly by: string }) | undefined {
  const value = parseJson(text);
  if (!Array.isArray(value)) return undefined;
  const [by, namespace, sid, turn] = value as unknown[];
  if (typeof by !== "string" || typeof namespace !== "string") return undefined;
  return typeof sid === "string" && typeof turn === "number" ? { by, namespace, sid, turn } : undefined;
}
