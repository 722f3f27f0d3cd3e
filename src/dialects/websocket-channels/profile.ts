// `--as websocket-channels`: the newest form, websockets at `/ws/<channel>`; with `--root` the older ones beside it (WSC-01,
// WSC-12). HTTP publishes need a secret, which is made at the start when none is given (WSC-08). And what every start with
// this dialect is warned of.

import type { Profile, SharedView, StartWarning } from "../profile.ts";
import type { WebsocketChannelsOptions } from "./options.ts";

export const websocketChannelsProfile: Profile<WebsocketChannelsOptions> = {
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
    "WSC-10: a client that does not answer pings is dropped, and empty channels cost nothing",
    "WSC-11: names without the prefix `websocket:`, as in the very first versions, are not received",
  ],
  generatesSecret: ({ openPublish }, { listeners }) => !openPublish && listeners.length > 0,
  notices({ root, path }) {
    if (!root || path === "/") return [];
    const text = `A websocket at ${path}/<channel> is on <channel>; where your pages mean the channel ${path.slice(1)}/<channel>, as before there was ${path}, set --websocket-channels-path /`;
    return [text];
  },
};

export function warnings(
  { openPublish }: WebsocketChannelsOptions,
  { listeners }: SharedView,
): readonly StartWarning[] {
  if (!openPublish) return [];
  return listeners
    .filter(({ isPublic }) => isPublic)
    .map(({ address }) => ({
      code: "public_open_publish",
      text: `${address} can be reached from other machines, and every client that reaches it may publish to every channel over HTTP, because openPublish asks for no secret`,
    }));
}
