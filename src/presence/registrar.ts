// Writes who is here into the store, under a lease of this gateway, and does what falls to it for others: it removes gateways
// that died, and tells leaves that are due. Whenever the store may have lost something, or took this gateway for dead, the
// gateway enrolls by a new name, writes everything again and removes what stood under the old one: so nothing is left of what
// came late, and there is no other way of mending.

import type { PresenceStore } from "../brokers/presence.ts";
import type { Bus } from "../core/bus.ts";
import type { Observe } from "../core/observe.ts";
import type { RoomName } from "../core/publication.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { randomId } from "../base/random-id.ts";
import type { LocalMembers } from "./local-members.ts";

/** Rooms that are written at once. */
const roomsAtOnce = 64;
/** Between two writes, ms: what changes meanwhile goes in one. */
const pauseMs = 20;
/** Every room is written this often, ms: the store forgets what is not renewed within a day. */
const renewMs = 3_600_000;
/** A reader waits no longer for what is being written, ms: in a storm there is always more. */
const writtenMs = 200;
/** Rooms in which leaves are told at once. */
const settledAtOnce = 50;
/** A gateway removes others once it has been there for so long, by the length of a lease. */
const steadyLeases = 2 / 3;

export interface RegistrarParts {
  readonly store: PresenceStore;
  readonly bus: Pick<Bus, "outages" | "state">;
  readonly members: LocalMembers;
  readonly observe: Observe;
  /** Monotonic clock, ms. */
  readonly now: () => number;
  readonly leaseMs: number;
  readonly graceMs: number;
}

/** Under which name this gateway writes. */
interface Enrolled {
  readonly gateway: string;
  readonly since: number;
  /** Of the bus, when it enrolled. */
  readonly outages: number;
}

export class Registrar {
  readonly #parts: RegistrarParts;
  #enrolled: Enrolled | undefined;
  /** Names under which something of this gateway may stand. */
  #former: string[] = [];
  #nextLook = 0;
  #nextRenewal = 0;
  #looking: Promise<void> | undefined;
  #writing: Promise<void> | undefined;
  #isStopped = false;

  constructor(parts: RegistrarParts) {
    this.#parts = parts;
  }

  /** Several times a second. */
  tick(): void {
    const now = this.#parts.now();
    if (this.#isStopped || now < this.#nextLook || this.#looking) return;
    this.#nextLook = now + this.#parts.graceMs / 8;
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  /** Members changed: that is written once the present turn is over. */
  changed(): void {
    if (this.#writing || this.#isStopped || !this.#enrolled) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Resolves when what changed so far is written, cannot be, or takes long. */
  async written(): Promise<void> {
    this.changed();
    await Promise.race([this.#writing, Bun.sleep(writtenMs)]);
  }

  /** Takes its members out: others tell their leaves once the grace is over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([this.#looking, this.#writing]);
    this.#retire();
    await this.#attempt(async () => this.#dropFormer());
  }

  async #look(): Promise<void> {
    const { bus } = this.#parts;
    if (!bus.state().isReady) return;
    this.#renew();
    if (this.#enrolled && this.#enrolled.outages !== bus.outages) this.#retire();
    await this.#attempt(async () => {
      const { gateway, since } = this.#enrolled ?? (await this.#enroll());
      this.changed();
      const duties = await this.#parts.store.beat(gateway);
      if (duties === "lost") {
        this.#retire();
        this.#nextLook = 0;
        return;
      }
      await this.#settle(duties.due);
      // Not before all of it stands under the new name.
      if (!this.#writing && !this.#parts.members.hasChanges) await this.#dropFormer();
      // After an outage of all of them, the others may be about to come back.
      const { now, leaseMs } = this.#parts;
      if (now() - since < leaseMs * steadyLeases) return;
      for (const dead of duties.dead) await this.#drop(dead, 0);
    });
  }

  async #settle(names: readonly RoomName[]): Promise<void> {
    for (let at = 0; at < names.length; at += settledAtOnce) {
      const some = names.slice(at, at + settledAtOnce);
      await Promise.all(some.map(async (name) => this.#parts.store.settle(name)));
    }
  }

  async #enroll(): Promise<Enrolled> {
    const { store, bus, members, now } = this.#parts;
    const enrolled = { gateway: randomId(), since: now(), outages: bus.outages };
    await store.enroll(enrolled.gateway);
    members.changeAll();
    this.#enrolled = enrolled;
    return enrolled;
  }

  #renew(): void {
    const now = this.#parts.now();
    if (now < this.#nextRenewal) return;
    this.#nextRenewal = now + renewMs;
    this.#parts.members.renewAll();
  }

  #retire(): void {
    if (this.#enrolled) this.#former.push(this.#enrolled.gateway);
    this.#enrolled = undefined;
    this.#parts.members.keepNoChanges();
  }

  async #write(): Promise<void> {
    const { store, members } = this.#parts;
    // The rest of this turn is written with it.
    await new Promise(setImmediate);
    while (members.hasChanges && this.#enrolled && !this.#isStopped) {
      const { gateway } = this.#enrolled;
      const updates = members.take(roomsAtOnce);
      const isWritten = await this.#attempt(async () => {
        await store.update(gateway, updates);
      });
      if (!isWritten && this.#enrolled?.gateway === gateway) this.#retire();
      await Bun.sleep(pauseMs);
    }
  }

  async #dropFormer(): Promise<void> {
    for (const gateway of this.#former) await this.#drop(gateway, this.#parts.graceMs);
    this.#former = [];
  }

  async #drop(gateway: string, graceMs: number): Promise<void> {
    while (!(await this.#parts.store.drop(gateway, graceMs)));
  }

  /** @returns whether it worked. */
  async #attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      // The bus says so itself when it is away.
      if (!(error instanceof GatewayError)) this.#parts.observe.report("presence", error);
      return false;
    }
  }
}
