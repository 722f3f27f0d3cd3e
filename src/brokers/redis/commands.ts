// Commands on the command link, each with a deadline. While Redis is away they fail at once: nothing waits to be sent
// later. What is on its way is bounded.

import { RESP_TYPES } from "@redis/client";
import { GatewayError } from "../../core/errors.ts";
import { within } from "./deadline.ts";
import { LateReply, failureOf } from "./failure.ts";
import type { Link } from "./link.ts";

/** What may be on its way to Redis without a reply, bytes. */
const pendingBytes = 64 * 1024 * 1024;
/** What a command counts beside its arguments, bytes. */
const commandOverhead = 512;

/** Strings of a reply as they are on the wire. */
const asBytes = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

export class Commands {
  readonly #link: Link;
  readonly #address: string;
  #pendingBytes = 0;
  #replies = 0;

  constructor(link: Link, address: string) {
    this.#link = link;
    this.#address = address;
  }

  /**
   * Runs one command; strings of its reply come as text, or as they are on the wire. Rejects with GatewayError `bus_unavailable` when the link is down, Redis refuses, or no reply
   * came within the deadline; in the last case Redis may still carry the command out.
   */
  async run(args: readonly (string | Buffer)[], replies: "text" | "bytes" = "text"): Promise<unknown> {
    const client = this.#link.client;
    if (!client) throw this.#unavailable(this.#link.failure.text);
    const bytes = args.reduce((sum, arg) => sum + arg.length, commandOverhead);
    if (this.#pendingBytes + bytes > pendingBytes) {
      throw this.#unavailable(`${this.#pendingBytes} bytes that wait for it already`);
    }
    this.#pendingBytes += bytes;
    const before = this.#replies;
    const reply = client.sendCommand(args, replies === "bytes" ? asBytes : undefined).finally(() => {
      this.#replies += 1;
      this.#pendingBytes -= bytes;
    });
    try {
      return await within(reply);
    } catch (error) {
      const isOurs = client === this.#link.client;
      // Replies come in order: when none came since, the connection is dead, not just busy.
      const isDead = error instanceof LateReply && this.#replies === before;
      if (isOurs && isDead) this.#link.replace(failureOf(error));
      throw this.#unavailable((isOurs ? failureOf(error) : this.#link.failure).text, error);
    }
  }

  #unavailable(got: string, cause?: unknown): GatewayError {
    return new GatewayError("bus_unavailable", `Expected a Redis at ${this.#address}, got ${got}`, { cause });
  }
}
