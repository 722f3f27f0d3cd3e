// One table of the errors that callers of the gateway see: code, HTTP status, and a fixed sentence.

const table = {
  bus_unavailable: 503,
  revocations_full: 503,
  shutting_down: 503,
  body_invalid: 400,
  request_invalid: 400,
  body_too_large: 413,
  content_encoding: 415,
  secret_wrong: 403,
  secret_limited: 429,
  event_reserved: 400,
  version_outdated: 409,
  history_off: 400,
  presence_off: 400,
  position_unknown: 410,
  connection_unknown: 404,
  gateway_silent: 503,
  log_unusable: 500,
  config_invalid: 500,
  start_failed: 500,
} as const;

export type ErrorCode = keyof typeof table;

/** An error with a stable code. The message says what was expected and what came, never a secret or payload. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "GatewayError";
    this.code = code;
  }
  /** The HTTP status that goes with the code. */
  get status(): number {
    return table[this.code];
  }
}
