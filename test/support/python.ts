// Real Python packages for the tests: one virtual environment per set of pinned requirements (python/<name>.txt),
// made by scripts/setup or by the first test that needs it, and programs that a test drives line by line.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { makePlace, must } from "./place.ts";
import { RunningProcess, run } from "./process.ts";
import { installCommand } from "./tools.ts";

const root = join(import.meta.dir, "../..");
const folder = join(import.meta.dir, "python");

/** The environments, each with a module whose import proves that it is whole. */
const environments = {
  "socketio-5.7": "socketio, redis",
  "socketio-5.13": "socketio, redis",
  "socketio-5.14.1": "socketio, redis",
  "socketio-5.14.2": "socketio, redis",
  "socketio-5.15": "socketio, redis",
  "flask-socketio": "flask_socketio, redis",
  "socketio-client": "socketio, requests, websocket, aiohttp",
  "django-3.2": "django_redis, six, gevent",
  "django-5.2": "django_redis, six, gevent",
  schemathesis: "schemathesis",
  webhooks: "standardwebhooks",
  fastapi: "fastapi, jwt, uvicorn",
} as const;

export type PythonName = keyof typeof environments;

export const pythonNames = Object.keys(environments) as readonly PythonName[];

/** An interpreter of the system that can make environments. */
export interface Interpreter {
  readonly path: string;
  readonly version: string;
}

const candidates = ["python3", "/usr/bin/python3", "python3.13", "python3.12", "python3.11", "python3.10"];

/** The first Python on this machine that is new enough and has `venv` whole; undefined when there is none. */
export async function findPython(): Promise<Interpreter | undefined> {
  // Debian ships `venv` without `ensurepip` until python3-venv is installed. The pinned packages need 3.10.
  const probe =
    "import ensurepip, platform, sys, venv; sys.exit(3) if sys.version_info < (3, 10) else print(platform.python_version())";
  for (const path of candidates.map((name) => Bun.which(name))) {
    if (!path) continue;
    const { code, stdout } = await run([path, "-c", probe]);
    if (code === 0) return { path, version: stdout.trim() };
  }
  return undefined;
}

export function missingPython(): string {
  const install = installCommand({ apt: "python3-venv", brew: "python" });
  return (
    "Expected Python 3.10 or later with its `venv` module on this machine, found none. " +
    `Install it with \`${install}\`, or run \`npm run setup\` as root on Debian.`
  );
}

/** The Python binary of an environment; makes the environment when it is missing. */
export async function pythonEnv(name: PythonName): Promise<string> {
  const python = await findPython();
  if (!python) throw new Error(missingPython());
  const path = await environmentPath(name, python);
  if (!existsSync(path)) await makeEnvironment(name, python);
  return join(path, "bin/python");
}

/** Where an environment lies once it is complete: its name, and a hash of all that it is made from. */
export async function environmentPath(name: PythonName, python: Interpreter): Promise<string> {
  return placeOf(name, python, await Bun.file(join(folder, `${name}.txt`)).text());
}

/** Makes an environment that is missing. Several makers at once do not collide. */
export async function makeEnvironment(name: PythonName, python: Interpreter): Promise<void> {
  const pip = await makePip(python);
  await makePlace(await environmentPath(name, python), async (draft) => {
    await must([python.path, "-m", "venv", "--without-pip", draft]);
    await fillEnvironment(pip, draft, ["-r", join(folder, `${name}.txt`)]);
    await must([join(draft, "bin/python"), "-c", `import ${environments[name]}`]);
  });
}

/**
 * Installs packages into an environment with the pip of another one, which several fillers share and none may change:
 * without `--ignore-installed` pip removes what its own environment holds in another version, while others read it.
 */
export async function fillEnvironment(
  pip: string,
  environment: string,
  packages: readonly string[],
): Promise<void> {
  const quiet = ["--quiet", "--no-input", "--no-compile", "--disable-pip-version-check"];
  const options = [...quiet, "--ignore-installed", "--prefix", environment];
  // -I: packages in PYTHONPATH or of the user are nobody's here.
  await must([pip, "-I", "-m", "pip", "install", ...options, ...packages]);
}

/** One environment holds the pip that fills the others: laying out pip is slower than all that it installs. */
async function makePip(python: Interpreter): Promise<string> {
  // The text is a part of the name: what an earlier set-up left behind may lack something.
  const place = placeOf("pip", python, "only read");
  await makePlace(place, async (draft) => {
    await must([python.path, "-m", "venv", draft]);
  });
  return join(place, "bin/python");
}

function placeOf(name: string, python: Interpreter, requirements: string): string {
  const hash = new Bun.CryptoHasher("sha256").update(requirements).update(python.path).update(python.version);
  return join(root, ".cache/python", `${name}-${hash.digest("hex").slice(0, 12)}`);
}

/**
 * A program of python/ that carries out Python statements that a test gives it, in its own name space, and answers
 * each with the JSON of what `answer` was set to. What it prints by itself is found in `output`.
 */
export class PythonProgram {
  readonly #process: RunningProcess;
  #asked = 0;

  private constructor(process: RunningProcess) {
    this.#process = process;
  }

  /** Starts `python/<program>.py` in an environment and waits until it is ready. */
  static async start(
    name: PythonName,
    program: string,
    args: readonly string[] = [],
  ): Promise<PythonProgram> {
    const binary = await pythonEnv(name);
    const process = new RunningProcess([binary, "-u", join(folder, `${program}.py`), ...args]);
    await process.waitFor(/^ready$/m);
    return new PythonProgram(process);
  }

  /** Runs statements. Fails with Python's traceback when they raise. */
  async run(statements: string): Promise<unknown> {
    const id = ++this.#asked;
    this.#process.write(`${JSON.stringify({ id, statements })}\n`);
    const [, verdict, json = ""] = await this.#process.waitFor(
      new RegExp(`^answer ${id} (ok|raised) (.*)$`, "m"),
    );
    const value: unknown = JSON.parse(json);
    if (verdict === "ok") return value;
    throw new Error(`Expected Python to run ${JSON.stringify(statements)}, got:\n${String(value)}`);
  }

  /** Waits for something that the program prints by itself. */
  async waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray> {
    return this.#process.waitFor(pattern, timeoutMs);
  }

  get output(): string {
    return this.#process.output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
  }
}
