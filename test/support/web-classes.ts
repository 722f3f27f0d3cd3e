// Classes like those of browsers, for a client that is in Bun.

/** Bun has no `EventSource`: enough of one for the client, over `fetch`. It does not come back by itself. */
export class FetchEventSource extends EventTarget {
  readyState = 0;
  #lastEventId = "";
  readonly #abort = new AbortController();

  constructor(url: string) {
    super();
    void this.#read(url).catch(() => {
      this.#fail();
    });
  }

  close(): void {
    this.readyState = 2;
    this.#abort.abort();
  }

  async #read(url: string): Promise<void> {
    const { body } = await fetch(url, {
      headers: { accept: "text/event-stream" },
      signal: this.#abort.signal,
    });
    this.dispatchEvent(new Event("open"));
    let text = "";
    for await (const chunk of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) this.#tell(event);
    }
    this.#fail();
  }

  #tell(event: string): void {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(event)?.[1] ?? "";
    const data = field("data");
    const type = field("event") || "message";
    this.#lastEventId = field("id") || this.#lastEventId;
    if (data !== "") this.dispatchEvent(new MessageEvent(type, { data, lastEventId: this.#lastEventId }));
  }

  #fail(): void {
    if (this.readyState === 2) return;
    this.readyState = 2;
    this.dispatchEvent(new Event("error"));
  }
}

/** Of a network that lets no websocket through. */
export class BlockedWebSocket {
  addEventListener(name: string, listener: (event: object) => void): void {
    if (name !== "close") return;
    queueMicrotask(() => {
      listener({ code: 1006 });
    });
  }
  send(): void {}
  close(): void {}
}
