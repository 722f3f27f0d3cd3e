// An entry of the stream `belfry:publish` (README.md), by which backends leave a publication for the gateways to publish.

import { isRoomName, isRoomTooLong } from "../../core/room-name.ts";
import type { EntryRefusal, PublishOptions, QueueFields } from "../../core/broker.ts";
import type { QueuedPublication } from "../dialect.ts";
import type { Publication } from "../../core/publication.ts";
import { RawPublication } from "../../codec/raw-publication.ts";
import { readUtf8 } from "../../codec/utf8.ts";
import { toRooms } from "../raw/format.ts";
import { isEventName, maxKeyLength, readCount } from "./packet.ts";
import { textEvent } from "./publish-route.ts";

const names = ["room", "data", "event", "key", "version"] as const;

type Fields = { readonly [Name in (typeof names)[number]]?: Buffer };

/** @param maxNameBytes of rooms and events. */
export function readEntry(fields: QueueFields, maxNameBytes: number): QueuedPublication | EntryRefusal {
  const known = namedFields(fields);
  if (!known)
    return refused(
      "field_unknown",
      `Expected the fields ${names.join(", ")}, each of them once at most, got another`,
    );
  const publication = readPublication(known, maxNameBytes);
  if (publication.kind === "refused") return publication;
  const options = readOptions(known);
  return "kind" in options ? options : { kind: "queued", publication, options };
}

function refused(reason: EntryRefusal["reason"], text: string): EntryRefusal {
  return { kind: "refused", reason, text };
}

function namedFields(fields: QueueFields): Fields | undefined {
  const isEachKnown = fields.every(([name]) => (names as readonly string[]).includes(name));
  const known = Object.fromEntries(fields);
  return isEachKnown && Object.keys(known).length === fields.length ? known : undefined;
}

function readPublication({ room, data, event }: Fields, maxNameBytes: number): Publication | EntryRefusal {
  if (!room) return refused("room_missing", "Expected the field `room`");
  if (!data) return refused("data_missing", "Expected the field `data`");
  const name = readUtf8(room);
  if (name === undefined || !isRoomName(name))
    return refused(
      "room_name_invalid",
      "Expected the name of a room: UTF-8 that is not empty and has no control characters",
    );
  if (isRoomTooLong(name, maxNameBytes))
    return refused("room_name_too_long", `Expected the name of a room to be at most ${maxNameBytes} bytes`);
  if (!event) return new RawPublication(toRooms([name]), data);
  const eventName = readUtf8(event);
  if (eventName === undefined || !isEventName(eventName, maxNameBytes))
    return refused(
      "event_invalid",
      `Expected \`event\` to be 1 to ${maxNameBytes} bytes, and no reserved name`,
    );
  const text = readUtf8(data);
  if (text === undefined) return refused("data_invalid", "Expected the data of an event to be UTF-8");
  return textEvent(toRooms([name]), eventName, text);
}

function readOptions({ key, version }: Fields): PublishOptions | EntryRefusal {
  const text = key && readUtf8(key);
  if (key && (text === undefined || text === "" || text.length > maxKeyLength))
    return refused("key_invalid", `Expected \`key\` to be 1 to ${maxKeyLength} characters`);
  const count = version && readCount(version.toString("latin1"));
  if (version && count === undefined)
    return refused("version_invalid", "Expected `version` to be a whole number from 0 to 2^53 - 1");
  return { key: text, version: count };
}
