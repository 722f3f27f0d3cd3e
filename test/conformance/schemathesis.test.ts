// Schemathesis reads the OpenAPI document of a gateway and asks what it describes, and what it forbids: no answer is a 5xx, and
// none is undocumented. EXAMPLES says how many requests for each operation (`npm run test:api`: 2,000). That it can
// fail is shown by gateways that answer something else.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../support/gateway.ts";
import { EventStreamClient } from "../support/event-stream.ts";
import { run } from "../support/process.ts";
import type { Finished } from "../support/process.ts";
import { pythonEnv } from "../support/python.ts";

const examples = Number(process.env["EXAMPLES"] ?? 100);
const timeoutMs = 3_600_000;
setDefaultTimeout(timeoutMs);

const secret = "publish-secret-of-this-test";
/**
 * What of the document is in words alone is left out: which values are accepted beside their form, and that the listener refuses
 * a GET with a body before it looks at the method.
 */
const checks = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
  "negative_data_rejection",
  "ignored_auth",
];

/** Its command as a module: the script beside the interpreter names the folder in which the environment was made. */
const program = "from schemathesis.cli import schemathesis; schemathesis()";

const config = ["--config-file", join(import.meta.dir, "../support/python/schemathesis.toml")];

let python: string;
/** Where it remembers what failed. */
let folder: string;
beforeAll(async () => {
  python = await pythonEnv("schemathesis");
  folder = mkdtempSync(join(tmpdir(), "schemathesis-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const start = async () =>
  startGateway({
    secret,
    rooms: [
      { match: "log*", history: { size: 10, seconds: 60 } },
      { match: "*", presence: true },
    ],
    limits: { wrongSecretsPerMinute: 1_000_000 },
  });

/** @param count requests for each operation, about. */
async function ask(url: string, count: number, more: readonly string[] = []): Promise<Finished> {
  const options = [
    ["--header", `Authorization: Bearer ${secret}`],
    ["--checks", checks.join(",")],
    ["--phases", "examples,coverage,fuzzing"],
    ["--max-examples", String(count)],
    ["--seed", "1"],
    ["--generation-database", "none"],
    ["--warnings", "off"],
  ].flat();
  return run([python, "-c", program, ...config, "run", `${url}/api/openapi.json`, ...options, ...more], {
    timeoutMs,
    cwd: folder,
  });
}

test(`about ${examples} requests for each operation: no 5xx, and no answer that is not documented`, async () => {
  await using gateway = await start();
  // Some answers have rows.
  using _client = await EventStreamClient.open(`${gateway.url}/connect?room=time&room=log`);
  const { code, stdout } = await ask(gateway.url, examples);
  if (code !== 0) throw new Error(stdout);
  expect(stdout).toMatch(/Tested: \d\d/);
  expect((await fetch(`${gateway.url}/-/health/live`)).status).toBe(200);
});

type Mutant = (answer: Response) => Response | Promise<Response>;

/** Each answers otherwise than the document says, in one way. */
const mutants: Readonly<Record<string, Mutant>> = {
  "a member that is not described": async (answer) => {
    const body = (await answer.json()) as object;
    return Response.json({ ...body, more: 1 }, answer);
  },
  "a status that is not described": (answer) =>
    answer.status === 400 ? new Response(answer.body, { status: 422, headers: answer.headers }) : answer,
  "another type of content": async (answer) =>
    new Response(await answer.text(), { status: answer.status, headers: { "content-type": "text/html" } }),
  "a 5xx": (answer) => (answer.status === 200 ? new Response("", { status: 500 }) : answer),
  "what is wrong taken for right": async (answer) =>
    answer.status === 400 ? Response.json({ rooms: [], answered: [], silent: [] }) : answer,
};

test.each(Object.keys(mutants))("a gateway with %s is found out", async (name) => {
  await using gateway = await start();
  const proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      const body = await request.arrayBuffer();
      const answer = await fetch(gateway.url + pathname + search, {
        method,
        headers,
        ...(body.byteLength > 0 && { body }),
      });
      return pathname === "/api/rooms" ? ((await mutants[name]?.(answer)) ?? answer) : answer;
    },
  });
  try {
    const { code, stdout } = await ask(proxy.url.origin, 5, ["--include-path", "/api/rooms"]);
    expect({ code, isOfRooms: stdout.includes("GET /api/rooms ") }).toEqual({ code: 1, isOfRooms: true });
  } finally {
    await proxy.stop(true);
  }
});
