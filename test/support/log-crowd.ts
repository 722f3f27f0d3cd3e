// Gateways' halves that follow logs, clients that move between them, and an oracle that reads what the clients have and what
// publishers were told, and nothing of the gateways: for the faults of Redis under rooms with a log.

import { Turns } from "../../src/base/turns.ts";
import type { Backplane } from "../../src/brokers/driver.ts";
import { MarkLine } from "../../src/recovery/mark-line.ts";
import { LogFollower } from "../../src/recovery/log-follower.ts";
import { openBackplane } from "../../src/brokers/registry.ts";
import { GatewayError } from "../../src/vocabulary/errors.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { readPosition } from "../../src/brokers/log-store.ts";
import { silent } from "../../src/core/observe.ts";
import type { Publication } from "../../src/core/publication.ts";
import type { Answer, Asked } from "../../src/recovery/recovery.ts";
import { createRoomRules } from "../../src/config/room-rules.ts";
import { publicationWith } from "./publication.ts";

const rules = createRoomRules([{ match: "*", history: { size: 10_000, seconds: 300 } }]);

export function said(room: string, event: string): Publication {
  return publicationWith({ rooms: [room], event });
}

/** A broker, a follower and the clients that are with them. */
export class LogGateway implements AsyncDisposable {
  readonly backplane: Backplane;
  readonly follower: LogFollower;
  readonly #marks: MarkLine;
  readonly #clients = new Set<LogClient>();
  readonly #ticker: NodeJS.Timeout;

  private constructor(backplane: Backplane) {
    this.backplane = backplane;
    this.#marks = new MarkLine(backplane.bus);
    this.follower = new LogFollower({
      ...backplane,
      marks: this.#marks,
      rules,
      observe: silent,
      now: () => performance.now(),
      turns: new Turns(() => performance.now()),
      deliver: (publication, { log }) => {
        const members = [...this.#clients].filter(({ room }) => publication.rooms?.includes(room) === true);
        for (const client of members) client.heard(publication, log);
        return members.length;
      },
      hasMembers: ({ room }) => [...this.#clients].some((client) => client.room === room),
      onGap: (rooms) => {
        for (const client of this.#clients) {
          if (rooms.some(({ room }) => room === client.room)) client.told();
        }
      },
    });
    this.#ticker = setInterval(() => {
      this.follower.sweep();
    }, 250);
  }

  static async start(url: string): Promise<LogGateway> {
    const gateway = new LogGateway(
      await openBackplane({ url, observe: silent, limits: defaultLimits, rules }),
    );
    await gateway.backplane.broker.open((publication, { at: log }) =>
      gateway.follower.received(publication, log === undefined ? {} : { log }),
    );
    return gateway;
  }

  /** The client comes back, with where it stood. */
  async join(client: LogClient): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const asked: Asked = { namespace: "/", room: client.room, position: client.at, dialect: "native" };
    this.follower.prepare([asked], (answer) => {
      client.entered(answer(asked));
      this.#clients.add(client);
      resolve();
    });
    return promise;
  }

  leave(client: LogClient): void {
    this.#clients.delete(client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#ticker);
    this.#clients.clear();
    this.follower.close();
    await this.#marks.close();
    await this.backplane.close();
  }
}

/** A client: what it has, and what it was told. */
export class LogClient {
  readonly room: string;
  at: string | undefined;
  /** By position: what is said there. */
  readonly has = new Map<string, string>();
  readonly faults: string[] = [];
  readonly verdicts: string[] = [];
  /** Losses that it was told. */
  losses = 0;
  /** The next one need not follow the last. */
  #mayJump = true;

  constructor(room: string) {
    this.room = room;
  }

  entered({ verdict, at }: Answer): void {
    if (verdict?.recovered === true) {
      for (const kept of verdict.missed) this.heard(kept.publication, kept.at);
      if (this.at !== at) this.faults.push(`recovered up to ${this.at}, and told ${at}`);
    } else if (verdict) this.told();
    if (verdict) this.verdicts.push(verdict.recovered ? "recovered" : verdict.reason);
    if (at === undefined) return;
    this.at = at;
    this.#mayJump = false;
  }

  heard({ event }: Publication, position: string | undefined): void {
    const [now, before] = [readPosition(position ?? ""), readPosition(this.at ?? "")];
    if (!now || position === undefined) {
      this.faults.push(`heard ${event} without a position`);
      return;
    }
    if (this.has.has(position)) this.faults.push(`heard ${position} twice`);
    const follows = before?.epoch === now.epoch && now.offset === before.offset + 1;
    if (!follows && !this.#mayJump) this.faults.push(`heard ${position} behind ${this.at}`);
    this.#mayJump = false;
    this.has.set(position, event);
    this.at = position;
  }

  told(): void {
    this.losses += 1;
    this.#mayJump = true;
  }
}

/** What a publisher was told of what it said. */
export class Ledger {
  /** By position. */
  readonly stored = new Map<string, string>();
  refused = 0;
  readonly #room: string;
  #said = 0;

  constructor(room: string) {
    this.#room = room;
  }

  /** Says one more thing, again with the same key until it is taken, at most so often. @returns its position */
  async say({ backplane }: LogGateway, tries = 1): Promise<string | undefined> {
    this.#said += 1;
    const event = `${this.#room} ${this.#said}`;
    for (let attempt = 1; attempt <= tries; attempt++) {
      try {
        const { stored } = await backplane.broker.publish(said(this.#room, event), { key: event });
        if (stored !== undefined) this.stored.set(stored, event);
        return stored;
      } catch (error) {
        if (!(error instanceof GatewayError) || error.code !== "bus_unavailable") throw error;
        this.refused += 1;
        await Bun.sleep(50);
      }
    }
    return undefined;
  }
}

/**
 * What is wrong: a client has something twice or out of order, has something else where a publisher was told what is
 * stored, or lacks that without having been told of a loss.
 */
export function faultsOf(clients: readonly LogClient[], ledger: Ledger): readonly string[] {
  return clients.flatMap((client, index) => {
    const faults = client.faults.map((fault) => `client ${index}: ${fault}`);
    for (const [position, event] of ledger.stored) {
      const own = client.has.get(position);
      if (own === undefined ? client.losses === 0 : own !== event) {
        faults.push(`client ${index}: has ${own} at ${position}, which is ${event}`);
      }
    }
    return faults;
  });
}
