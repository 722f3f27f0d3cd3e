// The events of the log: at which levels each is written, with which fields, when, and the sentence that a terminal
// shows. docs/operations.md prints this table (scripts/operations.ts), and an event that is not here does not compile.

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogEventEntry {
  readonly levels: readonly LogLevel[];
  /** Their names, as the docs list them. */
  readonly fields: string;
  /** For the docs. */
  readonly when: string;
  /** `{field}` is put in; without one, the event has a field `text`, which is the sentence. */
  readonly sentence?: string;
}

export const logEvents = {
  listening: {
    levels: ["info"],
    fields: "url, dialects, broker, version",
    when: "a listener is up",
    sentence: "Listening on {url} ({dialects}); messages come by {broker}",
  },
  emulating: {
    levels: ["info"],
    fields: "profile, not_reproduced",
    when: "started with `--as`",
    sentence: "Stands in for {profile}. Not reproduced, because unsafe: {not_reproduced}",
  },
  start_warning: {
    levels: ["warn"],
    fields: "code, text",
    when: "a setting is dangerous or does nothing",
  },
  start_notice: {
    levels: ["info", "warn"],
    fields: "text",
    when: "something to know about this start; info: harmless",
  },
  stopping: {
    levels: ["info"],
    fields: "signal",
    when: "the drain begins",
    sentence: "{signal}: readiness answers 503, and clients are closed over the drain time",
  },
  stopped: {
    levels: ["info"],
    fields: "",
    when: "everything is closed",
    sentence: "Everything is closed",
  },
  bus_down: {
    levels: ["warn"],
    fields: "reason",
    when: "Redis is lost",
    sentence: "Redis is lost: {reason}",
  },
  bus_up: {
    levels: ["info"],
    fields: "downMs",
    when: "and back, every subscription delivers again",
    sentence: "Redis is back after {downMs} ms, and every subscription delivers again",
  },
  message_too_large: {
    levels: ["info"],
    fields: "dialect, maxMessageSize",
    when: "a WS-HUB client was closed: WS-HUB's limit is 128 bytes unless set",
    sentence: "A client of {dialect} was closed: its message was over {maxMessageSize} bytes",
  },
  origin_refused: {
    levels: ["warn"],
    fields: "dialect, origin, text",
    when: "a page with an Origin that is not allowed was refused; the text says what to set (once a minute)",
  },
  files_exhausted: {
    levels: ["warn"],
    fields: "text",
    when: "no file descriptor is left: the text says what to raise (once a minute)",
  },
  upgrade_missing: {
    levels: ["warn"],
    fields: "dialect, text",
    when: "a websocket handshake that lost its `Upgrade` in a proxy (once a minute)",
  },
  join_refused: {
    levels: ["warn"],
    fields: "reason, text",
    when: "a page may not join a room (once a minute for each room-space)",
  },
  join_secret_unset: {
    levels: ["warn"],
    fields: "text",
    when: "likewise, because no secret of its room-space is set anywhere",
  },
  publish_closed: {
    levels: ["warn"],
    fields: "dialect, text",
    when: "a page asked to speak at a facility of ws4redis where browsers may not (once a minute)",
  },
  unlogged: {
    levels: ["warn"],
    fields: "dialect, text",
    when: "a message for a room with a history came from a channel of Redis and is not kept (once a minute)",
  },
  queue_refused: {
    levels: ["warn"],
    fields: "dialect, text",
    when: "Redis does not let this gateway read or go on with the stream `belfry:publish`, or, as `webhooks`, those of events: the text says what is missing (once until it does, and once a minute at most)",
  },
  queue_back: {
    levels: ["info"],
    fields: "dialect, heldMs",
    when: "and it goes on",
    sentence: "{dialect}: entries of the queue are taken again after {heldMs} ms",
  },
  webhook_failed: {
    levels: ["warn"],
    fields: "webhook, reason, status",
    when: "a webhook does not take events, for the first time since it took some",
    sentence: "{webhook} does not take events: {reason}",
  },
  webhook_back: {
    levels: ["info"],
    fields: "webhook, failedMs",
    when: "it takes events again",
    sentence: "{webhook} takes events again after {failedMs} ms",
  },
  webhook_gone: {
    levels: ["warn"],
    fields: "webhook, text",
    when: "a webhook answered 410: it is not asked any more until the gateway starts again, and its events are dead letters",
  },
  webhook_dead: {
    levels: ["warn"],
    fields: "webhook, text",
    when: "events are given up, and are dead letters now (once a minute for each webhook)",
  },
  revocations_unread: {
    levels: ["warn"],
    fields: "text",
    when: "Redis does not say which tokens were taken back, since the start: tokens and tickets are refused (once)",
  },
  peers_refused: {
    levels: ["warn"],
    fields: "text",
    when: "Redis does not let this gateway use the channels `belfry-peers`: it answers for itself alone",
  },
  peer_found: {
    levels: ["debug"],
    fields: "gateway",
    when: "another gateway of the bus showed itself",
    sentence: "Found the gateway {gateway}",
  },
  peer_left: {
    levels: ["debug"],
    fields: "gateway",
    when: "it said goodbye",
    sentence: "The gateway {gateway} ended",
  },
  peer_silent: {
    levels: ["warn"],
    fields: "gateway",
    when: "nothing came from it for 15 s",
    sentence: "The gateway {gateway} was silent for 15 s, and is asked nothing any more",
  },
  tape_taken: {
    levels: ["info"],
    fields: "gateway, bytes, ms",
    when: "at the start and behind a gap: the tape of another gateway was taken over, for clients that come back",
    sentence: "Took over the tape of {gateway}: {bytes} bytes in {ms} ms",
  },
  tape_not_taken: {
    levels: ["warn"],
    fields: "gateway, ms",
    when: "at the start and behind a gap: the tape of another gateway did not come whole, or does not fit, and is not used",
    sentence: "The tape of {gateway} did not come whole, or does not fit, and is not used",
  },
  session_too_large: {
    levels: ["warn"],
    fields: "text",
    when: "a Socket.IO client is in more rooms than are kept for its return, with `socketio.recovery` (once a minute)",
  },
  user_unnamed: {
    levels: ["warn"],
    fields: "text",
    when: "a Django session of a logged-in user without a user name (DJS-09; once a minute)",
  },
  emit_room_empty: {
    levels: ["warn"],
    fields: "dialect",
    when: "a `POST /emit` with an empty `room` went to everyone: usually an unset variable",
    sentence: "A POST /emit with an empty `room` went to everyone: usually an unset variable",
  },
  ack_dropped: {
    levels: ["warn"],
    fields: "dialect, binary",
    when: "an acknowledgement that cannot be sent over the queue",
    sentence: "An acknowledgement cannot be sent over the queue, and is dropped",
  },
  stage_failed: {
    levels: ["warn", "error"],
    fields: "stage, code, error, cause, at",
    when: "an error in background work; level error: one that was not foreseen",
    sentence: "Failed in the background: {stage}: {error}",
  },
  connected: {
    levels: ["debug"],
    fields: "dialect, transport",
    when: "a client connected",
    sentence: "A client connected ({dialect}, {transport})",
  },
  upgraded: {
    levels: ["debug"],
    fields: "dialect, from, to",
    when: "it went from polling to a websocket",
    sentence: "A client of {dialect} went from {from} to {to}",
  },
  returned: {
    levels: ["debug"],
    fields: "dialect, outcome",
    when: "a Socket.IO client came back and showed its session: whether it has it again, or why not",
    sentence: "A client came back: {outcome} ({dialect})",
  },
  disconnected: {
    levels: ["debug"],
    fields: "dialect, transport, reason",
    when: "it disconnected",
    sentence: "A client disconnected: {reason} ({dialect}, {transport})",
  },
  refused: {
    levels: ["debug"],
    fields: "dialect, reason",
    when: "as counted",
    sentence: "Refused: {reason} ({dialect})",
  },
  skipped: {
    levels: ["warn", "debug"],
    fields: "dialect, reason, detail",
    when: "as counted; at warn once a minute per reason, with the class that a pickle holds, or why an entry of `belfry:publish` was set aside",
    sentence:
      "A message was skipped: {reason} ({dialect}). docs/operations.md#reasons says what that means, `belfry tail` shows the message",
  },
  joined: {
    levels: ["info"],
    fields: "dialect, room",
    when: "`--log-names` alone: a page joined a room",
    sentence: "A client joined {room} ({dialect})",
  },
  message: {
    levels: ["info"],
    fields: "dialect, name, rooms, heard",
    when: "`--log-names` alone: a message of a backend, and how many clients of this gateway it reached",
    sentence: "{name} -> {rooms}, delivered to {heard}",
  },
} as const satisfies Readonly<Record<string, LogEventEntry>>;

export type LogEvent = keyof typeof logEvents;

/** The events that may be written at a level. */
export type LogEventAt<Level extends LogLevel> = {
  [Event in LogEvent]: Level extends (typeof logEvents)[Event]["levels"][number] ? Event : never;
}[LogEvent];
