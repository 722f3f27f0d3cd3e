// Which server a connection leads to: a name that no other server has, nor the same one after a restart. Subscriptions that
// are equal are one line only at one server (line.ts).

import { ErrorReply } from "@redis/client";
import { randomId } from "../../base/random-id.ts";
import type { RedisClient } from "./dial.ts";

/**
 * The run id of the process, not the replication id: a replica has that of its primary, and carries out what is published
 * to it alone between the primary's messages. After a failover the new primary is another process: what the old one
 * said last may not have reached it, so no position of the old one's line is good on its line.
 *
 * Where Redis does not say it (a user without the permission, a proxy) each connection has a name of its own: what clients
 * missed is known then on the gateway that they were with, and on no other. Rejects when the connection fails.
 */
export async function runIdOf(client: RedisClient): Promise<string> {
  try {
    const info: unknown = await client.sendCommand(["INFO", "server"]);
    // Bytes, where a subscription was asked for meanwhile.
    const text = typeof info === "string" || info instanceof Uint8Array ? info.toString() : "";
    return /^run_id:([0-9a-f]{40})\r?$/m.exec(text)?.[1] ?? randomId(24);
  } catch (error) {
    if (error instanceof ErrorReply) return randomId(24);
    throw error;
  }
}
