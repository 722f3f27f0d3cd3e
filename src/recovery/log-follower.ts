// Follows the logs of the rooms that clients of this gateway are in: delivers what the broker says of them in order and
// once, reads what this gateway missed itself, and answers coming clients what they missed. The way of an answer: the
// room's log is read, then a mark is sent to ourselves through the bus. When the mark is back, everything up to the top
// that was read was heard too, because one connection hears all in the order in which Redis said it; so from that turn on
// the window of the room is exact.

import { ByRoom } from "./by-room.ts";
import type { Turns } from "../base/turns.ts";
import type { Bus } from "../core/bus.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { formatPosition, readPosition } from "../brokers/log-store.ts";
import type { Log } from "../brokers/log.ts";
import type { Publication, RoomName } from "../core/publication.ts";
import type { Observe } from "../core/observe.ts";
import { mayHear } from "../core/publication.ts";
import type { Answer, Asked, LossReason, RecoveryVerdict } from "./recovery.ts";
import type { Position, Positions } from "../core/position.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";
import { LogRoom } from "./log-room.ts";
import type { MarkLine } from "./mark-line.ts";
import type { RoomWindow } from "./room-window.ts";

/** What a window may hold: more was missed by no client that can be helped. */
const bounds = { entries: 10_000, bytes: 8 * 1024 * 1024 };
/** What a publication counts beside its arguments, bytes. */
const overhead = 256;
/** Windows are kept so long after the last client that asked, for the next ones of a storm. */
const lingerMs = 5_000;

export interface LogFollowerParts {
  readonly log: Log;
  readonly bus: Bus;
  /** Of this bus. */
  readonly marks: Pick<MarkLine, "mark">;
  readonly rules: RoomRules;
  readonly observe: Observe;
  /** Monotonic clock, ms. */
  readonly now: () => number;
  /** In which clients that had to wait are told. */
  readonly turns: Pick<Turns, "add">;
  /** To the clients of this gateway, but to these that have it already. @returns how many it was sent to */
  readonly deliver: (publication: Publication, at: Positions, without?: ReadonlySet<object>) => number;
  /** Has the room clients of this gateway? */
  readonly hasMembers: (name: RoomName) => boolean;
  /** These rooms, or only these clients in them, miss something that cannot be had. */
  readonly onGap: (rooms: readonly RoomName[], only?: ReadonlySet<object>) => void;
}

interface Followed {
  readonly name: RoomName;
  readonly room: LogRoom;
  lastAsked: number;
}

export class LogFollower {
  readonly #parts: LogFollowerParts;
  /** Rooms with members that came by `prepare`, and those asked for lately. */
  readonly #rooms = new ByRoom<Followed>();
  #losses: number;
  /** How often what came live had to wait for what is read. */
  #holes = 0;
  /** What was delivered in order since: the losses and holes of that time. */
  #settled: { readonly losses: number; readonly holes: number };
  #isSettling = false;

  constructor(parts: LogFollowerParts) {
    this.#parts = parts;
    this.#losses = parts.bus.losses;
    this.#settled = { losses: parts.bus.losses, holes: 0 };
  }

  /** Does the room have a log? */
  isLogged({ namespace, room }: Pick<Asked, "namespace" | "room">): boolean {
    return room !== undefined && this.#parts.rules.hasLog(room, namespace);
  }

  /** A publication of the broker. @returns how many clients of this gateway it was sent to; undefined: it was before, or will be later. */
  received(publication: Publication, at: Positions): number | undefined {
    const [room] = publication.rooms ?? [];
    const followed = room === undefined ? undefined : this.#rooms.get(publication.namespace, room);
    const place = followed && at.log !== undefined ? readPosition(at.log) : undefined;
    if (!place || !followed) return this.#parts.deliver(publication, at);
    const receivers = followed.room.received({ place, publication, at, bytes: sizeOf(publication) });
    if (followed.room.isHealing) this.#holes += 1;
    return receivers;
  }

  /** Is everything delivered in the order of the tape? Not while rooms read from their logs what this gateway missed. */
  get isSettled(): boolean {
    const { rules, bus } = this.#parts;
    return !rules.hasHistory || (this.#settled.losses === bus.losses && this.#settled.holes === this.#holes);
  }

  /**
   * Makes ready what the answers need, and calls `ready` once; at once where nothing must be read.
   * @param ready gets what answers each of them, exact in the turn in which it is called.
   */
  prepare(asked: readonly Asked[], ready: (answer: (asked: Asked) => Answer) => void): void {
    const losses = new Map<Asked, LossReason>();
    let left = asked.length + 1;
    const settle = (): void => {
      left -= 1;
      if (left === 0) ready((one) => this.#answer(one, losses.get(one)));
    };
    for (const one of asked) {
      const room = this.#follow(one);
      if (!room) {
        losses.set(one, "epoch");
        settle();
        continue;
      }
      room.want(one.position === undefined ? undefined : readPosition(one.position), (reason) => {
        if (reason !== undefined) losses.set(one, reason);
        settle();
      });
    }
    settle();
  }

  /** Where the room stands; undefined: not known here. */
  here(namespace: string, room: string): Position | undefined {
    const window = this.#rooms.get(namespace, room)?.room.window;
    return window && topOf(window);
  }

  /** Looks after windows that are no longer asked for, and after outages of the bus. Called several times a second. */
  sweep(): void {
    const { bus, now, hasMembers } = this.#parts;
    const { isReady } = bus.state();
    const isBack = bus.losses !== this.#losses && isReady;
    if (isBack) this.#losses = bus.losses;
    for (const { name, room, lastAsked } of this.#rooms.values()) {
      if (isBack) room.heal();
      if (isReady && hasMembers(name)) room.follow();
      if (room.isBusy || now() - lastAsked < lingerMs) continue;
      if (hasMembers(name)) room.rest();
      else this.#rooms.delete(name.namespace, name.room);
    }
    if (isReady && !this.isSettled) void this.#settle();
  }

  /** The rooms have read what they missed: once a mark is back, nothing of that comes live any more. */
  async #settle(): Promise<void> {
    if (this.#isSettling || this.#isHealing()) return;
    this.#isSettling = true;
    const settled = { losses: this.#parts.bus.losses, holes: this.#holes };
    const isBack = await this.#parts.marks.mark().then(
      () => true,
      () => false, // the bus is away: the next sweep tries again
    );
    this.#isSettling = false;
    if (isBack && !this.#isHealing()) this.#settled = settled;
  }

  #isHealing(): boolean {
    return this.#rooms.values().some(({ room }) => room.isHealing);
  }

  close(): void {
    this.#rooms.clear();
  }

  #follow({ namespace, room = "" }: Asked): LogRoom | undefined {
    const { rules, log, bus, now, turns, deliver, onGap, observe } = this.#parts;
    const known = this.#rooms.get(namespace, room);
    if (known) {
      known.lastAsked = now();
      return known.room;
    }
    const { history } = rules.ruleOf(room, namespace);
    if (!history) return undefined;
    const name = { namespace, room };
    const followed = new LogRoom({
      name,
      history,
      log,
      bounds,
      turns,
      mark: async () => this.#parts.marks.mark(),
      isReady: () => bus.state().isReady,
      losses: () => bus.losses,
      deliver: (publication, at, without) =>
        deliver(publication, this.isSettled ? at : { ...at, isEarly: true }, without),
      gap: (only) => {
        onGap([name], only);
      },
      failed(error) {
        // An outage is known: readiness is red.
        if (!(error instanceof GatewayError)) observe.report("log_read", error);
      },
    });
    this.#rooms.set(namespace, room, { name, room: followed, lastAsked: now() });
    return followed;
  }

  #answer(asked: Asked, loss: LossReason | undefined): Answer {
    const room = this.#rooms.get(asked.namespace, asked.room ?? "")?.room;
    const at = room?.window && topOf(room.window);
    const { position, client } = asked;
    if (position === undefined) return { verdict: undefined, at };
    const isKnown = loss === undefined && room?.window !== undefined;
    const isAhead = room?.noteAhead(client, isKnown ? undefined : readPosition(position)) === true;
    if (isKnown) return { verdict: verdictOf(position, room.window, asked.dialect), at };
    // It keeps its place, which is the better one, and may recover from it next time.
    return { verdict: lost(loss ?? "unavailable"), at: isAhead ? position : at };
  }
}

function verdictOf(position: Position, window: RoomWindow, dialect: string): RecoveryVerdict {
  const place = readPosition(position);
  if (place?.epoch !== window.epoch) return lost("epoch");
  const missed = window.after(place);
  if (typeof missed === "string") return lost(missed);
  return { recovered: true, missed: missed.filter(({ publication }) => mayHear(dialect, publication)) };
}

function lost(reason: LossReason): RecoveryVerdict {
  return { recovered: false, reason };
}

function topOf({ epoch, top, topTag }: RoomWindow): Position | undefined {
  return topTag === undefined ? undefined : formatPosition({ epoch, offset: top, tag: topTag });
}

/** As good as the size on the bus. */
function sizeOf({ args, attachments, raw }: Publication): number {
  const payload = raw
    ? raw.length
    : args.reduce((sum, arg) => sum + arg.length, 0) +
      attachments.reduce((sum, { length }) => sum + length, 0);
  return payload + overhead;
}
