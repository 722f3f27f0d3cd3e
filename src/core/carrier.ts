// The port to one client, whatever carries it, and to the engine's topics. The hub sees nothing else of
// the network: websockets are reached through topics, everything else by `send`.

/** What goes into one websocket frame: text or binary. */
export type Frame = string | Uint8Array;

/** Unread bytes above which a client is behind: it leaves its topics until it caught up. */
export const behindBytes = 64 * 1024;

/** Carries frames to one client. */
export interface Carrier {
  /** True while the client is reached through topics; false for polls, streams and clients that fell behind. */
  readonly isOnTopics: boolean;
  /** True when a frame sent now would leave now (volatile publications are dropped otherwise). */
  readonly isWritable: boolean;
  /** Bytes that wait for the client to read. */
  readonly bufferedBytes: number;
  /** Sends frames in order, after everything published to its topics before. */
  send(frames: readonly Frame[]): void;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  /**
   * The client leaves its topics (`isOnTopics` turns false) and is fed from a bounded queue until it caught up.
   * @param carriedBytes what its topics carried for it until now: a client that kept up with that does read. @default 0
   */
  fallBehind(carriedBytes?: number): void;
}

/** The engine's topics, over all listeners. */
export interface Topics {
  /** Sends one frame to every subscriber. @returns true when at least one of them is behind. */
  publish(topic: string, frame: Frame): boolean;
}
