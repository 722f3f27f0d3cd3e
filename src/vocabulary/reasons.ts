// The words of the metrics: why a client was disconnected, why something was refused, why a message of the bus was
// skipped. They are the label `reason`; docs/operations.md prints these tables (scripts/operations.ts), and a reason that
// is not here does not compile. One row is one meaning.

import type { ErrorCode } from "./errors.ts";

type ReasonRows = readonly (readonly [reasons: readonly string[], meaning: string])[];

/** Of `belfry_disconnections_total`. A dialect decides which close codes its clients see (EIO-14). */
export const disconnections = [
  [["client"], "the client left, or its connection broke"],
  [["ping_timeout"], "no heartbeat in time"],
  [["connect_timeout"], "no namespace joined in time"],
  [["protocol_error"], "it sent what the protocol does not allow"],
  [["too_large"], "it sent a larger message than its dialect takes"],
  [["flood"], "it sent more than `limits.packetsPerSecond` and `limits.packetsBurst` allow"],
  [["slow"], "it did not read: `limits.sendQueueBytes`"],
  [["server"], "a backend asked for it"],
  [["replaced"], "a newer connection took its key (WS-HUB), or its session (Socket.IO)"],
  [
    ["gap"],
    "the gateway may have missed something: the client comes back, and is told (Socket.IO, `socketio.recovery`)",
  ],
  [["no_groups"], "the backend refused its key (WS-HUB)"],
  [["no_session"], "it asked for the messages of its session and has none (ws4redis)"],
  [["expired"], "its session or token expired"],
  [["denied"], "its token or ticket was refused, or taken back"],
  [["unavailable"], "Redis did not answer when asked for its persisted messages (ws4redis)"],
  [["shutdown"], "the gateway ends"],
] as const satisfies ReasonRows;

export type DisconnectReason = (typeof disconnections)[number][0][number];

/** Of `belfry_refused_total`. */
export const refusals = [
  [
    ["http_400", "http_404", "http_405", "http_426", "http_500", "http_503"],
    "an HTTP request or websocket handshake answered so",
  ],
  [["handshake_rate"], "too many new connections from one address: `limits.handshakesPerAddress`"],
  [["connections_per_address"], "too many at once: `limits.connectionsPerAddress`"],
  [["silent"], "a connection that said nothing, ended because no file descriptor was left"],
  [
    ["closed", "join_closed", "room_closed"],
    "a join that the room's rule does not allow: `belfry config rule <room>` says which rule it is",
  ],
  [
    ["name_invalid", "name_too_long", "too_many_segments", "origin", "upgrade_required"],
    "handshakes of websocket-channels",
  ],
  [
    ["facility_invalid", "channels_denied", "room_denied", "publish_closed", "name_unsafe", "handshake"],
    "handshakes of ws4redis: a facility with an invalid name, channels that rules or the callback deny, a room of another visitor, `publish-*` where it is closed (`publish_closed`: also words of a websocket-channels client in a room with `publish: none`), a user, group or session name that cannot be part of a Redis name",
  ],
  [["forbidden", "payload_too_large"], "Engine.IO: an upgrade that is not allowed, a POST that is too large"],
  [
    ["key_missing", "key_invalid", "key_rate"],
    "handshakes of WS-HUB: no key, a key that is not valid, too many of one key",
  ],
  [
    ["jwt_invalid", "jwt_claims", "jwt_expired"],
    "a JSON Web Token that is not valid, says what cannot be, or has expired",
  ],
  [
    ["token_invalid", "token_expired", "token_other_user", "ticket_invalid"],
    "a token or a ticket that a client showed was refused: the codes that it sees",
  ],
  [["revoked"], "a token or a ticket that was taken back (`POST /api/revoke`)"],
  [
    ["revocations_unknown"],
    "a token or a ticket, while Redis does not say which ones were taken back: it may work later",
  ],
  [["callback_denied"], '`dialect="django"`: the callback denied the visitor'],
  [
    [
      "callback_failed",
      "callback_status",
      "callback_too_large",
      "callback_invalid",
      "jwt_keys",
      "session_unavailable",
    ],
    '`dialect="django"`: the callback, the keys of the tokens or the session store gave no usable answer',
  ],
  [
    ["secret_needed", "rate_limited", "unavailable"],
    "handshakes of websocket-channels: a room with a secret, too many wrong ones, Redis not reached",
  ],
  [["connections"], "too many in all: `limits.connections`"],
  [["shutting_down"], "the gateway ends"],
  [
    ["transport_unknown", "session_unknown", "handshake_method", "bad_request", "version_unsupported"],
    "Engine.IO's own refusals",
  ],
  [["origin_refused"], "Engine.IO: a page with an Origin that is not allowed"],
  [["upgrade_missing"], "a websocket handshake without `Upgrade`: a proxy takes it away"],
  [["user_unnamed"], '`dialect="django"`: a session of a logged-in user without a user name (DJS-09)'],
  [["namespace"], "a namespace that is not in the list, has too long a name, or is one too many"],
  [["join_secret_wrong"], "a join with a wrong secret, or none"],
  [["join_rate_limited"], "too many wrong secrets: `limits.failedJoinsPerMinute`"],
  [["join_unavailable"], "Redis could not be asked"],
  [["room_of_another"], "a join of a room named like another client's id"],
  [
    ["room_not_text", "room_name_too_long", "too_many_rooms", "too_many_joins"],
    "a room that is no text, and bounds on joins",
  ],
  [
    ["event_reserved"],
    "a client sent, or `POST /emit` asked for, an event that the protocol keeps for itself",
  ],
  [
    [
      "bad_message",
      "unknown_command",
      "room_missing",
      "room_name_invalid",
      "not_in_room",
      "publish_forbidden",
      "event_invalid",
      "no_history",
      "no_presence",
      "position_unknown",
    ],
    "native: a command or a stream that asks for what cannot be, by the codes that its client sees",
  ],
  [["pending_acks"], "too many acknowledgements are outstanding for a client"],
  [
    ["secret_limited"],
    "too many wrong publish secrets or admin tokens from one address: `limits.wrongSecretsPerMinute`",
  ],
  [
    [
      "secret_wrong",
      "body_invalid",
      "body_too_large",
      "content_encoding",
      "bus_unavailable",
      "log_unusable",
      "revocations_full",
      "method_not_allowed",
    ],
    "a POST of a backend was refused",
  ],
  [
    ["request_invalid", "presence_off", "connection_unknown", "gateway_silent"],
    '`dialect="api"`: a request to `/api` names what cannot be or is not there, or another gateway did not answer',
  ],
] as const satisfies ReasonRows;

/** Codes of errors that callers see are reasons, too. */
export type RefusalReason = (typeof refusals)[number][0][number] | ErrorCode;

/** Of `belfry_returns_total`: Socket.IO clients that show the session that they had. */
export const returns = [
  [["recovered"], "it has its session again, and gets what it missed"],
  [["no_offset"], "it received nothing before, so where it stood is not known"],
  [["session_unknown"], "its session was taken already, ended, or was gone for too long"],
  [
    ["rights"],
    "it may no longer be in one of its rooms (another secret, another rule), or shows another user",
  ],
  [["changed"], "a backend moved it, disconnected it or closed one of its rooms while it was away"],
  [["too_old", "epoch", "gap", "unavailable"], "as docs/recovery.md says"],
  [["too_much"], "what it missed is more than half of `limits.sendQueueBytes`"],
] as const satisfies ReasonRows;

export type ReturnOutcome = (typeof returns)[number][0][number];

/** Of `belfry_skipped_total`. */
export const skips = [
  [
    ["too_large"],
    'over `limits.busMessageBytes` (`dialect="bus"`), an entry over `limits.httpBodyBytes`, or over `limits.busMessageBytes` as gateways carry it (`dialect="native"`), or over 1 MiB between gateways (`dialect="peers"`)',
  ],
  [
    ["unknown_encoding", "not_json", "not_object"],
    "a queue message that is neither JSON nor pickle, or no object",
  ],
  [
    [
      "pickle_global",
      "pickle_truncated",
      "pickle_limit",
      "pickle_refused",
      "pickle_invalid",
      "pickle_disabled",
    ],
    "a pickle that names code, ends early, passes a bound, holds what JSON cannot, may not be read, or bytes that are no pickle",
  ],
  [
    [
      "event_invalid",
      "event_reserved",
      "namespace_invalid",
      "room_invalid",
      "sid_invalid",
      "data_invalid",
      "placeholder_invalid",
      "attachment_limit",
    ],
    "a field of a queue message, or of one of Node",
  ],
  [
    [
      "msgpack_truncated",
      "msgpack_trailing",
      "msgpack_depth",
      "msgpack_size",
      "msgpack_utf8",
      "msgpack_key",
      "msgpack_ext",
      "msgpack_byte",
    ],
    "MessagePack that cannot be read",
  ],
  [
    ["node_shape", "node_packet", "node_target", "node_event", "node_request", "arguments_size"],
    "a message of a Node emitter or server",
  ],
  [
    ["facility_invalid", "name_invalid", "name_too_long", "too_many_segments"],
    "a message for ws4redis or websocket-channels under a name that no client can have",
  ],
  [
    ["session_key_invalid", "session_absent", "session_unsigned", "session_unreadable"],
    '`dialect="django"`: a session cookie without a session that can be read',
  ],
  [
    ["envelope_invalid", "version_unknown"],
    '`dialect="broker"`: a message between gateways that cannot be read',
  ],
  [["presence_invalid"], '`dialect="presence"`: a message of the store of presence that cannot be read'],
  [
    ["message_invalid", "question_invalid", "answer_unasked", "too_many_gateways", "tape_invalid"],
    '`dialect="peers"`: what gateways ask each other: a message or a question that cannot be read, an answer that came too late or was not asked for, a gateway too many, a tape that cannot be read or does not fit',
  ],
  [
    ["room_name_invalid", "room_name_too_long"],
    "a message on `belfry:<room>` for a room that no client can join",
  ],
  [
    [
      "field_unknown",
      "room_missing",
      "data_missing",
      "key_invalid",
      "version_invalid",
      "history_off",
      "version_outdated",
      "log_unusable",
      "publish_failed",
    ],
    "an entry of the stream `belfry:publish`; like those with other reasons, it is in `belfry:publish:refused`",
  ],
  [["groups_too_long", "groups_not_utf8", "group_not_utf8"], "a message for WS-HUB's clients"],
] as const satisfies ReasonRows;

export type SkipReason = (typeof skips)[number][0][number];

/** Of `belfry_webhook_requests_total` and `belfry_webhook_events_total`, beside `ok`. */
export const webhookFailures = [
  [["status"], "it answered otherwise than 2xx; redirects are not followed"],
  [["gone"], "it answered 410: it is not asked any more until the gateway starts again"],
  [["timeout"], "it did not answer within 5 s"],
  [["unreachable"], "no connection, one that broke, or a certificate that is not right"],
  [["name_unknown"], "its name has no address"],
  [
    ["address_blocked", "insecure"],
    "its address is not public, or its URL not https, and `webhooks.allowPrivate` does not have it",
  ],
  [["answer_too_large"], "it answered with more than 64 KiB"],
  [["backlog"], "an event was the oldest of more than `webhooks.backlog`"],
  [["event_invalid"], "an entry of the stream `belfry:events` is no event"],
] as const satisfies ReasonRows;

export type WebhookFailure = (typeof webhookFailures)[number][0][number];

/** What became of a request to a webhook, or of an event. */
export type WebhookOutcome = "ok" | WebhookFailure;
