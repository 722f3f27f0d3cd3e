// The rules of rooms: who may join a room, which messages browsers receive there, and what is kept of it (docs/rooms.md). One
// list for all dialects; the first rule that matches a room's name counts. auth/room-access.ts obeys `join`, the dialects
// obey `publish`, the broker obeys `history`, presence/ obeys `presence`. config/room-rules.ts makes them.

/** The name of a room by which rules and tokens find it. */
export function roomLabel(room: string, namespace = "/"): string {
  return namespace === "/" ? room : `${namespace},${room}`;
}

/**
 * A way into a room. `anyone`: every client. `secret`: who shows the secret of the room-space. `user`: a visitor with a known
 * user name. `group:<name>`: a member of the group. `token`: who shows a token or a ticket that names the room.
 * `grant`: clients that a backend puts there, and no others.
 */
export type JoinWay = "anyone" | "secret" | "user" | "token" | "grant" | `group:${string}`;

/**
 * What browsers may say in a room. `backends`: their words stay in their dialect (SEC-16). `members`: clients of every
 * dialect hear them. `none`: browsers say nothing there.
 */
export type PublishRule = "backends" | "members" | "none";

/** How much of a room is kept: so many publications, each for so many seconds. */
export interface HistoryRule {
  readonly size: number;
  readonly seconds: number;
}

/** A rule as it is written. What it leaves out is as for a room without a rule. */
export interface WrittenRule {
  /** Glob on the room's name; `/chat,R` is the name of room `R` in the namespace `/chat`. */
  readonly match: string;
  readonly join?: readonly JoinWay[] | undefined;
  readonly publish?: PublishRule | undefined;
  readonly history?: HistoryRule | undefined;
  readonly presence?: boolean | undefined;
}

/** What holds for one room. */
export interface RoomRule {
  /** The place of its rule in the list; undefined: no rule matches. */
  readonly index: number | undefined;
  /** Undefined: the room's name decides (core/room-name.ts). */
  readonly join: readonly JoinWay[] | undefined;
  readonly publish: PublishRule;
  /** Undefined: nothing is kept. */
  readonly history: HistoryRule | undefined;
  /** Are its members told who is there? */
  readonly presence: boolean;
}

export interface RoomRules {
  /** May any room have a history? */
  readonly hasHistory: boolean;
  /** May any room have presence? */
  readonly hasPresence: boolean;
  /** @param namespace of Socket.IO. @default "/" */
  ruleOf(room: string, namespace?: string): RoomRule;
  /** Has the room a log? */
  hasLog(room: string, namespace?: string): boolean;
}

const asNamed: RoomRule = {
  index: undefined,
  join: undefined,
  publish: "backends",
  history: undefined,
  presence: false,
};

/** Without rules, the name of a room decides all. */
export const noRules: RoomRules = {
  hasHistory: false,
  hasPresence: false,
  ruleOf: () => asNamed,
  hasLog: () => false,
};
