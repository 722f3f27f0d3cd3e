// When a page should look at once whether its connection lives: it became visible again, or the network came back.

/** @returns what stops it; nothing happens where there are no pages. */
export function onWake(wake: (reason: "visible" | "online") => void): () => void {
  const page = globalThis as {
    readonly document?: Document;
    readonly addEventListener?: typeof addEventListener;
    readonly removeEventListener?: typeof removeEventListener;
  };
  const seen = (): void => {
    if (page.document?.visibilityState === "visible") wake("visible");
  };
  const online = (): void => {
    wake("online");
  };
  page.document?.addEventListener("visibilitychange", seen);
  page.addEventListener?.("online", online);
  return () => {
    page.document?.removeEventListener("visibilitychange", seen);
    page.removeEventListener?.("online", online);
  };
}
