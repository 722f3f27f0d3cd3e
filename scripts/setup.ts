// What the tests need beside the npm packages: a few programs of the system, Python environments with the real emitters,
// and the browser bundles of old clients. On Debian as root it installs what is missing; elsewhere it says, one sentence each, what to install.
// A second run finds everything there and takes a moment.

import { existsSync } from "node:fs";
import { isOldClientThere, oldClient, oldVersions } from "../test/support/old-clients.ts";
import { run } from "../test/support/process.ts";
import {
  environmentPath,
  findPython,
  makeEnvironment,
  missingPython,
  pythonNames,
} from "../test/support/python.ts";
import type { Interpreter, PythonName } from "../test/support/python.ts";
import { findTool, missingTool, neededTools, tools } from "../test/support/tools.ts";

/** One apt-get call, ms: Chromium is large and mirrors are slow. */
const aptTimeoutMs = 900_000;
/** How long one apt-get waits for another. */
const lockSeconds = 300;
/** Environments made at once: pip keeps one core busy. */
const makers = 2;

/** Sets up what is missing. @returns what still is, one sentence each. */
export async function setUp(): Promise<readonly string[]> {
  const isAptUsable = process.getuid?.() === 0 && Bun.which("apt-get") !== null;
  if (isAptUsable) {
    const packages = await missingPackages();
    if (packages.length > 0) await installPackages(packages);
  }
  const missing: string[] = neededTools()
    .filter((name) => !findTool(name))
    .map(missingTool);
  missing.push(...(await fetchOldClients()));
  const python = await findPython();
  if (!python) return [...missing, missingPython()];
  return [...missing, ...(await makeEnvironments(python))];
}

/** @returns what went wrong, one text per client that could not be fetched. */
async function fetchOldClients(): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const version of oldVersions.filter((each) => !isOldClientThere(each))) {
    try {
      await oldClient(version);
      console.log(`setup: socket.io-client ${version} for browsers`);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  return failures;
}

async function missingPackages(): Promise<readonly string[]> {
  const packages = neededTools()
    .filter((name) => !findTool(name))
    .map((name) => tools[name].apt as string);
  if (!(await findPython())) packages.push("python3-venv");
  return packages;
}

/** Installs packages of Debian; what it cannot install is found missing afterwards. */
async function installPackages(packages: readonly string[]): Promise<void> {
  console.log(`setup: installing ${packages.join(", ")}`);
  // Another apt-get may be at work, of this machine's own updates or of a second set-up: wait for it.
  const wait = ["-o", `DPkg::Lock::Timeout=${lockSeconds}`];
  const install = ["apt-get", ...wait, "install", "--yes", "--no-install-recommends", ...packages];
  const options = { env: { DEBIAN_FRONTEND: "noninteractive" }, timeoutMs: aptTimeoutMs };
  const first = await run(install, options);
  if (first.code === 0) return;
  // New machines have no package lists yet, old ones have stale lists.
  console.log("setup: updating the package lists");
  const update = await run(["apt-get", ...wait, "update"], options);
  const second = await run(install, options);
  if (second.code === 0) return;
  console.log([update.stderr, second.stdout, second.stderr].join("\n").trim());
}

/** @returns what went wrong, one text per environment that could not be made. */
async function makeEnvironments(python: Interpreter): Promise<readonly string[]> {
  const queue: PythonName[] = [];
  for (const name of pythonNames) if (!existsSync(await environmentPath(name, python))) queue.push(name);
  const failures: string[] = [];
  const work = async (): Promise<void> => {
    for (let name = queue.shift(); name; name = queue.shift()) {
      const start = performance.now();
      try {
        await makeEnvironment(name, python);
        console.log(`setup: Python ${python.version} with ${name} (${seconds(start)})`);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: makers }, work));
  // What stops one often stops all, in the same words.
  return [...new Set(failures)];
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

if (import.meta.main) {
  const missing = await setUp();
  for (const sentence of missing) console.error(`setup: ${sentence}`);
  if (missing.length === 0) console.log("setup: everything is there");
  process.exit(missing.length === 0 ? 0 : 1);
}
