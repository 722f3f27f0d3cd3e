// The Log port on Redis 7.0 and later: for each room a stream of entries and a hash with its epoch and top. One script does
// all of an append (log-scripts.ts). The names of a room's keys have one hash tag, so a cluster keeps them together.

import { hash } from "node:crypto";
import { GatewayError } from "../../vocabulary/errors.ts";
import {
  createTag,
  epochLength,
  epochSeconds,
  keySeconds,
  logKeyPrefix,
  readPosition,
} from "../log-store.ts";
import type { Appended, Log, LogEntry, LogPage, LogPosition, LogRange, NewEntry } from "../log.ts";
import type { QueueRef } from "../../core/broker.ts";
import { roomId } from "../room-id.ts";
import type { RoomName } from "../../core/publication.ts";
import type { HistoryRule } from "../../vocabulary/room-rules.ts";
import { Remembered } from "../../base/remembered.ts";
import { randomId } from "../../base/random-id.ts";
import { AppendText, isUsual } from "./append-text.ts";
import type { Commands } from "./commands.ts";
import * as scripts from "./log-scripts.ts";
import { isForgotten, isOfData, refusalOf, runScript } from "./scripts.ts";
import type { Script, ScriptCall } from "./scripts.ts";

/** What of a room's name stands in its hash, for people who look. */
const shownLength = 256;

/** Rooms with keys that are remembered. */
const maxRemembered = 10_000;

/** A few are in use. */
const maxNamespaces = 10;

/** What Redis keeps of a room: names of any length, in names of one length. */
interface Keys {
  readonly base: string;
  readonly meta: string;
  readonly stream: string;
}

export class RedisLog implements Log {
  readonly #commands: Commands;
  readonly #keys = new Remembered(maxRemembered, keysOf);
  /** By namespace and room: to make one name of both costs as much as to look up two. */
  readonly #texts = new Remembered(
    maxNamespaces,
    (namespace: string) =>
      new Remembered(maxRemembered, (room: string) => {
        const name = { namespace, room };
        return new AppendText({ ...this.#keys.get(roomId(name)), label: shown(name) });
      }),
  );

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  /** Rejects with GatewayError `bus_unavailable` where Redis does not run these scripts: one before 7.0, or an ACL user. */
  async check(): Promise<void> {
    const { base, meta, stream } = this.#keys.get("");
    const call = { keys: [meta, stream, `${base}:key`], args: [] };
    const denied = String(await runScript(this.#commands, scripts.denied, call));
    if (denied === "") return;
    const expected = `Expected a user of Redis who may run ${denied}`;
    throw new GatewayError("bus_unavailable", `${expected}, got one who may not (NOPERM)`);
  }

  async append(entry: NewEntry): Promise<Appended> {
    const direct = isUsual(entry) ? this.#commands.direct : undefined;
    if (!direct) return appendedOf(await this.#append(scripts.append, this.#callOf(entry)));
    const { namespace, room } = entry.name;
    let reply;
    try {
      reply = await direct.runSoon(this.#texts.get(namespace).get(room).write(entry));
    } catch (cause) {
      const error = this.#commands.refusal(cause);
      if (!isForgotten(error)) throw refused(error);
      reply = await this.#append(scripts.append, this.#callOf(entry));
    }
    return appendedOf(reply);
  }

  async appendQueued({ queue, id }: QueueRef, entry: NewEntry): Promise<Appended | "gone"> {
    const call = this.#callOf(entry);
    const queued = { ...call, keys: [...call.keys, queue], args: [...call.args, id] };
    const reply = await this.#append(scripts.appendQueued, queued);
    return reply === "gone" ? reply : appendedOf(reply);
  }

  #callOf({ name, history, body, channel, key, version }: NewEntry): ScriptCall {
    const keys = this.#keys.get(roomId(name));
    const once = key === undefined ? [] : [`${keys.base}:key:${digest(key)}`];
    const seconds = epochSeconds(history, false);
    return {
      replies: "line",
      keys: [keys.meta, keys.stream, ...once],
      args: [
        randomId(epochLength),
        body,
        history.size,
        history.seconds,
        seconds,
        channel,
        version ?? "",
        shown(name),
        keySeconds,
        createTag(),
      ],
    };
  }

  async #append(script: Script, call: ScriptCall): Promise<unknown> {
    try {
      return await runScript(this.#commands, script, call);
    } catch (error) {
      throw refused(error);
    }
  }

  async read(name: RoomName, { from, limit, bytes }: LogRange): Promise<LogPage | undefined> {
    const { meta, stream } = this.#keys.get(roomId(name));
    const [way, offset] = "after" in from ? ["after", from.after] : ["before", from.before ?? ""];
    const reply = await runScript(this.#commands, scripts.read, {
      keys: [meta, stream],
      args: [way, offset, limit, bytes],
    });
    const [top, more, ...rest] = texts(reply);
    if (top === undefined) return undefined;
    const place = readPosition(top);
    if (!place) throw unreadable();
    return { top: place, entries: entriesOf(rest), hasMore: more === "1" };
  }

  async top(name: RoomName, history: HistoryRule): Promise<LogPosition> {
    const { meta, stream } = this.#keys.get(roomId(name));
    const args = [randomId(epochLength), epochSeconds(history, true), shown(name)];
    const place = readPosition(
      String(await runScript(this.#commands, scripts.top, { keys: [meta, stream], args })),
    );
    if (!place) throw unreadable();
    return place;
  }
}

/** @param name of the room, as {@link roomId} writes it. */
function keysOf(name: string): Keys {
  const base = `${logKeyPrefix}{${digest(name)}}`;
  return { base, meta: `${base}:meta`, stream: `${base}:stream` };
}

function digest(text: string): string {
  return hash("sha256", text, "base64url");
}

function shown({ namespace, room }: RoomName): string {
  return `${namespace === "/" ? "" : `${namespace},`}${room}`.slice(0, shownLength);
}

function texts(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}

/** Offset, tag, body, offset, tag, body, ... */
function entriesOf(parts: readonly string[]): readonly LogEntry[] {
  return Array.from({ length: Math.floor(parts.length / 3) }, (_, index) => ({
    offset: Number(parts[3 * index]),
    tag: parts[3 * index + 1] ?? "",
    body: parts[3 * index + 2] ?? "",
  }));
}

function appendedOf(reply: unknown): Appended {
  const [kind, at = "", version] = String(reply).split(" ");
  if (!readPosition(at)) throw unusable();
  if (kind === "outdated") return { kind, at, version: Number(version) };
  if (kind === "stored" || kind === "repeated") return { kind, at };
  throw unusable();
}

/** What cannot be stored because of what stands there is told apart from what cannot be stored now. */
function refused(error: unknown): unknown {
  const refusal = refusalOf(error) ?? "";
  return refusal === noEntry || isOfData(refusal) ? unusable(error) : error;
}

/** As the script of an append says it. */
const noEntry = "ERR the log takes no entry";

function unusable(cause?: unknown): GatewayError {
  return new GatewayError(
    "log_unusable",
    "Expected the log of the room in Redis as Belfry wrote it, got keys that another program wrote",
    { cause },
  );
}

function unreadable(): GatewayError {
  return new GatewayError(
    "bus_unavailable",
    "Expected the log in Redis as Belfry wrote it, got something else",
  );
}
