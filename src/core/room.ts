// A room of one namespace and who is in it, by format: the hub's unit of delivery. Members who are reached
// through the native topic cost nothing per publication; `looped` ones (polls, streams, clients that fell behind)
// get their frames one by one.

import type { Connection, Format } from "./connection.ts";

/** Members of a room that share an encoding, and the topic that reaches the native ones. */
export interface Audience {
  readonly format: Format;
  readonly topic: string;
  readonly members: Set<Connection>;
  /** The part of `members` that is not on the topic; mostly nobody, and then no set of its own. */
  looped: Set<Connection>;
  /** What the topic carried so far, bytes. */
  carriedBytes: number;
}

/** Stands for every empty set of looped members; nothing is ever added to it. */
const nobody = new Set<Connection>();

export class Room {
  readonly namespace: string;
  /** undefined: the room that everyone in the namespace is in. */
  readonly name: string | undefined;
  #audiences: readonly Audience[] = [];
  readonly #id: number;

  /** @param id unique per hub: topics are numbered, so no name can collide with another (SIO-16, WSE-03). */
  constructor(id: number, namespace: string, name?: string) {
    this.#id = id;
    this.namespace = namespace;
    this.name = name;
  }

  /** A new array on every change: a client that is closed during a delivery disturbs nobody's turn. */
  get audiences(): readonly Audience[] {
    return this.#audiences;
  }

  get isEmpty(): boolean {
    return this.#audiences.length === 0;
  }

  get size(): number {
    return this.#audiences.reduce((sum, audience) => sum + audience.members.size, 0);
  }

  *members(): Iterable<Connection> {
    for (const audience of this.#audiences) yield* audience.members;
  }

  has(connection: Connection): boolean {
    return this.#audience(connection.format)?.members.has(connection) ?? false;
  }

  /** What was published here in this format so far, bytes. */
  carriedBytes(format: Format): number {
    return this.#audience(format)?.carriedBytes ?? 0;
  }

  /** @returns false when it was in already. */
  add(connection: Connection): boolean {
    let audience = this.#audience(connection.format);
    if (!audience) {
      const { format } = connection;
      const topic = `${format.name}:${this.#id}`;
      audience = { format, topic, members: new Set(), looped: nobody, carriedBytes: 0 };
      this.#audiences = [...this.#audiences, audience];
    }
    if (audience.members.has(connection)) return false;
    audience.members.add(connection);
    connection.unheardBytes += audience.carriedBytes;
    if (connection.client.isNative) connection.client.subscribe(audience.topic);
    else loop(audience, connection);
    return true;
  }

  /** @returns false when it was not in. */
  remove(connection: Connection): boolean {
    const audience = this.#audience(connection.format);
    if (!audience?.members.delete(connection)) return false;
    if (!unloop(audience, connection)) connection.client.unsubscribe(audience.topic);
    connection.unheardBytes -= audience.carriedBytes;
    if (audience.members.size === 0) this.#audiences = this.#audiences.filter((other) => other !== audience);
    return true;
  }

  /** The client's `isNative` changed: moves the member to or from the topic. */
  refresh(connection: Connection): void {
    const audience = this.#audience(connection.format);
    if (!audience?.members.has(connection)) return;
    if (connection.client.isNative) {
      if (unloop(audience, connection)) connection.client.subscribe(audience.topic);
    } else if (!audience.looped.has(connection)) {
      loop(audience, connection);
      connection.client.unsubscribe(audience.topic);
    }
  }

  #audience(format: Format): Audience | undefined {
    for (const audience of this.#audiences) if (audience.format === format) return audience;
    return undefined;
  }
}

function loop(audience: Audience, connection: Connection): void {
  if (audience.looped === nobody) audience.looped = new Set();
  audience.looped.add(connection);
}

/** @returns false when it was not looped. */
function unloop(audience: Audience, connection: Connection): boolean {
  const wasLooped = audience.looped.delete(connection);
  if (audience.looped.size === 0) audience.looped = nobody;
  return wasLooped;
}
