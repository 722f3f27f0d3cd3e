// One client of the echo dialect on a websocket: it publishes to rooms that it is in, and is told how many clients got it.

import { RawPublication } from "../../../src/codec/raw-publication.ts";
import type { Frame } from "../../../src/core/carrier.ts";
import type { BrowserContext } from "../../../src/dialects/dialect.ts";
import { toRooms } from "../../../src/dialects/raw/format.ts";
import type { RawConnection, RawConnectionParts } from "../../../src/dialects/raw/raw-connection.ts";
import { dialectName } from "./names.ts";

/** What a client is given once it is admitted. */
export interface Admitted {
  readonly rooms: readonly string[];
  /** What limits count it by. */
  readonly address: string;
  /** Gives back its place. */
  readonly release: () => void;
}

export class EchoClient implements RawConnectionParts {
  readonly rooms: readonly string[];
  readonly address: string;
  readonly release: () => void;
  readonly #context: BrowserContext;

  constructor(context: BrowserContext, { rooms, address, release }: Admitted) {
    this.#context = context;
    this.rooms = rooms;
    this.address = address;
    this.release = release;
  }

  heard(client: RawConnection, frame: Frame): void {
    void this.#publish(client, frame);
  }

  /** What it says stays in the dialect, unless the room is open (SEC-16). */
  async #publish(client: RawConnection, frame: Frame): Promise<void> {
    const { hub, broker, isOpenRoom } = this.#context;
    const { id, room, data } = readMessage(frame);
    const isIn =
      client.connection && room !== undefined && hub.room("/", room)?.has(client.connection) === true;
    if (!isIn) {
      client.send(JSON.stringify({ id, error: "room" }));
      return;
    }
    const only = isOpenRoom(room) ? {} : { only: dialectName };
    const payload = Buffer.from(JSON.stringify(data ?? null));
    const { delivered } = await broker.publish(new RawPublication(toRooms([room]), payload, only));
    client.send(JSON.stringify({ id, delivered }));
  }
}

interface Message {
  readonly id?: unknown;
  readonly room?: string;
  readonly data?: unknown;
}

function readMessage(frame: Frame): Message {
  try {
    const { id, room, data } = JSON.parse(String(frame)) as Record<string, unknown>;
    return { id, data, ...(typeof room === "string" && { room }) };
  } catch {
    return {}; // answered as a room that it is not in
  }
}
