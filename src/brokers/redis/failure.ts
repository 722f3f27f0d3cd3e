// Why a connection to Redis failed, in words for people: start errors, `/-/health/ready` and logs are made of these.
// What Redis itself says is shown only as far as it cannot repeat a payload or a password.

import { ConnectionTimeoutError, ErrorReply, SocketClosedUnexpectedlyError } from "@redis/client";

export interface Failure {
  /** Goes behind "Expected a Redis at ..., got". */
  readonly text: string;
  /**
   * No answer came: there is no server to spare, so it may be knocked at while the back-off runs. False when the
   * other side is there and refused or hung up.
   */
  readonly isSilence: boolean;
}

/** A reply did not come within its deadline. */
export class LateReply extends Error {
  constructor(deadlineMs: number) {
    super(`no answer within ${deadlineMs / 1_000} s`);
    this.name = "LateReply";
  }
}

const systemCodes: Readonly<Record<string, Failure>> = {
  ECONNREFUSED: { text: "connection refused", isSilence: true },
  EHOSTUNREACH: { text: "no route to the host", isSilence: true },
  ENETUNREACH: { text: "no route to the network", isSilence: true },
  ETIMEDOUT: { text: "no answer", isSilence: true },
  ENOENT: { text: "no such socket", isSilence: true },
  ENOTFOUND: { text: "no such host name", isSilence: true },
  EAI_AGAIN: { text: "no answer from the name server", isSilence: true },
  EACCES: { text: "no permission to open the socket", isSilence: false },
  ECONNRESET: { text: "the connection reset", isSilence: false },
  EPIPE: { text: "the connection closed", isSilence: false },
};

/** Sentences for the refusals of Redis that people meet. */
const refusals: Readonly<Record<string, string>> = {
  WRONGPASS: "wrong user name or password (WRONGPASS)",
  NOAUTH: "a demand for a password (NOAUTH)",
  NOPERM: "no permission for that user (NOPERM)",
  LOADING: "a server that still loads its data (LOADING)",
  OOM: "a server that has no memory left (OOM)",
  READONLY: "a read-only replica (READONLY)",
  MISCONF: "a server that cannot save its data (MISCONF)",
  DENIED: "a refusal of addresses other than its own (DENIED, protected mode)",
};

/** What an error of a connection or a command means. */
export function failureOf(error: unknown): Failure {
  if (error instanceof LateReply) return { text: error.message, isSilence: true };
  if (error instanceof ConnectionTimeoutError) return { text: "no answer", isSilence: true };
  if (error instanceof ErrorReply) return { text: refusalOf(error.message), isSilence: false };
  if (error instanceof SocketClosedUnexpectedlyError)
    return { text: "the connection closed", isSilence: false };
  const code = codeOf(error);
  const isCertificate = /CERT|SIGNATURE/.test(code);
  const text = isCertificate ? `a certificate that is not trusted (${code})` : code;
  return systemCodes[code] ?? { text, isSilence: false };
}

/** Is it about the rights of the user? Redis 7.0 says it in one way where a script runs the command, 7.2 in another. */
export function isDenied(refusal: string): boolean {
  return /^NOPERM |executing the script can't|ACL failure in script/.test(refusal);
}

/** Redis's error reply, cut where it starts to repeat our arguments. */
function refusalOf(message: string): string {
  const [word = ""] = message.split(" ", 1);
  const known = refusals[isDenied(message) ? "NOPERM" : word];
  if (known !== undefined) return known;
  const [ownWords = ""] = message.split(/, with args|['"`\r\n]/, 1);
  return `an error (${ownWords.slice(0, 120).trim()})`;
}

/** The stable code of a system error (`ENOENT`), else its name. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code === "string" && /^\w{1,64}$/.test(code)) return code;
  return error instanceof Error ? error.name : "an unknown error";
}
