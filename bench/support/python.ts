// The virtual environment of the two Python peers, made on first use from peers/python.txt.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findPython, missingPython } from "../../test/support/python.ts";
import { built, peers } from "./process.ts";

/** The Python binary of the environment, or why there is none. */
export async function peerPython(): Promise<{ readonly binary: string } | { readonly absence: string }> {
  const python = await findPython();
  if (!python) return { absence: missingPython() };
  const requirements = join(peers, "python.txt");
  const hash = new Bun.CryptoHasher("sha256").update(readFileSync(requirements)).update(python.version);
  const place = join(built, `python-${hash.digest("hex").slice(0, 12)}`);
  const binary = join(place, "bin/python");
  if (existsSync(place)) return { binary };
  mkdirSync(built, { recursive: true });
  // Filled beside its place, which alone says that it is complete. Its programs are not called, only its packages.
  const draft = `${place}.${process.pid}`;
  const steps = [
    [python.path, "-m", "venv", draft],
    [join(draft, "bin/python"), "-m", "pip", "install", "--quiet", "--no-input", "-r", requirements],
  ];
  for (const step of steps) {
    if (Bun.spawnSync(step, { stderr: "inherit" }).success) continue;
    rmSync(draft, { recursive: true, force: true });
    return { absence: `\`${step.join(" ")}\` failed` };
  }
  renameSync(draft, place);
  return { binary };
}
