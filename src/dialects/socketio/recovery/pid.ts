// What a client shows when it comes back: its private id (`pid`), a credential. The store knows its digest alone, and of a
// room's secret that the client showed no more than what tells whether it is the same still.

import { createHash, createHmac } from "node:crypto";

/** Begins the keys of kept sessions, and the channel on which gateways tell each other who came back (RTE-08). */
export const sessionPrefix = "belfry-session:";

const pidBytes = 18;
const proofLength = 22;

/** A private id: 24 characters of `A-Za-z0-9_-`, all of their bits random. */
export function createPid(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(pidBytes))).toString("base64url");
}

export function isPid(value: unknown): value is string {
  return typeof value === "string" && /^[\w-]{24}$/.test(value);
}

/** Where the session of a client in one namespace is kept. */
export function sessionKey(pid: string, namespace: string): string {
  return sessionPrefix + createHash("sha256").update(`${pid} ${namespace}`).digest("base64url");
}

/** Says whether a visitor is the same user later. */
export function userProof(pid: string, user: string | undefined): string {
  return proofOf(pid, user === undefined ? "" : `user ${user}`);
}

/** Says whether a secret is the same later. It cannot be guessed from without the pid, which is kept nowhere. */
export function proofOf(pid: string, secret: string): string {
  // UTF-16 keeps strings apart that UTF-8 would merge (base/constant-time.ts).
  const digest = createHmac("sha256", pid).update(Buffer.from(secret, "utf16le")).digest("base64url");
  return digest.slice(0, proofLength);
}
