// Tokens of Socket.IO clients (docs/auth.md): the one in the `auth` object of a CONNECT, and the event `token` with a fresh one.
// The verdict on a wrong one reaches pages as a `connect_error`, or as the acknowledgement of the event.

import { toAscii } from "../../codec/ascii-json.ts";
import { credentialError } from "../../proofs/credentials.ts";
import type { CredentialError } from "../../proofs/credentials.ts";
import type { Identity } from "../../core/identity.ts";
import type { Connection } from "../../core/membership.ts";
import type { SocketIoContext } from "./context.ts";

/** What is wrong with a token, for pages: may the same work later, or a fresh one? */
export type TokenError = CredentialError | "token_other_user";

/** The texts of a `connect_error`, which repeat nothing of what was sent. */
const sentences: Readonly<Record<TokenError, string>> = {
  token_invalid: "Expected a token that is valid here",
  token_expired: "Expected a token that has not expired",
  token_other_user: "Expected a token of the same user",
  ticket_invalid: "Expected a token",
  unavailable: "Expected the gateway to reach what it needs; try again",
};

const mayRetry = (code: TokenError): boolean => code === "token_expired" || code === "unavailable";

/** The token in the object of a CONNECT; undefined where there is none. What is there and no text is a wrong one. */
export function shownToken(json: string | undefined): string | undefined {
  if (json === undefined) return undefined;
  const auth = JSON.parse(json) as Readonly<Record<string, unknown>>;
  if (!Object.hasOwn(auth, "token")) return undefined;
  const { token } = auth;
  if (token === null) return undefined;
  return typeof token === "string" ? token : "";
}

/** Who shows it, or why it is refused; that is counted. */
export async function judgeToken(context: SocketIoContext, token: string): Promise<Identity | TokenError> {
  const found = await context.credentials.ofToken(token);
  return found.kind === "identity" ? found : refuse(context, credentialError(found));
}

/** The `connect_error` of a page: `error.data` is for programs. */
export function tokenRefusal(code: TokenError): { readonly message: string; readonly data: object } {
  return { message: sentences[code], data: { code, retry: mayRetry(code) } };
}

/** The event `token`. @returns its acknowledgement, as JSON text */
export async function renewToken(
  context: SocketIoContext,
  connection: Connection,
  [token]: readonly unknown[],
): Promise<string> {
  const found = await judgeToken(context, typeof token === "string" ? token : "");
  if (typeof found === "string") return answerOf(found);
  // A connection is of one user.
  const { user } = connection.identity;
  if (user !== undefined && user !== found.user) return answerOf(refuse(context, "token_other_user"));
  const left = connection.isIn ? context.access.lostRooms(connection, found) : [];
  context.hub.identify(connection, found);
  for (const room of left) context.hub.leave(connection, room);
  const { expiresAtMs = Number.POSITIVE_INFINITY } = found;
  const seconds = Math.max(0, Math.floor((expiresAtMs - Date.now()) / 1_000));
  // Names of rooms may be in any script.
  return toAscii(JSON.stringify([{ ok: true, seconds, left }]));
}

function answerOf(code: TokenError): string {
  return JSON.stringify([{ ok: false, code, retry: mayRetry(code) }]);
}

function refuse({ observe }: SocketIoContext, code: TokenError): TokenError {
  observe.refused("socketio", code);
  return code;
}
