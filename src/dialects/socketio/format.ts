// The encodings of the socketio dialect: one Format per packet generation, shared by all its connections, so a
// publication is encoded once for all clients of a generation, websocket and polling alike. JSON for version 3 is
// pure ASCII: socket.io-client 1.0 to 1.7 end at the first other character that comes on polling (EIO-09).

import type { Format } from "../../core/membership.ts";
import type { Publication } from "../../core/publication.ts";
import type { Frame } from "../../core/carrier.ts";
import { encodeEvent } from "./packet.ts";
import { messageByte, toBase64 } from "./engine-io/payload.ts";

/** `3-base64`: a websocket of version 3 that asked for `b64` gets binary as text (EIO-10). */
export type Generation = "4" | "3" | "3-base64";

/** A message's binary attachment as a frame of the generation. */
function binaryFrame(generation: Generation, bytes: Uint8Array): Frame {
  if (generation === "4") return bytes;
  if (generation === "3") return Buffer.concat([messageByte, bytes]);
  return `b4${toBase64(bytes)}`;
}

/** All frames of an event; with `id`, one that wants an acknowledgement (SIO-10). */
export function eventFrames(generation: Generation, publication: Publication, id?: string): readonly Frame[] {
  const text = encodeEvent(publication, { id, isAscii: generation !== "4" });
  if (publication.attachments.length === 0) return [text];
  return [text, ...publication.attachments.map((bytes) => binaryFrame(generation, bytes))];
}

export function createFormats(): Readonly<Record<Generation, Format>> {
  const create = (generation: Generation): Format => ({
    dialect: "socketio",
    name: `socketio/${generation}`,
    encode: (publication) => eventFrames(generation, publication),
  });
  return { "4": create("4"), "3": create("3"), "3-base64": create("3-base64") };
}
