// The write deadline of WS-HUB (`writeWait`): whoever reads nothing of what waits for it for so long is dropped (HUB-16).
// The engine says when a client read something; what waits is looked at by the clock, so that idle clients cost nothing.

import type { RawConnection } from "../raw/raw-connection.ts";

/** Clients are looked at this often, ms; more often where the deadline is shorter. */
const lookEveryMs = 1_000;
/** Later than this, something held up the whole process: nobody could read meanwhile. */
const lateMs = 1_000;

export class WriteWatch {
  readonly #clients: Iterable<RawConnection>;
  readonly #waitMs: number;
  readonly #lookMs: number;
  /** Since when something waits of which nothing was read, ms. */
  readonly #blocked = new Map<RawConnection, number>();
  #nextLook = 0;

  constructor(clients: Iterable<RawConnection>, writeWaitSeconds: number) {
    this.#clients = clients;
    this.#waitMs = writeWaitSeconds * 1_000;
    this.#lookMs = Math.min(lookEveryMs, this.#waitMs / 4);
  }

  tick(now: number): void {
    if (now < this.#nextLook) return;
    if (now - this.#nextLook > lateMs) this.#blocked.clear();
    this.#nextLook = now + this.#lookMs;
    for (const client of this.#clients) this.#look(client, now);
  }

  /** It read something: what is left has all the time again. */
  read(client: RawConnection): void {
    this.#blocked.delete(client);
  }

  gone(client: RawConnection): void {
    this.#blocked.delete(client);
  }

  #look(client: RawConnection, now: number): void {
    const waiting = client.connection?.carrier.bufferedBytes ?? 0;
    const since = this.#blocked.get(client);
    if (waiting === 0) this.#blocked.delete(client);
    else if (since === undefined) this.#blocked.set(client, now);
    else if (now - since >= this.#waitMs) client.close("slow");
  }
}
