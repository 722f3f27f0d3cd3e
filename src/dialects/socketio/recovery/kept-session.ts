// The session of one connected client in one namespace, as it is kept for its return. A room that it joins is written before
// it is in, so that no gateway can forget a room of which the client knows.

import type { Position } from "../../../core/position.ts";
import { createPid, proofOf, sessionKey, userProof } from "./pid.ts";
import type { SessionBook } from "./session-book.ts";
import { encodeSession } from "./stored-session.ts";
import type { KeptRoom, StoredSession } from "./stored-session.ts";

/** The client that has a session, in one namespace. */
interface Owner {
  readonly pid: string;
  readonly namespace: string;
  readonly user: string | undefined;
}

/** All keys are looked at within this time after an outage, spread over it, ms. */
const afterOutageMs = 1_000;

export class KeptSession {
  readonly pid: string;
  readonly turn: number;
  readonly #book: SessionBook;
  readonly #key: string;
  readonly #namespace: string;
  readonly #sid: string;
  readonly #since: Position;
  #user: string | undefined;
  readonly #rooms: Map<string, KeptRoom>;
  /** Written, and the client is not in yet. */
  readonly #coming = new Set<string>();
  #touchAt: number;
  /** Those of the store after which the key was looked at. */
  #outages: number;
  /** What the key says is not what is here. */
  #isStale = false;
  /** Another connection has it now, or the client left for good. */
  #isOver = false;

  private constructor(
    book: SessionBook,
    { pid, namespace, user }: Owner,
    session: Omit<StoredSession, "at" | "who">,
  ) {
    this.#book = book;
    this.pid = pid;
    this.#namespace = namespace;
    this.#user = user;
    this.#key = sessionKey(pid, namespace);
    this.#sid = session.sid;
    this.turn = session.turn;
    this.#since = session.since;
    this.#rooms = new Map(session.rooms);
    this.#touchAt = book.now() + book.touchEveryMs;
    this.#outages = book.outages;
    void this.#write();
  }

  /** Of a client that comes for the first time, or not back. */
  static begin(book: SessionBook, sid: string, client: Omit<Owner, "pid">): KeptSession {
    const since = book.here(client.namespace);
    const session = { sid, turn: 0, since, rooms: new Map<string, KeptRoom>() };
    return new KeptSession(book, { pid: createPid(), ...client }, session);
  }

  /** Of a client that is back. */
  static goOn(book: SessionBook, owner: Owner, session: StoredSession): KeptSession {
    return new KeptSession(book, owner, { ...session, turn: session.turn + 1 });
  }

  /** The client may join a room: resolves when that is written, or cannot be. @param secret as the client sent it */
  async willJoin(room: string, secret: unknown): Promise<void> {
    if (this.#rooms.has(room)) return;
    const proof = typeof secret === "string" && secret !== "" ? proofOf(this.pid, secret) : undefined;
    this.#rooms.set(room, { at: this.#book.here(this.#namespace), way: { proof } });
    this.#coming.add(room);
    await this.#write();
    this.#coming.delete(room);
  }

  /**
   * The client is in these rooms now, and in no others, as this user: it left one, a backend moved it, or it showed who it is.
   * Resolves as `willJoin` does.
   */
  async isIn(names: ReadonlySet<string>, user: string | undefined): Promise<void> {
    const known = [...this.#rooms.keys()];
    const gone = known.filter((room) => !names.has(room) && !this.#coming.has(room));
    const granted = [...names].filter((room) => !this.#rooms.has(room));
    if (gone.length + granted.length === 0 && user === this.#user) return;
    this.#user = user;
    for (const room of gone) this.#rooms.delete(room);
    for (const room of granted) {
      this.#rooms.set(room, { at: this.#book.here(this.#namespace), way: "granted" });
    }
    await this.#write();
  }

  /** Keeps the key alive; writes it anew where it is gone, or says less. */
  tick(now: number): void {
    if (this.#outages !== this.#book.outages) {
      this.#outages = this.#book.outages;
      this.#touchAt = Math.min(this.#touchAt, now + Math.random() * afterOutageMs);
    }
    if (this.#isOver || now < this.#touchAt) return;
    this.#touchAt = now + (this.#isStale ? 1_000 : this.#book.touchEveryMs);
    if (this.#isStale) void this.#write();
    else void this.#touch();
  }

  /** Another connection has the session: nothing is written for this one any more. */
  abandon(): void {
    this.#isOver = true;
  }

  /** The client left, or a backend disconnected it: it cannot come back. */
  forget(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    void this.#book.remove(this.#key);
  }

  async #touch(): Promise<void> {
    if (!(await this.#book.touch(this.#key))) await this.#write();
  }

  async #write(): Promise<void> {
    if (this.#isOver) return;
    const text = encodeSession({
      sid: this.#sid,
      who: userProof(this.pid, this.#user),
      turn: this.turn,
      since: this.#since,
      at: this.#book.here(this.#namespace),
      rooms: this.#rooms,
    });
    if (text === undefined) {
      this.#book.sayTooLarge();
      await this.#book.remove(this.#key);
      return;
    }
    const isWritten = await this.#book.write(this.#key, text);
    this.#isStale = !isWritten;
    if (!isWritten) this.#touchAt = Math.min(this.#touchAt, this.#book.now() + 1_000);
  }
}
