// What the gateway keeps for clients that come back: the tape of its bus and the logs of its rooms, as one. Part of the
// composition root (gateway.ts).

import { Turns } from "../base/turns.ts";
import { brokerChannel } from "../brokers/bus-broker.ts";
import type { Backplane } from "../brokers/driver.ts";
import { publicationOf } from "../brokers/history.ts";
import { LogFollower } from "../recovery/log-follower.ts";
import type { Config } from "../config/schema.ts";
import type { Carried } from "../core/broker.ts";
import type { BusMessage } from "../core/bus.ts";
import type { Hub } from "../core/hub.ts";
import { keptOrder } from "../recovery/kept-order.ts";
import type { Order, Publication } from "../core/publication.ts";
import { MarkLine } from "../recovery/mark-line.ts";
import { RecoveryByRule } from "../recovery/recovery-by-rule.ts";
import type { Telemetry } from "../observe/observe.ts";
import type { Recovery } from "../recovery/recovery.ts";
import type { Positions } from "../core/position.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";
import { HandOver } from "../recovery/hand-over.ts";
import { TapeSources } from "../recovery/tape-wire.ts";
import type { Peers } from "../peers/peers.ts";
import { TapeRecovery } from "../recovery/tape-recovery.ts";
import type { TapeSource } from "../recovery/tape.ts";

export interface KeptParts {
  readonly config: Pick<Config, "tape">;
  readonly peers: Peers;
  readonly backplane: Backplane;
  readonly hub: Hub;
  readonly rules: RoomRules;
  readonly observe: Telemetry;
  readonly now: () => number;
}

/** Makes the tape, which the bus must know before its first message. */
export function createTape(config: Config, now: () => number): TapeRecovery {
  const { seconds, bytes } = config.tape;
  return new TapeRecovery({ maxAgeMs: seconds * 1000, maxBytes: bytes, now });
}

/** What the broker says, as a feed. */
const brokerFeed: TapeSource = {
  filter: { kind: "exact", name: brokerChannel },
  decode: ({ payload }) =>
    publicationOf(payload.toString()) ?? { kind: "skipped", reason: "envelope_invalid", isJunk: true },
};

export class KeptPublications {
  readonly recovery: Recovery;
  readonly #tape: TapeRecovery;
  readonly #logs: LogFollower;
  readonly #marks: MarkLine;
  readonly #rules: RoomRules;
  readonly #observe: KeptParts["observe"];
  readonly #sources = new TapeSources();
  readonly #handOver: HandOver;

  constructor(tape: TapeRecovery, parts: KeptParts) {
    const { backplane, hub, rules, observe, now } = parts;
    this.#tape = tape;
    this.#marks = new MarkLine(backplane.bus);
    tape.proveBy(this.#marks);
    this.#rules = rules;
    this.#observe = observe;
    const logs = new LogFollower({
      log: backplane.log,
      bus: backplane.bus,
      marks: this.#marks,
      rules,
      observe,
      now,
      turns: new Turns(() => performance.now()),
      deliver: (publication, at, without) => hub.deliver(publication, at, without),
      hasMembers: ({ namespace, room }) => hub.room(namespace, room) !== undefined,
      onGap: (rooms, only) => {
        recovery.tellGap(rooms, only);
      },
    });
    const recovery = new RecoveryByRule(tape, logs);
    this.recovery = recovery;
    this.#logs = logs;
    this.#sources.add("broker", brokerFeed);
    this.#handOver = this.#createHandOver(parts);
    // What was said while this gateway was cut off, another one may have.
    tape.onGap(() => void this.#handOver.takeOver());
    observe.gauge(
      "belfry_tape_taken_bytes",
      "What was taken over last from the tape of another gateway, bytes",
      () => this.#handOver.takenBytes,
    );
    observe.gauge(
      "belfry_tape_bytes",
      "What the tape keeps for clients that come back, bytes",
      () => tape.bytes,
    );
  }

  #createHandOver({ config, peers, backplane, observe, now }: KeptParts): HandOver {
    const { handover, bytes, seconds } = config.tape;
    return new HandOver({
      peers,
      recovery: this.#tape,
      sources: this.#sources,
      observe,
      isReady: () => backplane.bus.state().isReady,
      maxMs: seconds === 0 ? 0 : handover * 1000,
      maxBytes: bytes,
      now,
    });
  }

  /** A subscription that stands on the line, of a dialect. */
  addSource(dialect: string, feed: TapeSource): void {
    if (feed.filter.canary) this.#sources.add(`${dialect} ${feed.filter.kind} ${feed.filter.name}`, feed);
  }

  /** Takes over what another gateway kept; resolves when that is done, or cannot be. */
  async takeOver(): Promise<void> {
    await this.#handOver.takeOver();
  }

  /** Resolves when no other gateway is in the middle of taking over what this one kept, or at the deadline. */
  async handedOver(deadlineMs: number): Promise<void> {
    await this.#handOver.handedOver(deadlineMs);
  }

  /** Keeps what a channel of the bus says. */
  record(said: Publication | Order, feed: TapeSource, message: BusMessage): Positions {
    const publication = said.kind === "publication" ? said : keptOrder(said);
    const source = message.meaning ? (feed.ofMeant ?? feed) : feed;
    return { tape: this.#tape.record(publication, source, message), isEarly: !this.#logs.isSettled };
  }

  /** Keeps and delivers what the broker says. @returns to how many clients; undefined: that is not known now. */
  received(publication: Publication, { at, message }: Carried): number | undefined {
    return this.#logs.received(publication, { ...this.record(publication, brokerFeed, message), log: at });
  }

  /** What a backend says on a channel of Redis is in no log, whatever the rule of its room says. */
  countUnlogged(dialect: string, { namespace, rooms = [], isTree, only }: Publication): void {
    if (isTree === true || only !== undefined) return;
    const room = rooms.find((name) => this.#rules.hasLog(name, namespace));
    if (room === undefined) return;
    this.#observe.unlogged(dialect);
    const text =
      "A message for a room with a history came from a channel of Redis and is not kept: publish it by POST /api/publish";
    this.#observe.hint("unlogged", { about: dialect, fields: { dialect, text }, names: { room } });
  }

  /** Forgets what is too old, answers clients that waited for too long, looks after the logs. */
  tick(): void {
    this.#tape.tick();
    this.#handOver.tick();
    this.#logs.sweep();
  }

  async close(): Promise<void> {
    this.#handOver.close();
    this.#logs.close();
    await this.#marks.close();
  }
}
