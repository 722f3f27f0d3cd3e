// The publishers of a run, each with a ledger of what it said and what it was told: by the Redis channels of backends, by
// POST /api/publish and by the stream `belfry:publish`, with keys, repeated after answers that got lost.

import { createClient } from "@redis/client";
import type { Random } from "../support/random.ts";
import type { HistoryEvent, Taken } from "./history.ts";
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

/** It was taken, and stands there; `isQueued`: it is kept, and said later. */
type Receipt = Pick<Taken, "at" | "isQueued">;

/** Carries out one publication; throws where it is not known whether it was taken. */
type Say = (id: string) => Promise<Receipt>;

/** The same, within this time. */
type SayWithin = (id: string, timeoutMs: number) => Promise<Receipt>;

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
  #hurryUntil = 0;
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

  /** Ten times as many, for so many ms. */
  hurry(forMs: number): void {
    this.#hurryUntil = this.#parts.now() + forMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#done;
    this.#close();
  }

  async #run(pauseMs: number): Promise<void> {
    const { random, now } = this.#parts;
    let due = now();
    while (!this.#isStopped) {
      await this.#next();
      const share = now() < this.#hurryUntil ? 0.1 : 1;
      // From one to the next, not from an answer; what could not be said in time is not made up for.
      due = Math.max(now(), due + share * pauseMs * (0.5 + random.below(1_000) / 1_000));
      await Bun.sleep(due - now());
    }
  }

  async #next(): Promise<void> {
    const { name: publisher, room, write, now } = this.#parts;
    const number = ++this.#number;
    const id = `${publisher}#${number}`;
    write({ kind: "said", t: now(), id, room, publisher, number });
    try {
      const receipt = await this.#say(id);
      write({ kind: "taken", t: now(), id, ...receipt });
    } catch {
      // Not known: it may be heard or not.
    }
  }
}

/** `PUBLISH belfry:<room>`, and what Flask-SocketIO publishes. */
export function overRedis(parts: PublisherParts, door: "belfry" | "flask"): Publishing {
  const backend = new Backend(parts.redisUrl);
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
    await backend.run(["PUBLISH", channel, payload(id)]);
    return {};
  };
  return new Publishing(parts, say, () => {
    backend.close();
  });
}

/** `XADD belfry:publish`: in a room with a log with a key, again until it is taken; elsewhere once. */
export function overQueue(parts: PublisherParts, isLog: boolean): Publishing {
  const backend = new Backend(parts.redisUrl);
  const say: SayWithin = async (id, timeoutMs) => {
    const key = isLog ? ["key", id] : [];
    const fields = ["room", parts.room, "event", "update", "data", JSON.stringify({ id }), ...key];
    await backend.run(["XADD", "belfry:publish", "*", ...fields], timeoutMs);
    return { isQueued: true };
  };
  return new Publishing(parts, isLog ? untilTold(parts, say) : async (id) => say(id, requestMs), () => {
    backend.close();
  });
}

/** A backend's connection to Redis. */
class Backend {
  readonly #client: ReturnType<typeof clientOf>;
  readonly #connected: Promise<unknown>;

  constructor(url: string) {
    this.#client = clientOf(url);
    this.#client.on("error", () => undefined);
    this.#connected = this.#client.connect();
  }

  /** Rejects while Redis is away, and when the answer is not there in time: the command may be carried out all the same. */
  async run(command: readonly string[], timeoutMs = requestMs): Promise<void> {
    await this.#connected;
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(new Error(`Expected an answer within ${timeoutMs} ms, got none`));
    }, timeoutMs);
    await Promise.race([this.#client.sendCommand(command), promise]).finally(() => {
      clearTimeout(timer);
    });
  }

  close(): void {
    this.#client.destroy();
  }
}

function clientOf(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: 50, connectTimeout: 1_000 },
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
  return new Publishing(
    parts,
    untilTold(parts, async (id, timeoutMs) => post(parts, requestOf(id), timeoutMs)),
  );
}

/** Again until it is taken; some answers are not waited for, and some are asked for once more. */
function untilTold(parts: PublisherParts, say: SayWithin): Say {
  const { random, write, now } = parts;
  return async (id) => {
    const isHasty = random.below(8) === 0;
    const first = isHasty ? await say(id, 1 + random.below(6)).catch(() => undefined) : undefined;
    const receipt = first ?? (await untilTaken(parts, async () => say(id, requestMs)));
    if (random.below(8) > 0) return receipt;
    write({ kind: "taken", t: now(), id, ...receipt });
    return untilTaken(parts, async () => say(id, requestMs));
  };
}

async function untilTaken(parts: PublisherParts, say: () => Promise<Receipt>): Promise<Receipt> {
  const deadline = parts.now() + triesMs;
  for (;;) {
    try {
      return await say();
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
): Promise<Receipt> {
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
