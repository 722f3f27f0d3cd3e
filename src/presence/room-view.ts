// The presence of one room as this gateway knows it, while members here watch it: read once from the store, and kept right by
// what the store says on the bus. Pure. What is read a second time, after a gap, becomes the difference to what was told.

import { listedUsers } from "../brokers/presence.ts";
import type { RoomChange } from "../brokers/presence-message.ts";
import type { PresenceNews, PresenceState, PresentUser } from "../vocabulary/presence-news.ts";

/** A room that was too large is listed again from this number of users on. */
const relisted = 0.9 * listedUsers;
/** What may wait while the room is read, changes. */
const maxEarly = 1_000;

/** What became of a change: `gap` and `epoch` mean that the room must be read again. */
export type Verdict = "fine" | "gap" | "epoch";

interface Known {
  /** Empty while there never was any member. */
  epoch: string;
  version: number;
  total: number;
  anonymous: number;
  /** Undefined: there are more than are listed. */
  users: Map<string, PresentUser> | undefined;
}

export class RoomView {
  #known: Known | undefined;
  /** What was told last. */
  #told: { readonly epoch: string; readonly version: number; readonly isListed: boolean } | undefined;
  /** Who came since, or has another `info`; undefined for who left. */
  readonly #untold = new Map<string, PresentUser | undefined>();
  /** Heard while the room is being read; undefined: it is not. */
  #early: RoomChange[] | undefined;

  get isReading(): boolean {
    return this.#early !== undefined;
  }

  /** From now on, what is heard waits for what is read. */
  startReading(): void {
    this.#early = [];
  }

  /** @param state undefined: it could not be read. */
  read(state: PresenceState | undefined): Verdict {
    const early = this.#early ?? [];
    this.#early = undefined;
    if (!state) return "gap";
    this.#take(state);
    if (early.length === maxEarly) return "gap";
    return early.map((change) => this.#apply(change)).find((verdict) => verdict !== "fine") ?? "fine";
  }

  hear(change: RoomChange): Verdict {
    if (!this.#early) return this.#apply(change);
    if (this.#early.length < maxEarly) this.#early.push(change);
    return "fine";
  }

  /** It is small enough to be listed, and its users are not known. */
  get wantsUsers(): boolean {
    return this.#known !== undefined && !this.#known.users && this.#known.total <= relisted;
  }

  /** Undefined: it was never read. */
  state(): PresenceState | undefined {
    if (!this.#known) return undefined;
    const { users, ...numbers } = this.#known;
    return { kind: "state", ...numbers, users: users && [...users.values()] };
  }

  /** What is to be told to those who know what was told before. */
  news(): PresenceNews | undefined {
    if (!this.#known) return undefined;
    const { epoch, version, total, users } = this.#known;
    const told = this.#told;
    const changed = [...this.#untold];
    this.#untold.clear();
    this.#told = { epoch, version, isListed: users !== undefined };
    if (!told || told.epoch !== epoch || told.isListed !== (users !== undefined)) return this.state();
    if (!users) return told.version === version ? undefined : this.state();
    if (changed.length === 0) return undefined;
    const joined = changed.flatMap(([, user]) => user ?? []);
    const left = changed.flatMap(([user, now]) => (now ? [] : [user]));
    return { kind: "change", epoch, from: told.version, version, joined, left, total };
  }

  #take({ epoch, version, total, anonymous, users }: PresenceState): void {
    const before = this.#known?.users;
    const now = users && new Map(users.map((one) => [one.user, one]));
    this.#known = { epoch, version, total, anonymous, users: now };
    if (!before || !now) {
      this.#untold.clear();
      return;
    }
    for (const user of before.keys()) if (!now.has(user)) this.#untold.set(user, undefined);
    for (const [name, user] of now) if (!isSame(before.get(name), user)) this.#untold.set(name, user);
  }

  #apply({ epoch, from, version, total, anonymous, users }: RoomChange): Verdict {
    const known = this.#known;
    if (!known) return "gap";
    // Its life begins.
    if (known.epoch === "" && from === 0) known.epoch = epoch;
    if (known.epoch !== epoch) return "epoch";
    if (version <= known.version) return "fine";
    if (from > known.version) return "gap";
    Object.assign(known, { version, total, anonymous });
    if (!users) known.users = undefined;
    if (!known.users) this.#untold.clear();
    if (!users || !known.users) return "fine";
    for (const user of users.joined) {
      known.users.set(user.user, user);
      this.#untold.set(user.user, user);
    }
    for (const user of users.left) {
      known.users.delete(user);
      this.#untold.set(user, undefined);
    }
    return "fine";
  }
}

function isSame(one: PresentUser | undefined, other: PresentUser): boolean {
  return one !== undefined && one.info === other.info;
}
