// The order of one websocket's commands: what is said behind a token waits for the verdict on it, and what is said about a
// room waits for the join before it, or until its log was read. Everything else takes effect at once. What waits is bounded.

import type { Command } from "./read-command.ts";

/** Commands of one client that wait, and their text without the last one, bytes; more are refused. */
const maxWaiting = 1_000;
const maxWaitingBytes = 256 * 1024;

interface Waiting {
  readonly command: Command;
  readonly bytes: number;
}

export interface CommandOrderParts {
  /** Begins a command. @returns until when others have to wait for it; it never rejects. */
  begin(command: Command): Promise<void> | undefined;
  /** Nothing is waited for any more: an idle client needs no order. */
  idle(): void;
}

export class CommandOrder {
  readonly #parts: CommandOrderParts;
  #behindToken: Waiting[] | undefined;
  /** By the room that is being joined or read. */
  #behindRooms: Map<string, Waiting[]> | undefined;
  #count = 0;
  #bytes = 0;

  constructor(parts: CommandOrderParts) {
    this.#parts = parts;
  }

  /** Begins it, now or behind what it has to wait for. @returns false where too much waits: it is not carried out. */
  take(command: Command, bytes: number): boolean {
    const before = this.#behindToken ?? this.#behindRoom(command);
    const isFull = this.#count >= maxWaiting || this.#bytes > maxWaitingBytes;
    if (before && isFull) return false;
    if (before) this.#wait(before, { command, bytes });
    else this.#start(command);
    return true;
  }

  #start(command: Command): void {
    const work = this.#parts.begin(command);
    if (work) this.hold(command, work);
  }

  /** Others wait for a command that has begun. */
  hold(command: Command, work: Promise<void>): void {
    if (command.type === "token") this.#holdAll(work);
    else if ("room" in command) this.#holdRoom(command.room, work);
  }

  #holdAll(work: Promise<void>): void {
    const behind: Waiting[] = [];
    this.#behindToken = behind;
    void work.then(() => {
      this.#behindToken = undefined;
      for (const waiting of this.#free(behind)) this.#goOn(waiting, this.#behindToken);
      this.#lookIdle();
    });
  }

  #holdRoom(room: string, work: Promise<void>): void {
    const behind: Waiting[] = [];
    this.#behindRooms ??= new Map();
    this.#behindRooms.set(room, behind);
    void work.then(() => {
      this.#behindRooms?.delete(room);
      if (this.#behindRooms?.size === 0) this.#behindRooms = undefined;
      // They were sent before the token that is being judged now, if one is.
      for (const waiting of this.#free(behind)) this.#goOn(waiting, undefined);
      this.#lookIdle();
    });
  }

  #lookIdle(): void {
    if (!this.#behindToken && !this.#behindRooms) this.#parts.idle();
  }

  /** One that was taken is not refused any more. */
  #goOn(waiting: Waiting, behindToken: Waiting[] | undefined): void {
    const before = behindToken ?? this.#behindRoom(waiting.command);
    if (before) this.#wait(before, waiting);
    else this.#start(waiting.command);
  }

  #behindRoom(command: Command): Waiting[] | undefined {
    return "room" in command ? this.#behindRooms?.get(command.room) : undefined;
  }

  #wait(behind: Waiting[], waiting: Waiting): void {
    this.#count += 1;
    this.#bytes += waiting.bytes;
    behind.push(waiting);
  }

  #free(behind: readonly Waiting[]): readonly Waiting[] {
    for (const { bytes } of behind) {
      this.#count -= 1;
      this.#bytes -= bytes;
    }
    return behind;
  }
}
