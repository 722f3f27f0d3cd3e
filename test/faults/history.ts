// What a run writes down, in the order in which it happened: what publishers said and were told, what clients heard and were
// told, and what was broken when. The oracle (oracle.ts) reads this and nothing else.

/** ms of one monotonic clock. */
type Time = number;

export type HistoryEvent = Said | Taken | Joined | Heard | Gap | Left | Fault | Logged | Queued;

/** A publisher is about to say it, for the first time. */
export interface Said {
  readonly kind: "said";
  readonly t: Time;
  /** Of one publication. */
  readonly id: string;
  readonly room: string;
  readonly publisher: string;
  /** A publisher counts what it says in a room from 1. */
  readonly number: number;
}

/** The publisher was told that it is carried out; without one of these it may be heard or not. */
export interface Taken {
  readonly kind: "taken";
  readonly t: Time;
  readonly id: string;
  /** Where it is stored. */
  readonly at?: string | undefined;
  /** It waits in the store until a gateway says it. */
  readonly isQueued?: boolean;
}

/** `nothing`: its system gives nothing back, and does not say that it does. `tape`: rooms with a log are no exception. */
export type RecoverySource = "nothing" | "tape";

export interface Joined {
  readonly kind: "joined";
  readonly t: Time;
  readonly client: string;
  readonly room: string;
  readonly gateway: string;
  /** When it began to come. */
  readonly asked: Time;
  /** The position that it showed. */
  readonly shown?: string | undefined;
  readonly recovered?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly at?: string | undefined;
  /** What its system recovers rooms from. @default the log where the room has one, else the tape */
  readonly source?: RecoverySource | undefined;
  /** It could show no position, because its protocol gives it one with the first event. */
  readonly isPlaceless?: boolean | undefined;
}

export interface Heard {
  readonly kind: "heard";
  readonly t: Time;
  readonly client: string;
  readonly room: string;
  readonly id: string;
  readonly at?: string | undefined;
}

/** A connected client was told that something may be missing in a room. */
export interface Gap {
  readonly kind: "gap";
  readonly t: Time;
  readonly client: string;
  readonly room: string;
  /** It came to this gateway, was told that it is a new client, and was cut off before it was in the room. */
  readonly passed?: Pick<Joined, "t" | "gateway" | "source" | "isPlaceless"> | undefined;
}

/** Its connection ended. */
export interface Left {
  readonly kind: "left";
  readonly t: Time;
  readonly client: string;
}

export interface Fault {
  readonly kind: "fault";
  readonly t: Time;
  readonly name: string;
  readonly until: Time;
  /** Which gateway it struck; undefined: all of them. */
  readonly gateway?: string | undefined;
  /**
   * What it may cost: what a gateway hears (`line`), what Redis keeps (`store`), both, or neither; `sessions`: what Redis is
   * to keep of clients of the source `tape`, which are pages of Socket.IO.
   */
  readonly breaks: readonly ("line" | "store" | "sessions")[];
  /** It was ended and started anew: it has what another one kept. */
  readonly isRestart?: boolean;
}

/** What the log of Redis held at the end, read from Redis itself. */
export interface Logged {
  readonly kind: "logged";
  readonly t: Time;
  readonly room: string;
  readonly epoch: string;
  /** Publication by offset. */
  readonly entries: Readonly<Record<string, string>>;
}

/** What the queue of Redis held at the end. */
export interface Queued {
  readonly kind: "queued";
  readonly t: Time;
  readonly waiting: number;
  /** Set aside. */
  readonly refused: number;
}
