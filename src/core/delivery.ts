// One publication on its way from the hub to its receivers: encoded once for each format, handed to the engine's topic, and
// sent one by one to the few who are not on it.

import type { Share, Connection, Format, Room } from "./membership.ts";
import type { Observe } from "./observe.ts";
import { mayHear } from "./publication.ts";
import type { Publication } from "./publication.ts";
import { behindBytes } from "./carrier.ts";
import type { Position, Positions } from "./position.ts";
import type { Frame, Topics } from "./carrier.ts";

/** The frames of one format, and how much they are, bytes. */
interface Encoded {
  readonly format: Format;
  /** The room that they name; undefined where they name none. */
  readonly room: string | undefined;
  readonly frames: readonly Frame[];
  readonly bytes: number;
}

/** The members of a room that must not get it. */
export interface Muted {
  /** Left out by the publication. */
  readonly excluded: ReadonlySet<Connection>;
  /** Those, and the connections that received it in an earlier room: once is enough where frames do not name the room. */
  readonly reached: ReadonlySet<Connection>;
}

const none: ReadonlySet<Connection> = new Set();
const noConnections: readonly Connection[] = [];
const everyone: Muted = { excluded: none, reached: none };

export interface DeliveryParts {
  readonly topics: Topics;
  readonly observe: Observe;
  /** Do clients of this room count by the positions of its log? @default no */
  readonly hasLog?: ((namespace: string, room: string) => boolean) | undefined;
}

/** One publication on its way out: its frames by format, made once. */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #publication: Publication;
  readonly #at: Positions;
  /** Few: one for each format present, and each room where a format names it. */
  readonly #encoded: Encoded[] = [];
  #receivers = 0;

  constructor(parts: DeliveryParts, publication: Publication, at: Positions) {
    this.#parts = parts;
    this.#publication = publication;
    this.#at = at;
  }

  /** So many clients got it, so far. */
  get receivers(): number {
    return this.#receivers;
  }

  toRoom(room: Room, { excluded, reached } = everyone): void {
    for (const share of room.shares) {
      const { format, members } = share;
      if (!this.#isFor(format)) continue;
      const encoded = this.#encode(format, room.name);
      const muted = format.isPerRoom === true ? excluded : reached;
      // Before the topic: a member that falls behind at the publish is sent to directly from the next publication on.
      const caughtUp = this.#toDirectOf(share, encoded, muted);
      let receivers = members.size;
      for (const connection of muted) if (members.has(connection)) receivers--;
      if (members.size > share.direct.size + caughtUp.length) {
        this.#toTopic(share, encoded, caughtUp.length === 0 ? muted : new Set([...muted, ...caughtUp]));
      }
      this.#count(encoded, receivers);
    }
  }

  toOne(connection: Connection): void {
    if (!this.#isFor(connection.format)) return;
    const encoded = this.#encode(connection.format, undefined);
    this.#sendTo(connection, encoded);
    this.#count(encoded, 1);
  }

  #isFor({ isOver, dialect }: Format): boolean {
    return isOver !== true && mayHear(dialect, this.#publication);
  }

  /** One client gets it from its dialect itself. */
  countOne({ format }: Connection): void {
    this.#count(this.#encode(format, undefined), 1);
  }

  #count({ format, bytes }: Encoded, receivers: number): void {
    this.#receivers += receivers;
    this.#parts.observe.delivered(format.dialect, receivers, bytes);
  }

  /** @returns the members that are back on the topic: the send found that they had read everything. Once is enough. */
  #toDirectOf({ direct }: Share, encoded: Encoded, muted: ReadonlySet<Connection>): readonly Connection[] {
    if (direct.size === 0) return noConnections;
    let caughtUp: Connection[] | undefined;
    // A member that leaves the set at its send and comes back to it stands behind all others, and had its turn.
    let turns = direct.size;
    for (const member of direct) {
      if (turns-- === 0) break;
      if (muted.has(member)) continue;
      this.#sendTo(member, encoded);
      if (member.carrier.isOnTopics) (caughtUp ??= []).push(member);
    }
    return caughtUp ?? noConnections;
  }

  #sendTo({ carrier }: Connection, { frames }: Encoded): void {
    if (this.#publication.volatile && !carrier.isWritable) return;
    carrier.send(frames);
  }

  #toTopic(share: Share, { frames, bytes }: Encoded, muted: ReadonlySet<Connection>): void {
    const { topic } = share;
    const away = muted.size === 0 ? [] : leaveTopic(share, muted);
    let isBehind = false;
    for (const frame of frames) isBehind = this.#parts.topics.publish(topic, frame) || isBehind;
    share.carriedBytes += bytes;
    for (const connection of away) {
      connection.carrier.subscribe(topic);
      connection.absentBytes += bytes;
    }
    if (!isBehind) return;
    for (const member of share.members) {
      const { carrier } = member;
      if (carrier.isOnTopics && carrier.bufferedBytes > behindBytes) carrier.fallBehind(member.carriedBytes);
    }
  }

  #encode(format: Format, room: string | undefined): Encoded {
    const named = format.isPerRoom === true ? room : undefined;
    for (const encoded of this.#encoded) {
      if (encoded.format === format && encoded.room === named) return encoded;
    }
    const frames = format.encode(this.#publication, named, this.#positionIn(format, named));
    const encoded = { format, room: named, frames, bytes: bytesOf(frames) };
    this.#encoded.push(encoded);
    return encoded;
  }

  /** Frames that name the room stand where that room keeps what it says; others, where all rooms of a client do. */
  #positionIn({ isPerRoom }: Format, room: string | undefined): Position | undefined {
    if (isPerRoom !== true) return this.#at.isEarly === true ? undefined : this.#at.tape;
    const isLogged = room !== undefined && this.#parts.hasLog?.(this.#publication.namespace, room) === true;
    return isLogged ? this.#at.log : this.#at.tape;
  }
}

/** Takes the muted members off the topic. @returns those that were on it. */
function leaveTopic(
  { topic, members, direct }: Share,
  muted: ReadonlySet<Connection>,
): readonly Connection[] {
  const away: Connection[] = [];
  for (const connection of muted) {
    if (!members.has(connection) || direct.has(connection)) continue;
    connection.carrier.unsubscribe(topic);
    away.push(connection);
  }
  return away;
}

/** What goes to each receiver, bytes. */
function bytesOf(frames: readonly Frame[]): number {
  let bytes = 0;
  for (const frame of frames) bytes += Buffer.byteLength(frame);
  return bytes;
}
