// Recovery that answers when the test says so: clients wait between the verdict on a join and the room.

import type { Recovery } from "../../src/recovery/recovery.ts";

export class HeldRecovery {
  #held: (() => void)[] = [];
  #wake = Promise.withResolvers<void>();

  /** Put over the one of the gateway. */
  readonly over = (recovery: Recovery): Recovery => ({
    keptSeconds: recovery.keptSeconds,
    here: (namespace, room) => recovery.here(namespace, room),
    onGap: (listener) => recovery.onGap(listener),
    resume: (asked, enter) => {
      this.#held.push(() => {
        recovery.resume(asked, enter);
      });
      this.#wake.resolve();
      this.#wake = Promise.withResolvers<void>();
    },
  });

  /** So many clients wait. */
  async until(count: number): Promise<void> {
    while (this.#held.length < count) await this.#wake.promise;
  }

  /** Those that wait now are answered. */
  release(): void {
    for (const enter of this.#held.splice(0)) enter();
  }
}
