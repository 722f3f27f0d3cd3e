// The deadline on every reply of Redis: a connection can be silent for a quarter of an hour before TCP notices.

import { LateReply } from "./failure.ts";

/** How long a reply may take, a connection with its login included. */
export const deadlineMs = 2_000;

/** The result of `work`; rejects with LateReply when it takes longer than the deadline, or when `signal` aborts. */
export async function within<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const giveUp = (): void => {
    reject(new LateReply(deadlineMs));
  };
  const timer = setTimeout(giveUp, deadlineMs);
  signal?.addEventListener("abort", giveUp);
  work.then(resolve, reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}
