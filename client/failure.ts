// What the promises of commands reject with.

import type { ErrorBody, ErrorCode } from "./messages.ts";

/** Those of the gateway, and what the client finds out itself. */
export type FailureCode =
  | ErrorCode
  | "timeout"
  | "connection_lost"
  | "closed"
  | "left"
  | "no_websocket"
  | "queue_full";

/** A command that was not carried out, or that is not known to be. */
export class Failure extends Error {
  override readonly name = "BelfryFailure";
  /** For programs: the gateway's (src/dialects/native/README.md) or the client's own. */
  readonly code: FailureCode;
  /** May the same work later? */
  readonly retry: boolean;

  constructor({ code, message, retry }: Omit<ErrorBody, "code"> & { readonly code: FailureCode }) {
    super(message);
    this.code = code;
    this.retry = retry;
  }
}

const own = {
  timeout: ["Expected an answer in time", true],
  connection_lost: ["Expected an answer, got none", true],
  closed: ["Expected a connection", false],
  left: ["Expected to stay in the room", false],
  no_websocket: ["Expected a websocket", false],
  queue_full: ["Expected fewer commands", true],
} as const;

export function ownFailure(code: keyof typeof own): Failure {
  const [message, retry] = own[code];
  return new Failure({ code, message, retry });
}
