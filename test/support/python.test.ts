// The makers of Python environments share one pip: what one of them installs must not change what the others read.

import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./process.ts";
import { fillEnvironment, findPython } from "./python.ts";

/** Writes a package that is called like one that every pip environment holds, in another version. */
const writeWheel = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/pip-999.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("filled.py", "")
    wheel.writestr("pip-999.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: pip\\nVersion: 999.0\\n")
    wheel.writestr("pip-999.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("pip-999.0.dist-info/RECORD", "filled.py,,\\npip-999.0.dist-info/METADATA,,\\npip-999.0.dist-info/WHEEL,,\\npip-999.0.dist-info/RECORD,,\\n")
`;

test("two environments are filled at once, and the pip that fills both stays as it was", async () => {
  const python = await findPython();
  const folder = mkdtempSync(join(tmpdir(), "belfry-pip-"));
  try {
    const drafts = ["one", "two"].map((name) => join(folder, name));
    await withPython(["-m", "venv", join(folder, "pip")]);
    await withPython(["-c", writeWheel, folder]);
    for (const draft of drafts) await withPython(["-m", "venv", "--without-pip", draft]);
    const before = filesOf(join(folder, "pip"));
    const packages = ["--no-index", "--find-links", folder, "pip==999.0"];
    await Promise.all(
      drafts.map((draft) => fillEnvironment(join(folder, "pip/bin/python"), draft, packages)),
    );
    expect(filesOf(join(folder, "pip"))).toEqual(before);
    for (const draft of drafts) await must([join(draft, "bin/python"), "-c", "import filled"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  async function withPython(args: readonly string[]): Promise<void> {
    await must([python?.path ?? "python3", ...args]);
  }
});

async function must(command: readonly string[]): Promise<void> {
  const { code, stderr } = await run(command);
  expect([code, stderr]).toEqual([0, ""]);
}

/** What is there, without what Python compiles while it runs. */
function filesOf(folder: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => !name.includes("__pycache__")).sort();
}
