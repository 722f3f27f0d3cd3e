// `npm test`: sets up, checks format, lint, types and leftovers, then runs every test, in a bounded time. Given paths
// it runs their tests alone. Its last line is `N passed, N failed`; a check or a run that broke counts as one failed.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { setUp } from "./setup.ts";

const root = join(import.meta.dir, "..");
const results = join(root, ".cache/test");

/** The whole run, ms: past it whatever runs is ended and counted as failed. */
const runTimeoutMs = 1_500_000; // 25 min; a run on two cores takes about 10
/** One check, ms. */
const checkTimeoutMs = 180_000;
/** One test, ms, unless it says otherwise. */
const testTimeoutMs = 60_000;

interface Check {
  readonly title: string;
  readonly command: readonly string[];
}

const bin = (name: string): string => join(root, "node_modules/.bin", name);

const checks: readonly Check[] = [
  { title: "format", command: [bin("oxfmt"), "--check"] },
  { title: "lint", command: [bin("oxlint")] },
  { title: "types", command: [bin("tsc")] },
  { title: "unused code", command: [bin("knip"), "--no-progress"] },
];

/** Tests that run together. */
interface Group {
  readonly title: string;
  readonly files: readonly string[];
  /** How many files at the same time: more than the two cores that we promise to do with, where tests mostly wait. @default 2 */
  readonly workers?: number;
}

/** The files that take longest, s on two cores: they start first, so that a group does not end with one file alone. */
const longest: Readonly<Record<string, number>> = {
  "src/config/judge.test.ts": 18,
  "src/presence/presence.test.ts": 10,
  "src/files/named-file.test.ts": 10,
  "test/conformance/peers.test.ts": 34,
  "test/conformance/schemathesis.test.ts": 23,
  "test/conformance/redis-returns.test.ts": 23,
  "test/conformance/presence.test.ts": 20,
  "test/conformance/webhooks.test.ts": 20,
  "test/conformance/line.test.ts": 19,
  "test/conformance/ruling.test.ts": 19,
  "test/conformance/redis-direct.test.ts": 16,
  "test/conformance/redis-faults.test.ts": 15,
  "test/conformance/engine-websockets.test.ts": 14,
  "test/conformance/late-gateway.test.ts": 14,
  "test/conformance/http.test.ts": 13,
  "test/conformance/tape.test.ts": 13,
  "test/conformance/log-faults.test.ts": 12,
  "test/e2e/readme.test.ts": 140,
  "test/e2e/presence.test.ts": 44,
  "test/e2e/cli.test.ts": 44,
  "test/e2e/secrets.test.ts": 41,
  "test/e2e/queue.test.ts": 37,
  "test/e2e/seeds.test.ts": 37,
  "test/e2e/webhooks-browsers.test.ts": 35,
  "test/e2e/webhooks.test.ts": 34,
  "test/e2e/client.test.ts": 33,
  "test/e2e/demo.test.ts": 30,
  "test/e2e/old-clients.test.ts": 30,
  "test/e2e/examples.test.ts": 26,
  "test/e2e/disconnects.test.ts": 24,
  "test/e2e/ws4redis-django.test.ts": 24,
  "test/e2e/faults.test.ts": 24,
  "test/e2e/listeners.test.ts": 19,
  "test/e2e/socketio-recovery-reference.test.ts": 17,
  "test/e2e/metrics.test.ts": 16,
};
/** Of any other file. */
const usualSeconds = 3;

/** They measure time, CPU or memory of a whole gateway: nothing runs beside them. */
const measuring: ReadonlySet<string> = new Set(
  ["descriptors", "flood", "gateways", "polling-memory", "slow-consumer"].map(
    (name) => `test/e2e/${name}.test.ts`,
  ),
);

interface Tally {
  readonly passed: number;
  readonly failed: number;
}

const oneFailed: Tally = { passed: 0, failed: 1 };

/** Every test file of the project, in groups: what is neither conformance nor end-to-end is a unit test. */
function allGroups(): readonly Group[] {
  const glob = new Bun.Glob("{src,client,test,examples,bench,scripts,packaging}/**/*.test.ts");
  const files = [...glob.scanSync({ cwd: root })].filter((file) => !file.includes("node_modules/")).sort();
  const conformance = files.filter((file) => file.startsWith("test/conformance/"));
  const endToEnd = files.filter((file) => file.startsWith("test/e2e/") && !measuring.has(file));
  const measured = files.filter((file) => measuring.has(file));
  const others = new Set([...conformance, ...endToEnd, ...measured]);
  return [
    { title: "unit tests", files: files.filter((file) => !others.has(file)) },
    { title: "conformance tests", files: conformance, workers: 5 },
    { title: "end-to-end tests", files: endToEnd, workers: 4 },
    { title: "measuring tests", files: measured, workers: 1 },
  ].filter((group) => group.files.length > 0);
}

/** Runs commands one after the other under one deadline, and ends what runs when this process is told to end. */
class Runner {
  readonly #deadline = performance.now() + runTimeoutMs;
  #running: number | undefined;

  /** @returns the exit status; 137 when it was ended at its deadline. */
  async run(command: readonly string[], timeoutMs: number): Promise<number> {
    const left = Math.min(timeoutMs, this.#deadline - performance.now());
    if (left <= 0) return 137;
    // A group of its own, so that whatever a test started ends with it.
    const child = Bun.spawn([...command], {
      cwd: root,
      // Bun reports on the error stream: one stream keeps the order.
      stdio: ["ignore", 1, 1],
      detached: true,
    });
    this.#running = child.pid;
    const timer = setTimeout(() => {
      console.log(`\nExpected this to end within ${Math.round(left / 1000)} s: ended it.`);
      this.stop();
    }, left);
    const code = await child.exited;
    clearTimeout(timer);
    this.stop();
    this.#running = undefined;
    return code;
  }

  stop(): void {
    if (this.#running === undefined) return;
    try {
      process.kill(-this.#running, "SIGKILL");
    } catch {
      // The whole group has ended: nothing is left to end.
    }
  }
}

async function check(runner: Runner, { title, command }: Check): Promise<Tally> {
  const start = heading(title);
  const code = await runner.run(command, checkTimeoutMs);
  console.log(code === 0 ? `${title}: ok, ${seconds(start)}` : `${title}: failed, ${seconds(start)}`);
  return code === 0 ? { passed: 0, failed: 0 } : oneFailed;
}

async function runTests(runner: Runner, { title, files, workers = 2 }: Group): Promise<Tally> {
  const start = heading(title);
  const report = join(results, `${title.replaceAll(" ", "-")}.xml`);
  mkdirSync(results, { recursive: true });
  rmSync(report, { force: true });
  const options = [`--timeout=${testTimeoutMs}`, "--reporter=junit", `--reporter-outfile=${report}`];
  if (workers > 1) options.push(`--parallel=${workers}`, `--timings=${writeTimings(files)}`);
  const code = await runner.run([process.execPath, "test", ...options, ...files], runTimeoutMs);
  const tally = await readReport(report, code);
  console.log(`${title}: ${tally.passed} passed, ${tally.failed} failed, ${seconds(start)}`);
  return tally;
}

/** What Bun orders files by: an entry for each, as those without one start first. @returns the path of the file. */
function writeTimings(files: readonly string[]): string {
  const path = join(results, "timings.json");
  const times = files.map((file) => [file, (longest[file] ?? usualSeconds) * 1_000]);
  writeFileSync(path, JSON.stringify({ version: 1, files: Object.fromEntries(times) }));
  return path;
}

/** Counts from the report that a run leaves. Without one the run broke; a skipped test counts as failed. */
async function readReport(path: string, code: number): Promise<Tally> {
  const file = Bun.file(path);
  const head = (await file.exists()) ? /<testsuites [^>]*>/.exec(await file.text())?.[0] : undefined;
  if (head === undefined) {
    console.log(`Expected the tests to run to their end, got status ${code}.`);
    return oneFailed;
  }
  const count = (name: string): number => Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const skipped = count("skipped");
  if (skipped > 0) console.log(`Expected no skipped tests, got ${skipped}.`);
  const failed = count("failures") + count("errors") + skipped;
  // An error between two tests is in no count of the report.
  return { passed: count("tests") - failed, failed: failed === 0 && code !== 0 ? 1 : failed };
}

function heading(title: string): number {
  console.log(`\n== ${title} ==`);
  return performance.now();
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/** Everything: set-up, checks, tests. Goes on after a failed check, so that one run tells all. */
async function runAll(runner: Runner): Promise<readonly Tally[]> {
  const start = heading("set-up");
  const missing = await setUp();
  for (const sentence of missing) console.log(sentence);
  console.log(`set-up: ${missing.length === 0 ? "ok" : "failed"}, ${seconds(start)}`);
  if (missing.length > 0) return [oneFailed];
  const tallies: Tally[] = [];
  for (const each of checks) tallies.push(await check(runner, each));
  for (const group of allGroups()) tallies.push(await runTests(runner, group));
  return tallies;
}

/** The tests under some paths, without set-up and checks. */
async function runPaths(runner: Runner, paths: readonly string[]): Promise<readonly Tally[]> {
  const files = paths.map((path) => `./${relative(root, path)}`);
  return [await runTests(runner, { title: "tests", files, workers: 1 })];
}

const runner = new Runner();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    runner.stop();
    process.exit(130);
  });
}
const paths = process.argv.slice(2);
const tallies = paths.length > 0 ? await runPaths(runner, paths) : await runAll(runner);
const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0);
if (passed + failed === 0) console.log("\nExpected tests to run, found none.");
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
