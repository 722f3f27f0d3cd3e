// Asks a gateway how many of its clients a message reaches, for `belfry tail`: one request for each message, few at a
// time, and none for a while after one that failed.

import { maskUrl } from "../config/problems.ts";
import { withoutEndSlashes } from "../base/http.ts";
import type { Publication } from "../core/publication.ts";

type Addressed = Pick<Publication, "namespace" | "rooms" | "isTree" | "except" | "skip" | "only" | "not">;

export interface AudienceTarget {
  readonly url: string;
  readonly secret: string;
  /** A sentence, once: why the number of clients is not shown. */
  readonly complain: (text: string) => void;
}

const timeoutMs = 1_000;
const maxAtOnce = 16;
const pauseMs = 10_000;

export class AudienceAsker {
  readonly #target: AudienceTarget;
  #asking = 0;
  #pausedUntil = 0;
  #hasComplained = false;

  constructor(target: AudienceTarget) {
    this.#target = target;
  }

  /** undefined: the gateway does not say, or too much is asked at once. */
  async ask(publication: Addressed): Promise<number | undefined> {
    if (this.#asking >= maxAtOnce || performance.now() < this.#pausedUntil) return undefined;
    this.#asking++;
    try {
      return await this.#post(publication);
    } catch {
      this.#fail("got no answer");
      return undefined;
    } finally {
      this.#asking--;
    }
  }

  async #post(publication: Addressed): Promise<number | undefined> {
    const { namespace, rooms = null, isTree, except, skip, only, not } = publication;
    const answer = await fetch(`${withoutEndSlashes(this.#target.url)}/-/audience`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.#target.secret}`, "content-type": "application/json" },
      body: JSON.stringify({ namespace, rooms, isTree, except, skip, only, not }),
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (answer.ok) return ((await answer.json()) as { readonly clients: number }).clients;
    await answer.body?.cancel();
    this.#fail(`got status ${answer.status}`);
    return undefined;
  }

  #fail(got: string): void {
    this.#pausedUntil = performance.now() + pauseMs;
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    const gateway = maskUrl(this.#target.url);
    this.#target.complain(
      `Expected the gateway at ${gateway} to say how many clients a message reaches, ${got}: the number is not shown`,
    );
  }
}
