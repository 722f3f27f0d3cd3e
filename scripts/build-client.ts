// Builds what `belfry/client` and `belfry/client/presence` are in the package, before `npm pack`: two modules and their types, in
// client/dist.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildClient } from "../client/build.ts";

const root = join(import.meta.dir, "..");
const dist = join(root, "client/dist");

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
writeFileSync(join(dist, "client.js"), await buildClient("module"));
writeFileSync(join(dist, "presence.js"), await buildClient("presence"));
const types = Bun.spawn([join(root, "node_modules/.bin/tsc"), "--project", join(root, "client")], {
  stdio: ["ignore", "inherit", "inherit"],
});
process.exit(await types.exited);
