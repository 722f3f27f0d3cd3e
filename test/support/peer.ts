// A gateway's way to its peers as a program of its own, for what only a process can show: `peer.ts <redis URL> <name>` answers
// the topic `echo`, and prints `open` when it is among the others.

import { openBackplane } from "../../src/brokers/registry.ts";
import { silent } from "../../src/core/observe.ts";
import { BusPeers } from "../../src/peers/bus-peers.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";

const [, , url, self = "peer"] = process.argv;
const { bus } = await openBackplane({ url, observe: silent, limits: defaultLimits });
const now = (): number => performance.now();
const peers = new BusPeers({ bus, limits: defaultLimits, observe: silent, now, self });
peers.answer("echo", (question) => ({ self, question: String(question) }));
await peers.open();
setInterval(() => {
  peers.tick(now());
}, 250);
console.log("open");
