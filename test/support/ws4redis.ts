// A gateway of the ws4redis dialect alone, and the Django sessions that a whole gateway reads.

import type { z } from "zod";
import type { ws4redisOptions } from "../../src/dialects/ws4redis/options.ts";
import { DialectGateway } from "./dialect-gateway.ts";
import type { DialectParts } from "./dialect-gateway.ts";
import type { RawMessage, RawWebSocket } from "./raw.ts";

export interface HouseParts extends DialectParts {
  /** As in the config's section. */
  readonly options?: z.input<typeof ws4redisOptions>;
}

/** A running one; `await using` stops it. */
export class Ws4redisHouse extends DialectGateway {
  static async start(parts: HouseParts = {}): Promise<Ws4redisHouse> {
    return this.speaking("ws4redis", { identity: {}, ...parts });
  }
}

/** Who has a session; absent: that part is not in it. */
export interface Person {
  readonly key: string;
  /** Logged in under this name; undefined: a visitor. */
  readonly user?: string;
  readonly groups?: readonly string[];
}

/** Where users' names are in the sessions of {@link logIn}: `identity.username`. */
export const usernameField = "session:ws4redis:username";

/**
 * Writes a session as Django's `cache` engine does with a JSON serializer (DJS-03), and gives the headers of its browser.
 * @param set of a backend's Redis connection.
 */
export async function logIn(
  set: (key: string, value: string) => Promise<unknown>,
  { key, user, groups }: Person,
): Promise<{ readonly Cookie: string }> {
  const content = {
    ...(user !== undefined && { _auth_user_id: "7", "ws4redis:username": user }),
    ...(groups && { "ws4redis:memberof": groups }),
  };
  await set(`:1:django.contrib.sessions.cache${key}`, JSON.stringify(content));
  return { Cookie: `csrftoken=x; sessionid=${key}` };
}

/** What comes before this message. */
export async function heardUntil(
  socket: RawWebSocket,
  last: string,
  timeoutMs = 20_000,
): Promise<readonly RawMessage[]> {
  const heard: RawMessage[] = [];
  for (;;) {
    const message = await socket.waitForMessage(timeoutMs);
    if (message === last) return heard;
    heard.push(message);
  }
}
