// `npm run example:chat`: a chat with paths as rooms, as people built it on python-websocket-channels. It starts a gateway
// in the older mode, where a room has one address for websockets and for POST, and a web server that shows the page at any
// path: a message at /users/1 reaches the pages there, and a POST to /users/ reaches all pages below.

import { startGateway } from "../support/gateway.ts";
import { readOptions } from "../support/options.ts";
import { runExample, untilStopped } from "../support/run.ts";
import { serveExample } from "../support/web.ts";

/** Open to every program on this machine: for a publish secret of your own, leave out `--open-publish`. */
const profile = ["--as", "websocket-channels", "--root", "--open-publish"];

await runExample(async (stopped) => {
  const {
    port,
    gatewayPort,
    redis = "memory:",
  } = readOptions({
    "gateway-port": { type: "string", default: "5000" },
  });
  await using web = serveExample({
    port,
    gatewayPort,
    folder: import.meta.dirname,
    isPageAnywhere: true,
  });
  await using gateway = await startGateway({ port: gatewayPort, pagePort: web.port, redis, args: profile });
  console.log(`Open http://localhost:${web.port}/users/1 (Ctrl-C ends it)`);
  await untilStopped(stopped, gateway);
});
