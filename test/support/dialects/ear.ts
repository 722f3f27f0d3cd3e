// A client of any dialect that listens: a websocket, without what is only its protocol's own business.

import type { RawClose, RawMessage, RawWebSocket } from "../raw.ts";
import type { Refusal } from "./driver.ts";

/** Generous: the machine may be busy with something else. */
const patienceMs = 20_000;

export class Ear implements Disposable {
  readonly socket: RawWebSocket;
  /** The name that it came by. */
  readonly name: string;
  /** By which a backend or others may know it: a Socket.IO id, a WS-HUB key. */
  readonly id: string;
  readonly #isHeard: (message: RawMessage) => boolean;
  readonly #read: (message: RawMessage) => RawMessage;
  readonly #kept: RawMessage[] = [];

  /**
   * @param isHeard false for messages that are the protocol's own business.
   * @param read takes out of a message what the suite cannot know.
   */
  constructor(
    socket: RawWebSocket,
    parts: {
      readonly name: string;
      readonly id?: string;
      readonly isHeard?: (message: RawMessage) => boolean;
      readonly read?: (message: RawMessage) => RawMessage;
    },
  ) {
    this.socket = socket;
    this.name = parts.name;
    this.id = parts.id ?? "";
    this.#isHeard = parts.isHeard ?? (() => true);
    this.#read = parts.read ?? ((message) => message);
  }

  /** The next message that it hears. */
  async next(): Promise<RawMessage> {
    const kept = this.#kept.shift();
    if (kept !== undefined) return kept;
    for (;;) {
      const message = await this.socket.waitForMessage(patienceMs);
      if (this.#isHeard(message)) return this.#read(message);
    }
  }

  async take(count: number): Promise<readonly RawMessage[]> {
    const messages: RawMessage[] = [];
    while (messages.length < count) messages.push(await this.next());
    return messages;
  }

  /** What it hears before a message with this text in it. */
  async until(text: string): Promise<readonly RawMessage[]> {
    const messages: RawMessage[] = [];
    for (;;) {
      const message = await this.next();
      if (message.includes(text)) return messages;
      messages.push(message);
    }
  }

  /** Waits for a message of the protocol's own; what is heard meanwhile is kept. */
  async answer(start: string): Promise<string> {
    for (;;) {
      const message = await this.socket.waitForMessage(patienceMs);
      if (typeof message === "string" && message.startsWith(start)) return message;
      if (this.#isHeard(message)) this.#kept.push(this.#read(message));
    }
  }

  async closed(): Promise<RawClose> {
    return this.socket.waitForClose(patienceMs);
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]();
  }
}

/** Leaves as a browser does that goes elsewhere. */
export async function leaveForGood(ear: Ear): Promise<void> {
  ear.socket.sendFrame(8, Uint8Array.of(0x03, 0xe8));
  await ear.closed();
  await ear.socket.connection.ended(patienceMs);
}

/** The ear, or an error that says how the room was refused. */
export function admitted(answer: Ear | Refusal): Ear {
  if (answer instanceof Ear) return answer;
  throw new Error(`Expected to come in, got ${answer.status} ${answer.text}`);
}
