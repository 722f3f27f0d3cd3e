// Belfry's own client for pages (client/), as one file: `/connect/client.js` for a `<script>`, `/connect/client.mjs` for a
// module, and beside it `/connect/presence.mjs`. Each is built from its sources when it is first asked for.

import { buildClient } from "../../../client/build.ts";
import type { Route } from "../../server/route.ts";
import { scriptRoute } from "../kit/script-route.ts";

export function clientRoutes(path: string): readonly Route[] {
  return [
    scriptRoute(`${path}/client.js`, async () => Buffer.from(await buildClient("script"))),
    scriptRoute(`${path}/client.mjs`, async () => Buffer.from(await buildClient("module"))),
    scriptRoute(`${path}/presence.mjs`, async () => Buffer.from(await buildClient("presence"))),
  ];
}
