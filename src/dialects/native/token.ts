// Tokens of clients of the native dialect: the command with one, on a connection that is open, and what becomes of one that is
// refused (docs/auth.md).

import { credentialError } from "../../proofs/credentials.ts";
import type { CredentialError } from "../../proofs/credentials.ts";
import type { BrowserContext } from "../dialect.ts";
import type { Identity } from "../../core/identity.ts";
import type { DisconnectReason } from "../../vocabulary/reasons.ts";
import type { RawConnection } from "../raw/raw-connection.ts";
import { answerMessage, errorMessage, refusedMessage } from "./packet.ts";
import type { NativeError } from "./packet.ts";
import type { Token } from "./read-command.ts";
import { refuse } from "./rooms.ts";

/** Judges the token; a right one takes the place of what the client was. @returns what the client is told. */
export async function answerToken(
  context: BrowserContext,
  client: RawConnection,
  { id, token }: Token,
): Promise<readonly string[]> {
  const found = await context.credentials.ofToken(token);
  const { connection } = client;
  // It may be gone meanwhile.
  if (!connection) return [];
  const code = found.kind === "identity" ? otherUser(connection.identity, found) : credentialError(found);
  if (code !== undefined) return [errorMessage(refuse(context, code), id)];
  if (found.kind !== "identity") return [];
  const lost = context.access.lostRooms(connection, found);
  context.hub.identify(connection, found);
  for (const room of lost) context.hub.leave(connection, room);
  const told = answerMessage(id, "token", { seconds: secondsOf(found) });
  return [told, ...lost.map((room) => refusedMessage(room, refuse(context, "room_closed")))];
}

/** A connection is of one user. */
function otherUser({ user }: Identity, next: Identity): NativeError | undefined {
  return user === undefined || user === next.user ? undefined : "token_other_user";
}

/** Until it ends. */
function secondsOf({ expiresAtMs = Number.POSITIVE_INFINITY }: Identity): number {
  return Math.max(0, Math.floor((expiresAtMs - Date.now()) / 1_000));
}

/** Why a websocket is closed as soon as it is open: browsers see no other answer than a close code. */
export function closeReasonOf(error: CredentialError): DisconnectReason {
  if (error === "unavailable") return error;
  return error === "token_expired" ? "expired" : "denied";
}
