// The load generator (generator.c, one process per server): the pages of one subject, and what they heard.

import type { Child } from "./process.ts";
import { beside, programs } from "./process.ts";

/** How pages speak to a server. In `path`, `room` and `header`, `{n}` stands for the number of the page. */
export interface Page {
  /** `socketio` pages join the room `time`; `plain` ones are there with the handshake; `stream` ones have an event stream. */
  readonly style: "socketio" | "plain" | "stream";
  readonly path: string;
  /** The room that a page of the style `socketio` joins, `{n}` as in `path`. @default time */
  readonly room?: string;
  /** One more line of the request, such as `Cookie: a=b`. */
  readonly header?: string;
}

/** What is posted, over and over. In `path` and `body`, `{n}` stands for the number of a room. */
export interface Post {
  readonly path: string;
  /** For `Authorization: Bearer`. */
  readonly token: string;
  /** In one line. */
  readonly body: string;
}

interface PostPlan {
  /** Of a backend that keeps them, as pools of clients do. */
  readonly connections: number;
  /** The numbers of rooms are below it. */
  readonly rooms: number;
}

/** How long answers took. */
export interface Posted {
  readonly p50Us: number;
  readonly p99Us: number;
}

export class Generator {
  readonly #child: Child;
  readonly count: number;
  /** From the first connect to the last join. */
  readonly joinMs: number;

  readonly #path: string;

  private constructor(
    child: Child,
    { count, joinMs, path }: { count: number; joinMs: number; path: string },
  ) {
    this.#child = child;
    this.#path = path;
    this.count = count;
    this.joinMs = joinMs;
  }

  /** @param net a number of its own per generator: 127.0.net.x is where its pages connect from. */
  static async start(
    server: { readonly port: number; readonly page: Page },
    count: number,
    net: number,
  ): Promise<Generator> {
    const { style, path, room = "time", header } = server.page;
    const args = ["127.0.0.1", `${server.port}`, `${count}`, `${net}`, style, path, room];
    const child = beside([programs.generator, ...args, ...(header === undefined ? [] : [header])]);
    const { ms } = JSON.parse(await child.line()) as { ms: number };
    return new Generator(child, { count, joinMs: ms, path: `port ${server.port}, ${path}` });
  }

  async messages(): Promise<number> {
    return (JSON.parse(await this.#child.ask("count")) as { messages: number }).messages;
  }

  /** Time that it spent on what arrived, microseconds. Its CPU would be more: it does not sleep while messages come. */
  async busy(): Promise<number> {
    return (JSON.parse(await this.#child.ask("count")) as { busyUs: number }).busyUs;
  }

  async untilHeard(total: number): Promise<void> {
    const deadline = performance.now() + 60_000;
    while ((await this.messages()) < total) {
      if (performance.now() > deadline)
        throw new Error(`Expected ${total} messages, got ${await this.messages()}`);
      await Bun.sleep(2);
    }
  }

  /**
   * Publishes until every page heard one and the same message: a handshake may be over before the server has put its
   * page into the room.
   */
  async untilAllHear(publish: () => Promise<void>): Promise<void> {
    const deadline = performance.now() + 60_000;
    let heard = -1;
    while (performance.now() < deadline) {
      const before = await this.#quiet();
      await publish();
      heard = (await this.#quiet()) - before;
      if (heard === this.count) return;
    }
    throw new Error(`Expected ${this.count} pages at ${this.#path} to hear a message, got ${heard}`);
  }

  /** Messages so far, once no more came for a while. */
  async #quiet(): Promise<number> {
    for (let last = -1; ; await Bun.sleep(150)) {
      const now = await this.messages();
      if (now === last) return now;
      last = now;
    }
  }

  /**
   * Posts over keep-alive connections, one after the other on each; resolves when all are answered with 200.
   */
  async post({ path, token, body }: Post, count: number, { connections, rooms }: PostPlan): Promise<Posted> {
    return JSON.parse(
      await this.#child.ask(`post ${connections} ${count} ${rooms} ${path} ${token} ${body}`),
    ) as Posted;
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}
