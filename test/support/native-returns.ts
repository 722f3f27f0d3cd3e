// For tests of clients that move between gateways: native ones that show where they stand and note what they receive, and a backend
// that counts in the room `time`.

import { EventStreamClient } from "./event-stream.ts";
import { flaskEmit } from "./flask.ts";
import { RawWebSocket } from "./raw.ts";
import { until } from "./until.ts";

type Publishes = Parameters<typeof flaskEmit>[0];

/** Says whole numbers to the room `time` until it is stopped. @returns how many it said */
export function speak(bus: Publishes): () => Promise<number> {
  const stopping = new AbortController();
  let said = 0;
  const run = (async () => {
    while (!stopping.signal.aborted) {
      await flaskEmit(bus, ["update", said++], { room: "time" });
      await Bun.sleep(2);
    }
    return said;
  })();
  return async () => {
    stopping.abort();
    return run;
  };
}

interface Message {
  readonly type?: string;
  readonly at?: string;
  readonly data?: unknown;
  readonly recovered?: boolean;
}

/** A native client by websocket: joins where it stands, and notes what it receives. */
export class Native {
  readonly heard: unknown[] = [];
  readonly verdicts: unknown[] = [];
  gaps = 0;
  at: string | undefined;
  #socket: RawWebSocket | undefined;

  async come(url: string): Promise<void> {
    const socket = await RawWebSocket.open(url, "/connect");
    this.#socket = socket;
    socket.send(JSON.stringify({ id: 1, type: "join", room: "time", at: this.at }));
    const count = this.verdicts.length;
    void this.#read(socket);
    await until(() => this.verdicts.length > count, 15_000);
  }

  leave(): void {
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
  }

  async #read(socket: RawWebSocket): Promise<void> {
    while (this.#socket === socket) {
      const text = await socket.waitForMessage(60_000).catch(() => undefined);
      if (text === undefined || this.#socket !== socket) return;
      const message = JSON.parse(String(text)) as Message;
      this.at = message.at ?? this.at;
      if (message.type === "gap") this.gaps++;
      if (message.type === "joined") this.verdicts.push(message.recovered);
      else if (message.type === undefined && "data" in message) this.heard.push(message.data);
    }
  }
}

/** A native event stream: shows its last id when it comes back, as browsers do by themselves, and notes what it receives. */
export class Streamed {
  readonly heard: unknown[] = [];
  readonly verdicts: unknown[] = [];
  #lastEventId = "";
  #stream: EventStreamClient | undefined;

  async come(url: string): Promise<void> {
    const shown = this.#lastEventId === "" ? {} : { "last-event-id": this.#lastEventId };
    const stream = await EventStreamClient.open(`${url}/connect?room=time`, shown);
    this.#stream = stream;
    const count = this.verdicts.length;
    void this.#read(stream);
    await until(() => this.verdicts.length > count, 15_000);
  }

  leave(): void {
    this.#stream?.[Symbol.dispose]();
    this.#stream = undefined;
  }

  async #read(stream: EventStreamClient): Promise<void> {
    while (this.#stream === stream) {
      const event = await stream.next().catch(() => undefined);
      if (event === undefined || this.#stream !== stream) return;
      this.#lastEventId = event.lastEventId;
      const message = JSON.parse(event.data) as Message;
      if (message.type === "joined") this.verdicts.push(message.recovered);
      else if (message.type === undefined && "data" in message) this.heard.push(message.data);
    }
  }
}
