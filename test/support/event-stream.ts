// A client of server-sent events that reads the bytes of the answer by the rules of the HTML standard (section 9.2.6) and
// shows what browsers keep to themselves: the last id, and the time after which they would reconnect.

/** An event as a page sees it. */
export interface StreamEvent {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

export class EventStreamClient implements Disposable {
  readonly response: Response;
  /** Stays what was shown until an event has one. */
  lastEventId: string;
  retryMs: number | undefined;
  readonly #abort: AbortController;
  readonly #events: AsyncIterator<StreamEvent>;

  private constructor(response: Response, abort: AbortController, lastEventId: string) {
    this.response = response;
    this.lastEventId = lastEventId;
    this.#abort = abort;
    this.#events = this.#read();
  }

  /** Rejects when the answer is not a stream. */
  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStreamClient> {
    const abort = new AbortController();
    const answer = await fetch(url, {
      headers: { accept: "text/event-stream", ...headers },
      signal: abort.signal,
    });
    const type = answer.headers.get("content-type") ?? "";
    if (answer.status !== 200 || !type.startsWith("text/event-stream"))
      throw new Error(`Expected an event stream, got ${answer.status} ${await answer.text()}`);
    return new EventStreamClient(answer, abort, headers["last-event-id"] ?? "");
  }

  /** The next event. Rejects when the stream ends before. */
  async next(): Promise<StreamEvent> {
    const { done, value } = await this.#events.next();
    if (done === true) throw new Error("Expected one more event, got the end of the stream");
    return value;
  }

  /** Resolves at the end of the stream, with the events before it. */
  async rest(): Promise<readonly StreamEvent[]> {
    const events: StreamEvent[] = [];
    for (;;) {
      const { done, value } = await this.#events.next();
      if (done === true) return events;
      events.push(value);
    }
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
  }

  async *#read(): AsyncGenerator<StreamEvent> {
    let [type, data, hasData] = ["", "", false];
    // The id counts once its event is whole.
    let id = this.lastEventId;
    for await (const line of this.#lines()) {
      if (line === "") {
        this.lastEventId = id;
        if (hasData) yield { type: type || "message", data, lastEventId: this.lastEventId };
        [type, data, hasData] = ["", "", false];
        continue;
      }
      const [, field = line, value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? [];
      if (field === "event") type = value;
      else if (field === "data") [data, hasData] = [hasData ? `${data}\n${value}` : value, true];
      else if (field === "id" && !value.includes("\0")) id = value;
      else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    }
  }

  async *#lines(): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    let text = "";
    try {
      for await (const chunk of this.response.body ?? []) {
        text += decoder.decode(chunk, { stream: true });
        // A CR at the end may be half of a line break.
        const lines = text.split(/\r\n|\n|\r(?=[^])/);
        text = lines.pop() ?? "";
        yield* lines;
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    }
  }
}
