// What is kept of one client in one namespace while it is connected and for a while after: its id, its rooms, and since
// when it is in each. Written by kept-session.ts, read once by returns.ts. JSON, bounded; what cannot be read is none.

import { parseJson } from "../../../base/json.ts";
import type { Position } from "../../../core/position.ts";

/** How the client came into a room. */
export interface KeptRoom {
  /** It hears the room from there on. `""`: where the line stood then was not known. */
  readonly at: Position;
  /** `granted`: a backend put it there. Otherwise it asked, and showed the secret of this proof, or none. */
  readonly way: "granted" | { readonly proof: string | undefined };
}

export interface StoredSession {
  /** The client's id, which others may know. */
  readonly sid: string;
  /** Says whether a visitor is the same user later (pid.ts). */
  readonly who: string;
  /** How often the client came back. A connection of an earlier turn is over. */
  readonly turn: number;
  /** It hears the namespace from there on. */
  readonly since: Position;
  /** Orders of backends up to here are in `rooms`. */
  readonly at: Position;
  readonly rooms: ReadonlyMap<string, KeptRoom>;
}

/** A client in more rooms, or in rooms with long names, does not come back to them. */
const maxRooms = 200;
const maxBytes = 64 * 1024;

/** The form of this version. */
const version = 1;
const granted = 1;
const withoutSecret = 0;

/** @returns undefined when it is too much to keep. */
export function encodeSession({ sid, who, turn, since, at, rooms }: StoredSession): string | undefined {
  if (rooms.size > maxRooms) return undefined;
  const list = Array.from(rooms, ([name, room]) => [name, room.at, encodeWay(room)]);
  const text = JSON.stringify([version, sid, who, turn, since, at, list]);
  return Buffer.byteLength(text) > maxBytes ? undefined : text;
}

function encodeWay({ way }: KeptRoom): string | number {
  return way === "granted" ? granted : (way.proof ?? withoutSecret);
}

/** @returns undefined when it is not such a session. */
export function decodeSession(bytes: Uint8Array): StoredSession | undefined {
  if (bytes.length > maxBytes) return undefined;
  const value = parseJson(Buffer.from(bytes).toString());
  const [form, sid, who, turn, since, at, list] = Array.isArray(value) ? (value as unknown[]) : [];
  if (form !== version || !isText(sid) || !isText(who) || !isCount(turn) || !isText(since) || !isText(at))
    return undefined;
  if (!Array.isArray(list) || list.length > maxRooms) return undefined;
  const rooms = new Map<string, KeptRoom>();
  for (const item of list as unknown[]) {
    const room = Array.isArray(item) ? decodeRoom(item) : undefined;
    if (!room) return undefined;
    rooms.set(...room);
  }
  return { sid, who, turn, since, at, rooms };
}

function decodeRoom([name, at, way]: readonly unknown[]): [string, KeptRoom] | undefined {
  if (!isText(name) || !isText(at)) return undefined;
  if (way === granted) return [name, { at, way: "granted" }];
  if (way === withoutSecret) return [name, { at, way: { proof: undefined } }];
  return isText(way) ? [name, { at, way: { proof: way } }] : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
