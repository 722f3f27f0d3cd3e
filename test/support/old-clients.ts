// The browser bundles of socket.io-client 1.x, from their npm packages: the packages alone, because some of what they
// depend on is in no registry, and a browser needs none of it. scripts/setup fetches them, or the first test that needs one.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { makePlace, must } from "./place.ts";

interface OldClient {
  /** What npm says the package's hash is. */
  readonly integrity: string;
  /** The bundle in the package. */
  readonly bundle: string;
}

const oldClients = {
  "1.0.6": {
    integrity:
      "sha512-itdtz6fQBTFIDBP4+hJox0OlT+SbCVdENjPgjMup3ehu7OsiG6t0FYBXCx+k/upt9lbeyp9BmUNNi5EfnGa5Vw==",
    bundle: "socket.io.js",
  },
  "1.3.7": {
    integrity:
      "sha512-yA4irP1priy7yewFB31N44xjFcGxRI4Yjyk572rdMdKAMtEPS+ntgzV0H0VSiky5DE1vh6djUNZHiOaXRdxi6w==",
    bundle: "socket.io.js",
  },
  "1.4.8": {
    integrity:
      "sha512-YTWFJR1D35MBsjyIIwOfizKbaTZjs7dXUNdx9Fy61PdYtNmtVwA43nn2kk/XSXv7rG/AWEvMu17B75s+0LVgXQ==",
    bundle: "socket.io.js",
  },
  "1.7.4": {
    integrity:
      "sha512-vW9xr9XyTJejFS//7GNZmLTLkUSAcvOSxRXXhrojV+7wboTFB8CuvK1UBCW3NiB2kqyi0h9cTeyD7dXjdUd9jQ==",
    bundle: "dist/socket.io.js",
  },
} as const satisfies Readonly<Record<string, OldClient>>;

export type OldVersion = keyof typeof oldClients;

export const oldVersions = Object.keys(oldClients) as readonly OldVersion[];

const cache = join(import.meta.dir, "../../.cache/clients");

export function isOldClientThere(version: OldVersion): boolean {
  return existsSync(placeOf(version));
}

/** The path of a version's bundle; fetches its package when it is missing. */
export async function oldClient(version: OldVersion): Promise<string> {
  const { integrity, bundle } = oldClients[version];
  await makePlace(placeOf(version), async (draft) => {
    const name = `socket.io-client@${version}`;
    await must(["npm", "pack", name, "--silent", "--pack-destination", draft]);
    const archive = join(draft, `socket.io-client-${version}.tgz`);
    const hash = new Bun.CryptoHasher("sha512").update(await Bun.file(archive).bytes()).digest("base64");
    if (`sha512-${hash}` !== integrity)
      throw new Error(`Expected ${name} with ${integrity}, got sha512-${hash}`);
    await must(["tar", "-xzf", archive, "-C", draft]);
  });
  return join(placeOf(version), "package", bundle);
}

function placeOf(version: OldVersion): string {
  return join(cache, `socket.io-client-${version}`);
}
