// Asks again, while a visitor is connected, who it is (DJS-12): logged out, banned, or of other groups now, it has to come
// anew. Whoever could not be asked this time is asked next time: the visitor was known before.

import type { BrowserContext } from "../../core/dialect.ts";
import { isSameIdentity } from "../../core/identity.ts";
import type { Asked, Identity } from "../../core/identity.ts";

export interface Known {
  readonly identity: Identity;
  readonly asked: Asked;
  /** The handshake; what it proved itself with is kept. */
  readonly request: Request;
}

export class Recheck {
  readonly #context: Pick<BrowserContext, "identity" | "now">;
  readonly #known: Known;
  readonly #everyMs: number;
  #dueAt: number;

  constructor(context: Pick<BrowserContext, "identity" | "now">, known: Known, everyMs: number) {
    this.#context = context;
    this.#known = { ...known, request: proofOf(known.request) };
    this.#everyMs = everyMs;
    this.#dueAt = this.#nextAt();
  }

  /** @param changed called when it is somebody else, or nobody. */
  tick(now: number, changed: () => void): void {
    if (now < this.#dueAt) return;
    this.#dueAt = this.#nextAt();
    void this.#ask(changed);
  }

  async #ask(changed: () => void): Promise<void> {
    const { request, asked, identity } = this.#known;
    const found = await this.#context.identity.identify(request, asked);
    if (found.kind === "unavailable") return;
    // Who hears public broadcasts alone may be anybody, and a store that is down says so (DJS-05).
    const { user, groups, session } = identity;
    const isAnybody = found.kind === "identity" && isForAnybody(this.#known.asked);
    const now = isAnybody ? { ...found, user, groups, session } : found;
    if (now.kind === "denied" || !isSameIdentity(now, identity)) changed();
  }

  /** Thousands that came at once do not ask at once. */
  #nextAt(): number {
    return this.#context.now() + this.#everyMs * (0.8 + 0.2 * Math.random());
  }
}

function isForAnybody({ facility, channels }: Asked): boolean {
  return !facility.includes("::") && channels.every((name) => name.endsWith("-broadcast"));
}

/** Identity reads nothing else of a request. */
function proofOf({ url, headers }: Request): Request {
  const kept = ["cookie", "authorization"].flatMap((name): [string, string][] => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  return new Request(url, { headers: kept });
}
