// The encodings of the socketio dialect: one Format per packet generation, shared by all its connections, so a
// publication is encoded once for all clients of a generation, websocket and polling alike. JSON for version 3 is
// pure ASCII: socket.io-client 1.0 to 1.7 end at the first other character that comes on polling (EIO-09).

import type { Format } from "../../core/membership.ts";
import type { Publication } from "../../core/publication.ts";
import type { Position } from "../../core/position.ts";
import type { Frame } from "../../core/carrier.ts";
import type { PresenceNews } from "../../vocabulary/presence-news.ts";
import type { SocketIoOptions } from "./options.ts";
import { presenceEvents } from "./presence.ts";
import { encodeEvent } from "./packet.ts";
import { toBase64 } from "../../codec/base64.ts";
import { messageByte } from "./engine-io/payload.ts";
import { noOffset } from "./recovery/missed.ts";

/** `3-base64`: a websocket of version 3 that asked for `b64` gets binary as text (EIO-10). */
export type Generation = "4" | "3" | "3-base64";

/** A message's binary attachment as a frame of the generation. */
function binaryFrame(generation: Generation, bytes: Uint8Array): Frame {
  if (generation === "4") return bytes;
  if (generation === "3") return Buffer.concat([messageByte, bytes]);
  return `b4${toBase64(bytes)}`;
}

/** What stands behind the arguments of an event, or between. */
export interface EventMarks {
  /** Of the acknowledgement that is wanted (SIO-10). */
  readonly id?: string;
  /** Where the client stands from this event on, for its return: one more argument, the last. */
  readonly offset?: string | undefined;
}

/** All frames of an event. */
export function eventFrames(
  generation: Generation,
  publication: Publication,
  { id, offset }: EventMarks = {},
): readonly Frame[] {
  const { namespace, event, args, attachments } = publication;
  const marked = offset === undefined ? args : [...args, JSON.stringify(offset)];
  const text = encodeEvent(
    { namespace, event, args: marked, attachments },
    { id, isAscii: generation !== "4" },
  );
  if (attachments.length === 0) return [text];
  return [text, ...attachments.map((bytes) => binaryFrame(generation, bytes))];
}

/** With `recovery`, clients of version 4 come back to their sessions: each event says where they stand. */
export class Formats {
  readonly #options: Pick<SocketIoOptions, "recovery" | "presenceEvent">;
  readonly #formats: Record<Generation, Format>;
  #renewals = 0;

  constructor(options: Pick<SocketIoOptions, "recovery" | "presenceEvent">) {
    this.#options = options;
    this.#formats = { "4": this.#create("4"), "3": this.#create("3"), "3-base64": this.#create("3-base64") };
  }

  of(generation: Generation): Format {
    return this.#formats[generation];
  }

  /** Nothing more is delivered to the clients of a generation that are here: they are about to be ended. */
  renew(generation: Generation): void {
    this.#formats[generation].isOver = true;
    this.#renewals += 1;
    this.#formats[generation] = this.#create(generation, `.${this.#renewals}`);
  }

  #create(generation: Generation, mark = ""): Format {
    const { recovery, presenceEvent } = this.#options;
    return {
      dialect: "socketio",
      name: `socketio/${generation}${mark}`,
      encode(publication, _, at) {
        const { presence } = publication;
        if (presence) return presenceFrames(generation, { ...publication, presence }, presenceEvent);
        const hasOffset = recovery && generation === "4";
        return eventFrames(generation, publication, hasOffset ? { offset: offsetOf(publication, at) } : {});
      },
    };
  }
}

/** They say nothing of where a client stands: what was told of presence is not told again. */
function presenceFrames(
  generation: Generation,
  publication: Publication & { readonly presence: PresenceNews },
  name: string,
): readonly Frame[] {
  const { rooms: [room = ""] = [], presence } = publication;
  return presenceEvents(name, room, presence).flatMap(({ event, json }) =>
    eventFrames(generation, { ...publication, event, args: [json] }),
  );
}

/** As socket.io does: neither what may be lost has one, nor what is answered. */
function offsetOf({ volatile, onAck }: Publication, at: Position | undefined): Position | undefined {
  return volatile || onAck ? undefined : (at ?? noOffset);
}
