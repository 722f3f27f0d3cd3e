// What Socket.IO adds to the command line: `belfry publish` speaks as a backend of it does, by `POST /emit` or past every
// gateway in the form of a Python backend (PSQ-20).

import { randomId } from "../../base/random-id.ts";
import type { CommandParts } from "../command-parts.ts";
import { emitPath } from "./emit-route.ts";
import type { SocketIoOptions } from "./options.ts";
import { encodeEmit } from "./python/encode.ts";

export const commands: CommandParts<SocketIoOptions> = {
  flags: { channels: "channel" },
  section: "channels: [flask-socketio]",
  publish: {
    path: emitPath,
    options: { channels: "The channel to publish to, with --redis; the first of several" },
    lacks: ({ key, version }) => (key !== undefined || version !== undefined ? "key or version" : undefined),
    // `data` stays the text that it is: large numbers keep their digits.
    request({ room, event, namespace, data }, secret) {
      const head = JSON.stringify({ room, event, namespace, secret });
      return { body: data === undefined ? head : `${head.slice(0, -1)},"data":${data}}` };
    },
    toBus({ event, namespace, room, data }, { channels: [channel = "flask-socketio"] }) {
      const args = data === undefined ? [] : [data];
      const hostId = randomId();
      return { channel, payload: encodeEmit({ event, namespace, room, args, attachments: [], hostId }) };
    },
  },
  tail: { options: ["channels", "key"] },
};
