// What surrounds the arguments in every message of Node: packet, target, flags. Used by broadcasts.ts
// (broadcasts) and requests.ts (orders); values come from MessagePack or from JSON, and nothing is trusted.

import { junk } from "../../../core/publication.ts";
import type { Publication, Skipped, Target } from "../../../core/publication.ts";
import { writeArguments } from "../../../codec/argument-writer.ts";
import type { MsgpackValue } from "../../../codec/msgpack.ts";
import { msgpackForm } from "../../../codec/msgpack-json.ts";
import { reservedEvents } from "../../../codec/event-names.ts";

/** One field of a map that MessagePack or JSON made; only own fields count. */
export function field(source: unknown, name: string): unknown {
  if (source instanceof Map) return source.get(name);
  if (!isRecord(source) || !Object.hasOwn(source, name)) return undefined;
  return (source as Readonly<Record<string, unknown>>)[name];
}

/** A map; also an empty list, because PHP packs an empty map as one (NRE-04). */
export function isRecord(value: unknown): value is object {
  if (Array.isArray(value)) return value.length === 0;
  if (value instanceof Uint8Array || value instanceof Date) return false;
  return typeof value === "object" && value !== null;
}

/** A room name; numbers as decimal digits (NRE-02). */
export function roomName(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "bigint") return value.toString();
  return typeof value === "number" && Number.isFinite(value) ? String(value) : undefined;
}

/**
 * A list of room names; absent is the empty list.
 *
 * One bad name makes the list invalid: without it the message would go to more clients than were meant.
 */
export function roomNames(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return value instanceof Map && value.size === 0 ? [] : undefined;
  const names: string[] = [];
  for (const item of value) {
    const name = roomName(item);
    if (name === undefined) return undefined;
    names.push(name);
  }
  return names;
}

/** `{rooms, except}` of a namespace. No rooms mean all of it (NRE-02). */
export function readTarget(namespace: string, options: unknown): Target | undefined {
  if (!isRecord(options)) return undefined;
  const rooms = roomNames(field(options, "rooms"));
  const except = roomNames(field(options, "except"));
  if (!rooms || !except) return undefined;
  return { namespace, rooms: rooms.length > 0 ? rooms : undefined, except, skip: [] };
}

/**
 * Text that is no UTF-8 goes on with U+FFFD, as Node's own servers read it. In packets of type 5 it is the binary of old
 * emitters, which write text and binary alike (NRE-05).
 */
export function isMisread(packet: unknown, hasBrokenText: boolean): boolean {
  return hasBrokenText && field(packet, "type") === 5;
}

/** The publication of a packet that was broadcast with these options. Packets come in MessagePack only. */
export function readPublication(packet: unknown, target: Target, options: unknown): Publication | Skipped {
  if (!(packet instanceof Map)) return junk("node_packet");
  // Old emitters wrote 5 where there was binary; what is in the data decides (NRE-03).
  const type = field(packet, "type");
  const data = field(packet, "data");
  if ((type !== 2 && type !== 5) || !Array.isArray(data)) return junk("node_packet");
  const [event, ...values] = data as readonly MsgpackValue[];
  if (typeof event !== "string") return junk("node_event");
  if (reservedEvents.has(event)) return junk("event_reserved");
  const written = writeArguments(values, msgpackForm);
  if (typeof written === "string") return junk(written);
  const volatile = field(field(options, "flags"), "volatile") === true;
  return { kind: "publication", ...target, event, ...written, volatile };
}
