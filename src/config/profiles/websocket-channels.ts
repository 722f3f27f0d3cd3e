// `--as websocket-channels`: the newest form, websockets at `/ws/<channel>`; with `--root` the older ones beside it (WSC-01,
// WSC-12). HTTP publishes need a secret, which is made at the start when none is given (WSC-08).

import type { Profile } from "./profile.ts";

export const websocketChannels: Profile = {
  name: "websocket-channels",
  description: "python-websocket-channels: plain websockets on a tree of channels, and `POST /publish`",
  variables: [],
  refused: [],
  defaults: {
    address: "127.0.0.1:9000",
    redis: "redis://127.0.0.1:6379/0",
    dialects: ["websocket-channels"],
  },
  flags: [
    {
      flags: "--root",
      key: "root",
      sets: { "websocket-channels.root": true },
      defaults: { address: "127.0.0.1:5000" },
      description:
        "The older mount too: websockets and POST at /<channel>, by default on 127.0.0.1:5000 (WSC-01, WSC-07)",
    },
    {
      flags: "--open-publish",
      key: "openPublish",
      sets: { "websocket-channels.openPublish": true },
      description: "HTTP publishes need no secret; foreign web pages are still refused (WSC-08)",
    },
  ],
  notReproduced: [
    "WSC-08: HTTP publishes need the publish secret, also from this machine; --open-publish lifts it, but not for foreign web pages",
    "WSC-04: `a//b` is the channel `a/b` everywhere, so that it can be reached",
    "WSC-05: a message that is not UTF-8 goes out as a binary frame, not as broken text",
    "WSC-06: pairs of `POST /publish` go out in their order; what is no string as JSON, not as Python's repr",
    "WSC-07: HEAD publishes nothing, and no answer repeats what was sent",
    "WSC-09: there are no demo pages, which showed received data as HTML",
    "WSC-10: who does not answer pings is dropped, and empty channels cost nothing",
    "WSC-11: names without the prefix `websocket:`, as in the very first versions, are not heard",
  ],
  generatesSecret: (config) =>
    !config["websocket-channels"].openPublish &&
    config.listeners.some(({ dialects }) => dialects.includes("websocket-channels")),
  notices(config) {
    const { root, path } = config["websocket-channels"];
    if (!root || path === "/") return [];
    const text = `A websocket at ${path}/<channel> is on <channel>; where your pages mean the channel ${path.slice(1)}/<channel>, as before there was ${path}, set --websocket-channels-path /`;
    return [text];
  },
};
