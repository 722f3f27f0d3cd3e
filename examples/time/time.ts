// `npm run example:time`: the time, once a second, in every browser that looks. It starts a gateway, a web server with
// the page, and a backend that says {"time": ...} as event `update` to the room `time`.

import { randomBytes } from "node:crypto";
import { httpBackend, redisBackend } from "../support/backend.ts";
import type { Backend } from "../support/backend.ts";
import { startGateway } from "../support/gateway.ts";
import { readOptions } from "../support/options.ts";
import { runExample, untilStopped } from "../support/run.ts";
import { serveExample } from "../support/web.ts";

/** Says the time once a second. @returns what stops it. */
function startClock(backend: Backend): () => void {
  const timer = setInterval(() => {
    const time = Math.floor(Date.now() / 1000);
    backend.emit({ event: "update", room: "time", data: { time } }).catch((error: unknown) => {
      console.error(`Not emitted: ${error instanceof Error ? error.message : String(error)}`);
    });
  }, 1000);
  return () => {
    clearInterval(timer);
  };
}

await runExample(async (stopped) => {
  const options = readOptions({ "no-backend": { type: "boolean" }, secret: { type: "string" } });
  const { port, gatewayPort, gatewayUrl, redis, flags } = options;
  // One that is known lets a terminal speak, too.
  const secret = String(flags["secret"] ?? randomBytes(24).toString("base64url"));
  await using backend = redis === undefined ? httpBackend(gatewayUrl, secret) : await redisBackend(redis);
  await using web = serveExample({ port, gatewayPort, folder: import.meta.dirname });
  const env = { BELFRY_SECRET: secret };
  await using gateway = await startGateway({ port: gatewayPort, pagePort: web.port, redis, env });
  const stopClock = flags["no-backend"] === true ? undefined : startClock(backend);
  console.log(`Open http://localhost:${web.port}/ (Ctrl-C ends it)`);
  await untilStopped(stopped, gateway);
  stopClock?.();
});
