// `--as ws-hub`: WS-HUB's own config file, and its defaults where there is none (HUB-01 to HUB-18).

import type { Profile, ProfileFile } from "../profile.ts";
import { readHubFile } from "./config-file.ts";
import type { WsHubOptions } from "./options.ts";

const file: ProfileFile = {
  system: "WS-HUB",
  places: ["./config.yaml", "./example/config.yaml"],
  read: readHubFile,
};

/** That of WS-HUB's sample: small for JSON. */
const sampleMessageBytes = 128;

export const wsHub: Profile<WsHubOptions> = {
  name: "ws-hub",
  description: "WS-HUB: websockets with a key, in the groups that a listener on Redis gives them",
  file,
  variables: [],
  refused: [],
  defaults: { address: ":8080", redis: "redis://localhost:6379/0", dialects: ["ws-hub"] },
  flags: [],
  notReproduced: [
    "HUB-02: a client without a key is refused (400) instead of left on a silent websocket",
    "HUB-08: a message that is not UTF-8 goes out as a binary frame, not as broken text",
    "HUB-12: the late end of a replaced connection takes nothing from the one that replaced it",
    "HUB-14: the prefix of Redis names is cut off as it is written: the key `user1` never becomes `1`",
    "HUB-15: an outage of Redis ends nothing; clients without groups are announced again after it",
    "HUB-16: a slow client is dropped and does not delay the others",
    "HUB-18: the status pages, which list keys, exist only with an admin token; no pprof",
    "SEC-09: connections of one key are limited, as each of them evicts the one before",
  ],
  example: { flags: "-c config.yaml", meaning: "with WS-HUB's own config file" },
  notices({ maxMessageSize }) {
    if (maxMessageSize !== sampleMessageBytes) return [];
    const text = `Messages of clients over ${sampleMessageBytes} bytes close their connection (1009), as in WS-HUB's sample: maxMessageSize is more where you need it`;
    return [text];
  },
};
