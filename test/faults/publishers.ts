// The publishers of a run, each with a ledger of what it said and what it was told: by the Redis channels of backends and by
// POST /api/publish, with keys, repeated after answers that got lost.

import { createClient } from "@redis/client";
import type { Random } from "../support/random.ts";
import type { HistoryEvent } from "./history.ts";
import { secret } from "./system.ts";

export interface PublisherParts {
  readonly name: string;
  readonly room: string;
  readonly random: Random;
  readonly redisUrl: string;
  /** Where the API is, of any gateway. */
  api(): string;
  readonly write: (event: HistoryEvent) => void;
  readonly now: () => number;
}

/** Carries out one publication. @returns whether it was taken, and where it is stored; throws where it is not known. */
type Say = (id: string) => Promise<{ readonly at?: string | undefined }>;

/** One publication over HTTP. */
export interface PublishRequest {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  /** Where it is stored, by the answer; throws where the answer says that it was not taken. */
  readonly storedIn?: (answer: string) => string | undefined;
}

const requestMs = 4_000;
/** So long is a publication with a key tried again, ms. */
const triesMs = 30_000;

export class Publishing implements AsyncDisposable {
  readonly #parts: PublisherParts;
  readonly #say: Say;
  readonly #close: () => void;
  #number = 0;
  #isStopped = false;
  #done: Promise<void> = Promise.resolve();

  constructor(parts: PublisherParts, say: Say, close: () => void = () => undefined) {
    this.#parts = parts;
    this.#say = say;
    this.#close = close;
  }

  /** About so many a second, one after the other. */
  start(perSecond: number): void {
    this.#done = this.#run(1_000 / perSecond);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#done;
    this.#close();
  }

  async #run(pauseMs: number): Promise<void> {
    while (!this.#isStopped) {
      await this.#next();
      await Bun.sleep(pauseMs * (0.5 + this.#parts.random.below(1_000) / 1_000));
    }
  }

  async #next(): Promise<void> {
    const { name: publisher, room, write, now } = this.#parts;
    const number = ++this.#number;
    const id = `${publisher}#${number}`;
    write({ kind: "said", t: now(), id, room, publisher, number });
    try {
      const { at } = await this.#say(id);
      write({ kind: "taken", t: now(), id, at });
    } catch {
      // Not known: it may be heard or not.
    }
  }
}

/** `PUBLISH belfry:<room>`, and what Flask-SocketIO publishes. */
export function overRedis(parts: PublisherParts, door: "belfry" | "flask"): Publishing {
  const client = createClient({
    url: parts.redisUrl,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: 50, connectTimeout: 1_000 },
  });
  client.on("error", () => undefined);
  const connected = client.connect();
  const [channel, payload] =
    door === "belfry"
      ? [`belfry:${parts.room}`, (id: string) => JSON.stringify({ id })]
      : [
          "flask-socketio",
          (id: string) =>
            JSON.stringify({
              method: "emit",
              event: "update",
              data: { id },
              namespace: "/",
              room: parts.room,
              skip_sid: null,
            }),
        ];
  const say: Say = async (id) => {
    await connected;
    await client.publish(channel, payload(id));
    return {};
  };
  return new Publishing(parts, say, () => {
    client.destroy();
  });
}

/** `POST /api/publish` in a room without a log: once, because a second one might be a repetition. */
export function overApi(parts: PublisherParts): Publishing {
  return once(parts, (id) => belfryRequest({ room: parts.room, event: "update", data: { id } }));
}

/** A request for each publication, once. */
export function once(parts: PublisherParts, requestOf: (id: string) => PublishRequest): Publishing {
  return new Publishing(parts, async (id) => post(parts, requestOf(id), requestMs));
}

/**
 * `POST /api/publish` in a room with a log, with a key: again until it is taken. Some answers are not waited for, and some are
 * asked for once more at any gateway, as by a publisher that lost its answer.
 */
export function overApiWithKey(parts: PublisherParts): Publishing {
  const { room } = parts;
  return persistently(parts, (id) => belfryRequest({ room, event: "update", data: { id }, key: id }));
}

/** The same, for any request that carries a key. */
export function persistently(parts: PublisherParts, requestOf: (id: string) => PublishRequest): Publishing {
  const { random, write, now } = parts;
  return new Publishing(parts, async (id) => {
    const request = requestOf(id);
    const isHasty = random.below(8) === 0;
    const first = isHasty
      ? await post(parts, request, 1 + random.below(6)).catch(() => undefined)
      : undefined;
    const taken = first ?? (await untilTaken(parts, request));
    if (random.below(8) > 0) return taken;
    write({ kind: "taken", t: now(), id, at: taken.at });
    return untilTaken(parts, request);
  });
}

async function untilTaken(
  parts: PublisherParts,
  request: PublishRequest,
): Promise<{ readonly at?: string | undefined }> {
  const deadline = parts.now() + triesMs;
  for (;;) {
    try {
      return await post(parts, request, requestMs);
    } catch (error) {
      if (parts.now() > deadline) throw error;
      await Bun.sleep(50);
    }
  }
}

async function post(
  parts: PublisherParts,
  { path, headers = {}, body, storedIn }: PublishRequest,
  timeoutMs: number,
): Promise<{ readonly at?: string | undefined }> {
  const signal = AbortSignal.timeout(timeoutMs);
  const answer = await fetch(`${parts.api()}${path}`, { method: "POST", headers, body, signal });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`Expected it to be taken, got ${answer.status}`);
  return { at: storedIn?.(text) };
}

function belfryRequest(publication: object): PublishRequest {
  return {
    path: "/api/publish",
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify(publication),
    storedIn: (text) => (JSON.parse(text) as { readonly stored?: string }).stored,
  };
}
