// One publication on its way from the hub to its receivers: encoded once for each format, handed to the native topic, and
// sent one by one to the few who are not on it.

import type { Connection, Format } from "./connection.ts";
import type { Observe } from "./observe.ts";
import type { Publication } from "./publication.ts";
import type { Audience, Room } from "./room.ts";
import type { Frame, Topics } from "./transport.ts";

/** A native member whose unread bytes pass this leaves its topics until it caught up. */
const behindBytes = 64 * 1024;

const none: ReadonlySet<Connection> = new Set();

/** One publication on its way out: its frames by format, made once. */
export class Delivery {
  readonly #topics: Topics;
  readonly #observe: Observe;
  readonly #publication: Publication;
  readonly #frames = new Map<Format, readonly Frame[]>();
  readonly #bytes = new Map<Format, number>();
  #receivers = 0;

  constructor(topics: Topics, observe: Observe, publication: Publication) {
    this.#topics = topics;
    this.#observe = observe;
    this.#publication = publication;
  }

  /** So many clients got it, so far. */
  get receivers(): number {
    return this.#receivers;
  }

  toRoom(room: Room, muted: ReadonlySet<Connection> = none): void {
    for (const audience of room.audiences) {
      if (!mayHear(audience.format, this.#publication)) continue;
      const frames = this.#encode(audience.format);
      // Before the topic: who falls behind at the publish is looped from the next publication on.
      for (const member of audience.looped) if (!muted.has(member)) this.#toLooped(member, frames);
      if (audience.members.size > audience.looped.size) this.#toTopic(audience, frames, muted);
      let receivers = audience.members.size;
      for (const connection of muted) if (audience.members.has(connection)) receivers--;
      this.count(audience.format, receivers);
    }
  }

  toOne(connection: Connection): void {
    if (!mayHear(connection.format, this.#publication)) return;
    const frames = this.#encode(connection.format);
    this.#toLooped(connection, frames);
    this.count(connection.format, 1);
  }

  /** So many clients get it in this format. */
  count(format: Format, receivers: number): void {
    this.#encode(format);
    this.#receivers += receivers;
    this.#observe.delivered(format.dialect, receivers, this.#bytes.get(format) ?? 0);
  }

  #toLooped(connection: Connection, frames: readonly Frame[]): void {
    if (this.#publication.volatile && !connection.client.isWritable) return;
    connection.client.send(frames);
  }

  #toTopic(audience: Audience, frames: readonly Frame[], muted: ReadonlySet<Connection>): void {
    const { topic } = audience;
    const away: Connection[] = [];
    for (const connection of muted) {
      if (!audience.members.has(connection) || audience.looped.has(connection)) continue;
      connection.client.unsubscribe(topic);
      away.push(connection);
    }
    let isBehind = false;
    for (const frame of frames) isBehind = this.#topics.publish(topic, frame) || isBehind;
    const bytes = this.#bytes.get(audience.format) ?? 0;
    audience.carriedBytes += bytes;
    for (const connection of away) {
      connection.client.subscribe(topic);
      connection.unheardBytes += bytes;
    }
    if (!isBehind) return;
    for (const member of audience.members) {
      const { client } = member;
      if (client.isNative && client.bufferedBytes > behindBytes) client.fallBehind(member.heardBytes);
    }
  }

  #encode(format: Format): readonly Frame[] {
    let frames = this.#frames.get(format);
    if (!frames) {
      frames = format.encode(this.#publication);
      this.#frames.set(format, frames);
      this.#bytes.set(format, bytesOf(frames));
    }
    return frames;
  }
}

/** Is it for clients of this dialect (SEC-16)? */
export function mayHear({ dialect }: Format, { only, not }: Pick<Publication, "only" | "not">): boolean {
  return (only === undefined || only === dialect) && not !== dialect;
}

/** What goes to each receiver, bytes. */
function bytesOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, frame) => sum + Buffer.byteLength(frame), 0);
}
