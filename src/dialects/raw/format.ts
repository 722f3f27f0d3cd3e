// What WS-HUB, ws4redis and websocket-channels share: targets in the one namespace, and the encoding of bare payloads.
// Events look like `{"event":..,"data":..}` to raw clients.

import { toBase64 } from "../../codec/base64.ts";
import { eventMembers } from "../../codec/publication-json.ts";
import type { Format } from "../../core/membership.ts";
import type { Publication, Target } from "../../core/publication.ts";

/** One for all: most publications leave no client out, and many are kept. */
const none: readonly string[] = [];

/** The clients in these rooms of the default namespace, which all raw dialects share. */
export function toRooms(rooms: readonly string[], skip: readonly string[] = none): Target {
  return { namespace: "/", rooms, except: none, skip };
}

/** The clients below this name in a dialect's tree (WSC-03). */
export function toTree(name: string): Target {
  return { ...toRooms([name]), isTree: true };
}

/**
 * The encoding of a raw dialect: one text frame with the payload as it came, binary where it is not UTF-8 (HUB-08,
 * W4R-07, WSC-05).
 */
export function createRawFormat(dialect: string): Format {
  return {
    dialect,
    name: dialect,
    encode: (publication) => [publication.frame ?? eventFrame(publication)],
  };
}

/** An event as JSON text; binary values are base64 text. */
export function eventFrame(publication: Publication): string {
  return `{${eventMembers(publication, (bytes) => `"${toBase64(bytes)}"`)}}`;
}
