// What clients of the echo dialect get: one JSON object for each room, bare or as an event of a stream.

import type { Format } from "../../../src/core/membership.ts";
import { eventFrame } from "../../../src/dialects/raw/format.ts";
import { dialectName } from "./names.ts";

/** @param frame puts the JSON into the frames of the transport. */
function createFormat(name: string, frame: (json: string) => string): Format {
  return {
    dialect: dialectName,
    name,
    isPerRoom: true,
    encode: (publication, room) => {
      const event = eventFrame(publication);
      return [frame(`{"room":${JSON.stringify(room ?? null)},${event.slice(1)}`)];
    },
  };
}

export const createSocketFormat = (): Format => createFormat(dialectName, (json) => json);

/** JSON has no line breaks of its own: one `data:` line is enough. */
export const createStreamFormat = (): Format => createFormat("echo-stream", (json) => `data: ${json}\n\n`);
