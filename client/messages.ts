// The messages of the native dialect (src/dialects/native/README.md) as types: what the client reads and writes. No code, and
// nothing imported, so that the types of the published package stand alone.

/** Why a command was not carried out, for programs. */
export type ErrorCode =
  | "bad_message"
  | "unknown_command"
  | "room_name_too_long"
  | "room_name_invalid"
  | "too_many_rooms"
  | "secret_wrong"
  | "room_of_another"
  | "room_closed"
  | "rate_limited"
  | "unavailable"
  | "not_in_room"
  | "publish_forbidden"
  | "event_invalid"
  | "no_history"
  | "no_presence"
  | "position_unknown"
  | "too_many_connections"
  | "token_invalid"
  | "token_expired"
  | "token_other_user"
  | "ticket_invalid";

/** Why it is not known whether something was missed. */
export type LossReason = "too_old" | "epoch" | "gap" | "unavailable";

export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retry: boolean;
}

/** A publication as it is sent: it has no `type`. */
export interface WirePublication {
  readonly room: string;
  readonly event?: string;
  readonly data?: unknown;
  readonly binary?: string;
  readonly hasBinary?: true;
  readonly at?: string;
}

export interface JoinedMessage {
  readonly type: "joined";
  readonly room: string;
  readonly at?: string;
  readonly recovered?: boolean;
  /** Only with `recovered: true`. */
  readonly missed?: number;
  readonly reason?: LossReason;
}

export interface RefusedMessage {
  readonly type: "refused";
  readonly room: string;
  readonly error: ErrorBody;
}

export interface GapMessage {
  readonly type: "gap";
  /** Absent: all without a position of their own. */
  readonly rooms?: readonly string[];
  /** Where these rooms stand now. */
  readonly at?: string;
}

export interface AtMessage {
  readonly type: "at";
  readonly at: string;
}

/** A user who is in a room, and what others may know of the user. */
export interface PresentUser {
  readonly user: string;
  readonly info?: unknown;
}

/** Who is in a room: it takes the place of all that came before. Only to pages that join with `presence: true`. */
export interface PresenceMessage {
  readonly type: "presence";
  readonly room: string;
  readonly epoch: string;
  readonly version: number;
  /** How many users there are. */
  readonly total: number;
  /** Connections without a user, about. */
  readonly anonymous: number;
  /** Absent: there are more than are listed. */
  readonly users?: readonly PresentUser[];
}

/** What changed since the version `from`. */
export interface PresenceChangeMessage {
  readonly type: "presence_change";
  readonly room: string;
  readonly epoch: string;
  readonly from: number;
  readonly version: number;
  readonly total: number;
  /** Users who came, or have another `info` now. */
  readonly joined: readonly PresentUser[];
  readonly left: readonly string[];
}

/** The presence of the room cannot be told: `no_presence`, or `unavailable` for now. */
export interface PresenceFailedMessage {
  readonly type: "presence";
  readonly room: string;
  readonly error: ErrorBody;
}

/** What came without an `id`, and the client hands on. */
export type PresenceNotice = PresenceMessage | PresenceChangeMessage | PresenceFailedMessage;

/** What came without an `id`, and the client needs. */
export type Notice =
  | (WirePublication & { readonly type?: undefined })
  | JoinedMessage
  | RefusedMessage
  | GapMessage
  | AtMessage;

/** The answer to a command. */
export interface Answer {
  readonly id: number;
  readonly type?: string;
  readonly error?: ErrorBody;
  readonly room?: string;
  readonly at?: string;
  readonly recovered?: boolean;
  readonly reason?: LossReason;
  /** Of a token: it ends after so many seconds. */
  readonly seconds?: number;
}

/** The answer to `history`. */
export interface HistoryAnswer extends Answer {
  readonly at: string;
  readonly more: boolean;
  readonly publications: readonly WirePublication[];
}

/** A command without its `id`. */
export type Command =
  | {
      readonly type: "join";
      readonly room: string;
      readonly secret?: string | undefined;
      readonly at?: string | undefined;
      readonly presence?: true;
    }
  | { readonly type: "leave"; readonly room: string }
  | { readonly type: "publish"; readonly room: string; readonly event?: string; readonly data: unknown }
  | { readonly type: "publish"; readonly room: string; readonly binary: string }
  | ({ readonly type: "history"; readonly room: string } & HistoryRange)
  | { readonly type: "token"; readonly token: string }
  | { readonly type: "ping" };

/** Which part of a room's log: newest first before `before`, or oldest first after `since`. */
export interface HistoryRange {
  readonly since?: string;
  readonly before?: string;
  /** 1 to 100. @default 50 */
  readonly limit?: number;
}
