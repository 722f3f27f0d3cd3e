// What is told to those who watch a room's presence (presence/presence.ts): its state, and what changed since. Versions grow by
// one with each change of a room, so a client applies what is above its own.

/** A user who is in a room. */
export interface PresentUser {
  readonly user: string;
  /** What others may know of the user, as JSON text: of the latest connection. */
  readonly info?: string | undefined;
}

/** The presence of a room at one version. */
export interface PresenceState {
  readonly kind: "state";
  /** Names one life of the room's presence: versions of another life say nothing of this one. */
  readonly epoch: string;
  readonly version: number;
  /** Undefined: there are more than are listed. */
  readonly users: readonly PresentUser[] | undefined;
  /** How many users there are. */
  readonly total: number;
  /** Connections without a user, about: no version counts their changes. */
  readonly anonymous: number;
}

/** What changed from one version to another, each user once. */
export interface PresenceChange {
  readonly kind: "change";
  readonly epoch: string;
  /** The version that it follows; versions between the two are in it. */
  readonly from: number;
  readonly version: number;
  /** Users who came, or have another `info` now. */
  readonly joined: readonly PresentUser[];
  readonly left: readonly string[];
  readonly total: number;
}

/** A state takes the place of all that was told before. */
export type PresenceNews = PresenceState | PresenceChange;
