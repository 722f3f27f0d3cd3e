// The PresenceStore port on Redis 6.2 and later. Each room has a few keys with one hash tag, so a cluster keeps them together:
// its users, which gateway has which of them, those who are about to leave. Beside them are the leases of the gateways and a
// list of the rooms of each. Whatever no gateway renews ends by itself within a day.

import { createHash } from "node:crypto";
import { roomId } from "../room-id.ts";
import { listOf, pairsOf } from "./reply.ts";
import { randomId } from "../../base/random-id.ts";
import type { PresenceState, PresentUser } from "../../vocabulary/presence-news.ts";
import type { UsersPage } from "../presence.ts";
import type { RoomName } from "../../core/publication.ts";
import { eventsQueue } from "../room-event.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import {
  listedUsers,
  noTracking,
  presenceChannel,
  presenceKeyPrefix,
  presenceTimes,
  usersAtOnce,
} from "../presence.ts";
import type { Duties, PresenceStore, PresenceTimes, RoomUpdate, Tracking } from "../presence.ts";
import type { Commands } from "./commands.ts";
import * as scripts from "./presence-scripts.ts";
import type { Script } from "./scripts.ts";
import { runScript } from "./scripts.ts";

const prefix = presenceKeyPrefix;
const leases = `${prefix}{gateways}:leases`;
const due = `${prefix}{gateways}:due`;
const janitor = `${prefix}{gateways}:janitor`;
/** Of what no gateway renews, seconds. */
const lifeSeconds = 86_400;
/** Events that wait for webhooks, about. */
const maxEvents = 100_000;
/** Rooms of a dead gateway in one step. */
const roomsAtOnce = 20;
/** Of the one who cleans up: when it dies, another does so after so many leases. */
const janitorLeases = 1 / 5;

export interface RedisPresenceParts {
  readonly commands: Commands;
  /** @default no room is tracked */
  readonly tracking: Tracking | undefined;
  readonly times: PresenceTimes | undefined;
}

export class RedisPresence implements PresenceStore {
  readonly #commands: Commands;
  readonly #tracking: Tracking;
  readonly #times: PresenceTimes;

  constructor({ commands, tracking = noTracking, times = presenceTimes }: RedisPresenceParts) {
    this.#commands = commands;
    this.#tracking = tracking;
    this.#times = times;
  }

  /** Rejects with GatewayError `bus_unavailable` where Redis does not run these scripts: an old one, or an ACL user. */
  async check(): Promise<void> {
    await this.#run(scripts.settled, [due], ["", "", this.#times.leaseMs]);
    await this.read({ namespace: "/", room: "" });
  }

  async enroll(gateway: string): Promise<void> {
    await this.#run(scripts.enroll, [leases], [gateway, this.#times.leaseMs]);
  }

  async beat(gateway: string): Promise<Duties | "lost"> {
    const { leaseMs } = this.#times;
    const args = [gateway, leaseMs, Math.ceil(leaseMs * janitorLeases)];
    const [verdict, dead, rooms] = listOf(await this.#run(scripts.beat, [leases, due, janitor], args));
    if (verdict === "lost") return "lost";
    return {
      dead: listOf(dead).map(String),
      due: listOf(rooms).flatMap((label) => readLabel(String(label))),
    };
  }

  async update(gateway: string, updates: readonly RoomUpdate[]): Promise<void> {
    const labels = updates.map(({ name }) => roomId(name));
    const startedAt = performance.now();
    await this.#note(gateway, labels);
    const outcomes = await Promise.all(updates.map(async (one) => this.#updateRoom(gateway, one)));
    // A process that stood still may have been taken for dead, and its list of rooms is gone: it finds them by this again.
    if (performance.now() - startedAt > this.#times.leaseMs / 2) await this.#note(gateway, labels);
    const empty = labels.filter((_, index) => outcomes[index] === "empty");
    if (empty.length > 0) await this.#commands.run(["SREM", roomsOf(gateway), ...empty]);
  }

  async settle(name: RoomName): Promise<void> {
    const next = String(await this.#runIn(name, scripts.settle, { args: [usersAtOnce] }));
    await this.#run(scripts.settled, [due], [roomId(name), next, this.#times.leaseMs]);
  }

  async drop(gateway: string, graceMs: number): Promise<boolean> {
    const commands = this.#commands;
    const rooms = roomsOf(gateway);
    const labels = listOf(await commands.run(["SRANDMEMBER", rooms, String(roomsAtOnce)])).map(String);
    const isDone = await Promise.all(
      labels.flatMap(readLabel).map(async (name) => this.#dropIn(name, gateway, graceMs)),
    );
    const done = labels.filter((_, index) => isDone[index]);
    if (done.length > 0) await commands.run(["SREM", rooms, ...done]);
    if (labels.length > 0) return false;
    await commands.run(["ZREM", leases, gateway]);
    return true;
  }

  async read(name: RoomName): Promise<PresenceState> {
    const { room, users, anonymous } = keysOf(name);
    const reply = listOf(await this.#run(scripts.read, [room, users, anonymous], [listedUsers]));
    const [epoch, version, total, count, found] = reply;
    const state = { kind: "state", epoch: String(epoch), version: Number(version) } as const;
    const isListed = Number(total) <= listedUsers;
    const listed = isListed ? usersOf(listOf(found)) : undefined;
    return { ...state, users: listed, total: Number(total), anonymous: Number(count) };
  }

  async users(name: RoomName, from: string | undefined, limit: number): Promise<UsersPage> {
    const cursor = from !== undefined && /^\d{1,20}$/.test(from) ? from : "0";
    const scan = ["HSCAN", keysOf(name).users, cursor, "COUNT", String(limit)];
    const [next, found] = listOf(await this.#commands.run(scan));
    return {
      users: usersOf(listOf(found)),
      next: String(next) === "0" ? undefined : String(next),
    };
  }

  async rooms(): Promise<readonly RoomName[]> {
    const commands = this.#commands;
    const gateways = listOf(await commands.run(["ZRANGE", leases, "0", "-1"])).map(String);
    const held = gateways.length === 0 ? [] : await commands.run(["SUNION", ...gateways.map(roomsOf)]);
    const leaving = await commands.run(["ZRANGE", due, "0", "-1"]);
    return [...new Set([...listOf(held), ...listOf(leaving)].map(String))].flatMap(readLabel);
  }

  async #note(gateway: string, labels: readonly string[]): Promise<void> {
    const { graceMs } = this.#times;
    const args = [gateway, graceMs, lifeSeconds, ...labels];
    const isEnrolled = await this.#run(scripts.note, [leases, due, roomsOf(gateway)], args);
    if (isEnrolled !== 1) {
      throw new GatewayError("bus_unavailable", "Expected the lease of this gateway in Redis, got none");
    }
  }

  async #updateRoom(gateway: string, { name, here, gone, anonymous }: RoomUpdate): Promise<unknown> {
    const users = here.flatMap(({ user, info = "" }) => [user, info]);
    return this.#runIn(name, scripts.update, { gateway, args: [anonymous, here.length, ...users, ...gone] });
  }

  /** @returns whether nothing of the gateway is left in the room. */
  async #dropIn(name: RoomName, gateway: string, graceMs: number): Promise<boolean> {
    const reply = await this.#runIn(name, scripts.drop, { gateway, graceMs, args: [usersAtOnce] });
    const [rest, next] = listOf(reply).map(String);
    if (next) await this.#commands.run(["ZADD", due, "LT", next, roomId(name)]);
    return Number(rest) === 0;
  }

  async #runIn(
    name: RoomName,
    script: Script,
    { gateway = "", graceMs = this.#times.graceMs, args }: RoomCall,
  ): Promise<unknown> {
    const tracking = this.#tracking;
    const { room, users, leaving, gateways, anonymous, of } = keysOf(name);
    const keys = [room, users, leaving, gateways, anonymous, of + gateway, eventsQueue];
    const flags = [tracking.isTold(name) ? "1" : "", tracking.isReported(name) ? "1" : ""];
    const bounds = [listedUsers, presenceChannel, lifeSeconds, maxEvents];
    const common = [...flags, name.namespace, name.room, ...bounds, randomId(), of, gateway, graceMs];
    return this.#run(script, keys, [...common, ...args]);
  }

  async #run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return runScript(this.#commands, script, { keys, args });
  }
}

interface RoomCall {
  readonly gateway?: string;
  readonly graceMs?: number;
  readonly args: readonly (string | number)[];
}

/** Names of any length, in names of one length. */
function keysOf(name: RoomName) {
  const base = `${prefix}{${createHash("sha256").update(roomId(name)).digest("base64url")}}`;
  return {
    room: `${base}:room`,
    users: `${base}:users`,
    leaving: `${base}:leaving`,
    gateways: `${base}:gateways`,
    anonymous: `${base}:anonymous`,
    of: `${base}:of:`,
  };
}

function roomsOf(gateway: string): string {
  return `${prefix}{gateways}:rooms:${gateway}`;
}

/** @returns nothing for what is no label of ours. */
function readLabel(label: string): readonly RoomName[] {
  try {
    const [namespace, room] = listOf(JSON.parse(label));
    return typeof namespace === "string" && typeof room === "string" ? [{ namespace, room }] : [];
  } catch {
    return []; // another program wrote it
  }
}

/** Name, info, name, info, ... */
function usersOf(replied: readonly unknown[]): readonly PresentUser[] {
  return pairsOf(replied).map(([user, info]) =>
    info === "" ? { user: String(user) } : { user: String(user), info: String(info) },
  );
}
