// When a page should look at once whether its connection lives: it became visible again, or the network came back.

/** @returns what stops it; nothing happens where there are no pages. */
export function onWake(wake: (isOnline: boolean) => void): () => void {
  const page = globalThis as {
    readonly document?: Document;
    readonly addEventListener?: typeof addEventListener;
  };
  const stop = new AbortController();
  page.document?.addEventListener(
    "visibilitychange",
    () => {
      if (page.document?.visibilityState === "visible") wake(false);
    },
    stop,
  );
  page.addEventListener?.(
    "online",
    () => {
      wake(true);
    },
    stop,
  );
  return () => {
    stop.abort();
  };
}
