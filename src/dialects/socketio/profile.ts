// `--as ws-emit`: the settings of ws-emit and of redis2websocket, its name before (WSE-01, WSE-02). And the warnings
// of every start with this dialect.

import type { Profile, SharedView, StartWarning } from "../profile.ts";
import type { SocketIoOptions } from "./options.ts";

export const wsEmit: Profile<SocketIoOptions> = {
  name: "ws-emit",
  description: "ws-emit and redis2websocket: Socket.IO for Flask-SocketIO over Redis, and `POST /emit`",
  variables: [
    { name: "REDIS", option: "redis", description: "Redis URL" },
    { name: "ADDRESS", option: "address", description: "Where to listen, `host:port`" },
    {
      name: "CORS",
      option: "origins",
      whenEmpty: [],
      // Not split at commas, as lists are elsewhere.
      read: (text) => text,
      description: "Origins that may connect, separated by spaces; `*` allows every page, an empty list none",
    },
    { name: "SECRET", option: "secret", description: "Publish secret: switches `POST /emit` on" },
    { name: "FLASK_SECRET", description: "Accepted without effect, as in ws-emit itself" },
  ],
  refused: [],
  defaults: {
    redis: "redis://localhost:6379/0",
    address: "0.0.0.0:8899",
    origins: ["http://localhost:7788"],
    dialects: ["socketio"],
    "socketio.channels": ["flask-socketio"],
    // `PUBSUB CHANNELS` shows what it showed.
    peers: false,
  },
  flags: [
    {
      flags: "--flask-secret <secret>",
      key: "flaskSecret",
      description: "Accepted without effect, as in ws-emit itself",
    },
  ],
  notReproduced: [
    "WSE-07: a room named like another client's id cannot be joined",
    "WSE-08: secrets are compared in constant time, and failed joins are limited",
    "WSE-22: a wrong secret is not echoed back",
    "WSE-25: an event without a name is refused (400) instead of breaking the clients",
    "WSE-27: POST /emit never runs without a secret",
  ],
  example: { flags: "", meaning: "with its environment and defaults" },
  notices(_, { hasSecret }) {
    if (!hasSecret) return [];
    return [
      "A publish secret is set, so POST /emit is on. Before 2021-12-11 redis2websocket used SECRET for something" +
        " else: if yours is set for that and no backend posts to /emit, unset it",
    ];
  },
};

export function warnings(options: SocketIoOptions, shared: SharedView): readonly StartWarning[] {
  return [...secretWarnings(shared), ...recoveryWarnings(options, shared)];
}

/** Pages count by the tape alone, also in rooms with a log. */
function recoveryWarnings({ recovery }: SocketIoOptions, { hasTape }: SharedView): readonly StartWarning[] {
  if (!recovery || hasTape) return [];
  const text =
    "socketio.recovery is on and tape.seconds is 0, so nothing is kept that a page could have missed, and `recovered` is always false: set tape.seconds, or leave socketio.recovery off";
  return [{ code: "recovery_without_tape", text }];
}

/** `POST /emit` and room-spaces are closed by the publish secret. */
function secretWarnings({ hasSecret, listeners }: SharedView): readonly StartWarning[] {
  if (hasSecret) return [];
  return listeners
    .filter(({ isPublic }) => isPublic)
    .map(({ address }) => ({
      code: "public_without_secret",
      text: `${address} can be reached from other machines, and it has no publish secret. Publishing over HTTP is off, and every client that reaches it may join rooms without \`::\``,
    }));
}
