// Commands on the command link, each with a deadline. While Redis is away they fail at once: nothing waits to be sent
// later. What is on its way is bounded.

import { RESP_TYPES } from "@redis/client";
import { PendingList } from "../../base/pending-list.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { deadlineMs } from "./deadline.ts";
import type { RedisClient } from "./dial.ts";
import { commandText } from "./direct-link.ts";
import type { DirectLink } from "./direct-link.ts";
import { LateReply, failureOf } from "./failure.ts";
import type { Link } from "./link.ts";

/** What may be on its way to Redis without a reply, bytes. */
const pendingBytes = 64 * 1024 * 1024;
/** What a command counts beside its arguments, bytes. */
const commandOverhead = 512;

/** Strings of a reply as they are on the wire. */
const asBytes = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/** One command on its way. A class: thousands may wait when Redis is slow, and each closure would cost as much. */
class Pending {
  readonly bytes: number;
  readonly client: RedisClient;
  /** Replies that had come when it was sent. */
  readonly repliesBefore: number;
  readonly result: PromiseWithResolvers<unknown> = Promise.withResolvers();

  constructor(client: RedisClient, bytes: number, repliesBefore: number) {
    this.client = client;
    this.bytes = bytes;
    this.repliesBefore = repliesBefore;
  }
}

export class Commands {
  readonly #link: Link;
  readonly #address: string;
  readonly #direct: DirectLink | undefined;
  /** Those that wait for a reply within the deadline. */
  readonly #pending = new PendingList<Pending>({
    maxMs: deadlineMs,
    onDue: (pending) => {
      this.#fail(pending, new LateReply(deadlineMs));
    },
  });
  /** Of those that wait for a reply, however late. */
  #pendingBytes = 0;
  #replies = 0;

  /** @param direct where there is one: the way of commands that are answered by one line. */
  constructor(link: Link, address: string, direct?: DirectLink) {
    this.#link = link;
    this.#address = address;
    this.#direct = direct;
  }

  /** The way of commands that are answered by one line; undefined where it is not there now. */
  get direct(): DirectLink | undefined {
    return this.#direct?.isReady === true ? this.#direct : undefined;
  }

  /** Runs a command that is answered by one line. @returns the line. Rejects as {@link run} does. */
  async line(args: readonly string[]): Promise<string> {
    const { direct } = this;
    if (!direct) return String(await this.run(args));
    try {
      return await direct.runSoon(commandText(args));
    } catch (error) {
      throw this.refusal(error);
    }
  }

  /** What callers are told of an error of {@link direct}. */
  refusal(error: unknown): GatewayError {
    return this.#unavailable(failureOf(error).text, error);
  }

  /**
   * Runs one command; strings of its reply come as text, or as they are on the wire. Rejects with GatewayError
   * `bus_unavailable` when the link is down, Redis refuses, or no reply came within the deadline; in the last case Redis
   * may still carry the command out.
   */
  async run(args: readonly (string | Buffer)[], replies: "text" | "bytes" = "text"): Promise<unknown> {
    const client = this.#link.client;
    if (!client) throw this.#unavailable(this.#link.failure.text);
    const bytes = args.reduce((sum, arg) => sum + arg.length, commandOverhead);
    if (this.#pendingBytes + bytes > pendingBytes) {
      throw this.#unavailable(`${this.#pendingBytes} bytes that wait for it already`);
    }
    const pending = new Pending(client, bytes, this.#replies);
    this.#pendingBytes += bytes;
    const number = this.#pending.add(pending);
    client.sendCommand(args, replies === "bytes" ? asBytes : undefined).then(
      (reply) => {
        this.#settle(number, pending);
        pending.result.resolve(reply);
      },
      (error: unknown) => {
        this.#settle(number, pending);
        this.#fail(pending, error);
      },
    );
    return pending.result.promise;
  }

  /** Redis answered, or the connection ended. */
  #settle(number: number, { bytes }: Pending): void {
    this.#pending.take(number);
    this.#replies += 1;
    this.#pendingBytes -= bytes;
  }

  #fail({ client, repliesBefore, result }: Pending, error: unknown): void {
    const isOurs = client === this.#link.client;
    // Replies come in order: when none came since, the connection is dead, not just busy.
    const isDead = error instanceof LateReply && this.#replies === repliesBefore;
    if (isOurs && isDead) this.#link.replace(failureOf(error));
    result.reject(this.#unavailable((isOurs ? failureOf(error) : this.#link.failure).text, error));
  }

  #unavailable(got: string, cause?: unknown): GatewayError {
    return new GatewayError("bus_unavailable", `Expected a Redis at ${this.#address}, got ${got}`, { cause });
  }
}
