// One room with a followed log (log-follower.ts): its window, what comes live while something is read, and the clients
// that wait for it. It delivers each publication once and in order: what has a hole before it waits until the hole was read
// from the log, or could not be.

import { setTimeout as sleep } from "node:timers/promises";
import type { Turns } from "../base/turns.ts";
import type { LogEntry, LogPosition } from "../brokers/log.ts";
import type { Publication } from "../core/publication.ts";
import type { LossReason } from "./recovery.ts";
import type { Positions } from "../core/position.ts";
import { loadWindow, readBehind } from "./log-load.ts";
import type { LoadParts } from "./log-load.ts";
import { publicationOf } from "../brokers/history.ts";
import { AheadClients } from "./ahead-clients.ts";
import { WaitingClients, reaches } from "./log-waiting.ts";
import type { Waiting } from "./log-waiting.ts";
import { LiveQueue, entryOf, isBefore, isBehind, isOld } from "./log-live.ts";
import type { Live } from "./log-live.ts";
import type { RoomWindow } from "./room-window.ts";

/** A hole is read so often at most, with this pause, ms. */
const healTries = 12;
const healPauseMs = 250;

export interface LogRoomParts extends LoadParts {
  /** Resolves once all that was said before this call was heard. Rejects with GatewayError `bus_unavailable`. */
  mark(): Promise<void>;
  /** Is the bus as it should be (`Bus.state`)? */
  isReady(): boolean;
  /** How often something may have been missed so far (`Bus.losses`). */
  losses(): number;
  /** @param without clients that have it already. */
  deliver(publication: Publication, at: Positions, without?: ReadonlySet<object>): number;
  /** Something is missing, and cannot be had: to all in the room, or to these alone. */
  gap(only?: ReadonlySet<object>): void;
  /** Why something failed, for the log. */
  failed(error: unknown): void;
  /** In which clients that waited are told. */
  readonly turns: Pick<Turns, "add">;
}

export class LogRoom {
  readonly #parts: LogRoomParts;
  #window: RoomWindow | undefined;
  readonly #waiting: WaitingClients;
  #isLoading = false;
  /** How often something may have been missed: what was read before the last time proves nothing. */
  #doubts = 0;
  #losses: number;
  /** Something was missed that cannot be had: clients are told once it is known where the room stands now. */
  #owesGap = false;
  readonly #ahead: AheadClients;
  /** Resolves when what is read for a hole was delivered. */
  #healing: Promise<void> | undefined;
  /** What came live while the window was not there, or waits behind a hole. */
  readonly #live: LiveQueue;

  constructor(parts: LogRoomParts) {
    this.#parts = parts;
    this.#losses = parts.losses();
    this.#live = new LiveQueue(parts.bounds);
    this.#ahead = new AheadClients((clients) => {
      parts.gap(clients);
    });
    this.#waiting = new WaitingClients({
      turns: parts.turns,
      failed: (error) => {
        parts.failed(error);
      },
      window: () => this.#answerable,
      next: () => {
        this.#next();
      },
    });
  }

  /** Exact in each turn; undefined until it was read. */
  get window(): RoomWindow | undefined {
    return this.#window;
  }

  get isBusy(): boolean {
    return this.#isReading || this.#waiting.isTelling;
  }

  get #isReading(): boolean {
    return this.#isLoading || this.#healing !== undefined;
  }

  /** What comes live waits behind what is read. */
  get isHealing(): boolean {
    return this.#healing !== undefined;
  }

  /** Calls `done` once the window covers the position, or never will; at once where it does. */
  want(position: LogPosition | undefined, done: Waiting["done"]): void {
    if (this.#parts.isReady()) this.#lookAtBus();
    const window = this.#answerable;
    if (window && reaches(window, position)) {
      done();
      return;
    }
    this.#waiting.add({ position, done });
    this.#next();
  }

  /** A publication of this room came live. @returns how many clients it was sent to; undefined: it was before, or will be later. */
  received(live: Live): number | undefined {
    this.#lookAtBus();
    const window = this.#window;
    if (!window) {
      this.#payGap();
      if (this.#isLoading && !this.#live.isOverfull) this.#live.push(live);
      return this.#deliver(live);
    }
    if (!this.#healing && live.place.epoch === window.epoch) {
      if (isOld(live.place, window)) return undefined;
      if (window.push(entryOf(live))) return this.#deliver(live);
    }
    this.#live.push(live);
    // Too much to wait for the hole: then it stays one.
    if (this.#live.isOverfull) this.#lose(window);
    else if (!this.#healing) this.heal();
    return undefined;
  }

  /**
   * A client comes that could not be told what it missed. What it has already is not delivered to it.
   * @returns whether it may have more than the window.
   */
  noteAhead(client: object | undefined, place: LogPosition | undefined): boolean {
    const isAhead = place !== undefined && (!this.#window || isBehind(this.#window, place));
    if (client) this.#ahead.note(client, isAhead ? place : undefined);
    return isAhead;
  }

  /** This gateway was cut off: reads what it may have missed, and delivers it. */
  heal(): void {
    const window = this.#window;
    if (!window) this.#owesGap = true;
    this.#doubts += 1;
    if (this.#healing || !window) return;
    this.#healing = this.#heal(window).then((isWhole) => {
      this.#healing = undefined;
      // What came since the last look waits still.
      if (this.#window === window && !(isWhole && this.#goOn(window))) this.#lose(window);
      else this.#ahead.judge(window);
      this.#next();
    });
  }

  /** After an outage nothing follows on what was there before it, until that was looked at. */
  #lookAtBus(): void {
    const losses = this.#parts.losses();
    if (losses === this.#losses) return;
    this.#losses = losses;
    this.heal();
  }

  /** Has a window from soon on, where there is none. */
  follow(): void {
    if (!this.#window && !this.#isReading) this.want(undefined, () => undefined);
  }

  /** Lets the entries go; the room is followed all the same. */
  rest(): void {
    this.#window?.clear();
  }

  /** The window where clients can be answered from it now. */
  get #answerable(): RoomWindow | undefined {
    return this.#healing === undefined && this.#parts.isReady() ? this.#window : undefined;
  }

  /** In front of what comes next at the latest: a client that goes after that has a position behind the gap. */
  #payGap(): void {
    const isOwed = this.#owesGap;
    this.#owesGap = false;
    if (isOwed) this.#parts.gap();
  }

  /** To all but those that have it. */
  #deliver({ place, publication, at }: Omit<Live, "bytes">): number {
    return this.#parts.deliver(publication, at, this.#ahead.having(place));
  }

  /** One read for all that wait now; those that come meanwhile are looked at when it is done. */
  #next(): void {
    if (this.#isReading) return;
    const uncovered = this.#waiting.take();
    if (uncovered.length === 0) return;
    this.#isLoading = true;
    void this.#load(uncovered).then((reason) => {
      this.#isLoading = false;
      // While the bus is away it is read again: then it is known where the room stands.
      if (reason !== undefined && this.#parts.isReady()) this.#payGap();
      this.#waiting.wereRead(uncovered, reason);
      this.#next();
    });
  }

  async #load(waiting: readonly Waiting[], tries = 2): Promise<LossReason | undefined> {
    const positions = [...waiting.flatMap(({ position }) => position ?? []), ...this.#ahead.places];
    try {
      const doubts = this.#doubts;
      const read = await loadWindow(this.#parts, positions);
      await this.#parts.mark();
      await this.#healed();
      this.#lookAtBus();
      if (doubts === this.#doubts && this.#adopt(read)) return undefined;
      // The mark came back, and something before it may not have: the connection was another one in between.
      if (!this.#window) this.#live.take();
      this.heal();
      await this.#healed();
      return tries > 1 ? await this.#load(waiting, tries - 1) : "gap";
    } catch (error) {
      this.#parts.failed(error);
      if (!this.#window) this.#live.take();
      return "unavailable";
    }
  }

  /** No hole is being read. */
  async #healed(): Promise<void> {
    while (this.#healing) await this.#healing;
  }

  /** What was read, and behind it what was heard since. @returns false when they do not meet. */
  #adopt(read: RoomWindow): boolean {
    const joined = this.#window ? joinWindows(read, this.#window) : this.#joinLive(read);
    if (!joined) return false;
    this.#window = joined;
    this.#ahead.judge(joined);
    this.#payGap();
    return true;
  }

  #joinLive(read: RoomWindow): RoomWindow | undefined {
    const { isOverfull } = this.#live;
    const live = this.#live.take().filter(({ place }) => !isBefore(place, read));
    const isNext = (entry: Live): boolean => entry.place.epoch === read.epoch && read.push(entryOf(entry));
    return isOverfull || !live.every(isNext) ? undefined : read;
  }

  /** @returns whether nothing is missing up to here. */
  async #heal(window: RoomWindow): Promise<boolean> {
    for (;;) {
      const doubts = this.#doubts;
      if (!(await this.#readHole(window))) return false;
      if (doubts === this.#doubts) return true;
    }
  }

  async #readHole(window: RoomWindow): Promise<boolean> {
    for (let tries = 0; tries < healTries && this.#window === window;) {
      try {
        return await this.#catchUp(window);
      } catch (error) {
        this.#parts.failed(error);
      }
      // The connection for commands may come back later than the one that hears: what waits meanwhile is bounded.
      if (this.#parts.isReady()) tries++;
      await sleep(healPauseMs);
    }
    return false;
  }

  async #catchUp(window: RoomWindow): Promise<boolean> {
    const page = await readBehind(window, this.#parts);
    if (!page || this.#window !== window) return false;
    const isWhole = page.entries.every((entry) => entry.offset <= window.top || this.#pass(window, entry));
    return isWhole && window.top === page.top.offset && this.#goOn(window);
  }

  #pass(window: RoomWindow, { offset, tag, body }: LogEntry): boolean {
    const publication = publicationOf(body);
    if (!publication) return false;
    const place = { epoch: window.epoch, offset, tag };
    const entry = entryOf({ place, publication, at: {}, bytes: body.length });
    if (!window.push(entry)) return false;
    this.#deliver({ place, publication, at: { log: entry.at } });
    return true;
  }

  /** What waited behind the hole. @returns whether it follows on. */
  #goOn(window: RoomWindow): boolean {
    const live = this.#live.take();
    for (const [index, one] of live.entries()) {
      if (isOld(one.place, window)) continue;
      if (one.place.epoch !== window.epoch || !window.push(entryOf(one))) {
        for (const waiting of live.slice(index)) this.#live.push(waiting);
        return false;
      }
      this.#deliver(one);
    }
    return true;
  }

  /** The hole stays: the room is told, what waited behind it is delivered, and its window is read anew. */
  #lose(window: RoomWindow): void {
    if (this.#window !== window) return;
    this.#window = undefined;
    this.#owesGap = true;
    const behind = this.#live.take().filter(({ place }) => !isOld(place, window));
    if (behind.length > 0) this.#payGap();
    for (const live of behind) this.#deliver(live);
    this.follow();
  }
}

/** @returns the one that reaches further back, up to the end of the newer one; undefined: they do not meet */
function joinWindows(read: RoomWindow, window: RoomWindow): RoomWindow | undefined {
  const newer =
    window.epoch === read.epoch ? window.after({ offset: read.top, tag: read.topTag ?? "" }) : "epoch";
  if (typeof newer === "string") return undefined;
  // Clients that it was read for may wait still.
  if (window.base <= read.base) return window;
  for (const entry of newer) read.push(entry);
  return read;
}
