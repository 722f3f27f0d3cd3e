// The example of docs/auth.md in FastAPI, as it stands there, with the real FastAPI and PyJWT. The other examples of the page are
// run by readme.test.ts.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, setDefaultTimeout, test } from "bun:test";
import { startGateway } from "../support/gateway.ts";
import { freePort } from "../support/ports.ts";
import { RunningProcess } from "../support/process.ts";
import { pythonEnv } from "../support/python.ts";
import { RawWebSocket } from "../support/raw.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(180_000);

const page = join(import.meta.dir, "../../docs/auth.md");

test("docs/auth.md: FastAPI signs a token for the user of a session, and a gateway takes it", async () => {
  const [, program = ""] =
    /<!-- test: file api\.py -->\s*```python\n([\s\S]*?)```/.exec(await readFile(page, "utf8")) ?? [];
  const folder = await mkdtemp(join(tmpdir(), "belfry-fastapi-"));
  const port = await freePort();
  await writeFile(join(folder, "api.py"), program.replace("port=7788", `port=${port}`));
  const app = new RunningProcess([await pythonEnv("fastapi"), join(folder, "api.py")]);
  try {
    const ask = async (cookie: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}/token`, { headers: { cookie } });
    await until(
      async () =>
        ask("").then(
          () => true,
          () => false,
        ),
      60_000,
      () => app.output,
    );
    expect((await ask("sid=unknown")).status).toBe(401);
    const token = (await (await ask("sid=session-of-john")).json()) as string;
    const jwt = { algorithm: "HS256" as const, secret: "at-least-32-random-bytes-of-your-own" };
    await using gateway = await startGateway({ auth: { jwt: { ...jwt, issuer: "https://example.com" } } });
    using socket = await RawWebSocket.open(gateway.url, "/connect?room=chat::1&room=user:john::inbox", {
      Authorization: `Bearer ${token}`,
    });
    for (const message of await socket.waitForMessages(2)) expect(String(message)).toContain('"joined"');
  } finally {
    await app.stop();
    await rm(folder, { recursive: true });
  }
});
