// The examples of docs/api.md, run by a shell as they stand on the page: what they answer has the members of the answer below
// them. Two things are replaced: the address of the gateway, and the id of a connection.

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { operations } from "../../src/api/operations.ts";
import { startGateway } from "../support/gateway.ts";
import { must } from "../support/place.ts";
import { RawWebSocket } from "../support/raw.ts";
import { auth, signToken } from "../support/tokens.ts";

setDefaultTimeout(60_000);

const secret = "publish-secret-of-this-test";
const page = readFileSync(join(import.meta.dir, "../../docs/api.md"), "utf8");
/** Commands, each with the answer that the page shows. */
const examples = [...page.matchAll(/```sh\n(curl [^`]+)```\n\n```json\n([^`]+)```/g)].map(
  ([, command = "", answer = ""]) => ({ command, answer: JSON.parse(answer) as object }),
);
/** What takes the rights of the user of the examples away comes last. */
const isRevoke = ({ command }: { readonly command: string }): boolean => command.includes("/api/revoke");
const inOrder = [...examples.filter((one) => !isRevoke(one)), ...examples.filter(isRevoke)];
const exampleId = "web-1-5f2c81d0:17";

test("each operation of the API has an example", () => {
  for (const { path } of operations) {
    const form = new RegExp(`:8899${path.replaceAll(/\{\w+\}/g, "[^/ ?]+")}[ ?']`);
    expect({ path, hasExample: examples.some(({ command }) => form.test(command)) }).toEqual({
      path,
      hasExample: true,
    });
  }
});

test("the examples answer as the page says", async () => {
  await using gateway = await startGateway({
    secret,
    auth,
    rooms: [
      { match: "news", history: { size: 10, seconds: 60 } },
      { match: "lobby", presence: true },
    ],
  });
  const headers = { authorization: `Bearer ${secret}` };
  const news = '{"room":"news","event":"update","data":{"n":1}}';
  await fetch(`${gateway.url}/api/publish`, { method: "POST", headers, body: news });
  const folder = mkdtempSync(join(tmpdir(), "belfry-api-"));
  writeFileSync(join(folder, "secret"), secret);
  try {
    const token = await signToken({ sub: "john", rooms: ["shop::orders"] });
    for (const { command, answer } of inOrder) {
      // What the example before ended is there again.
      using socket = await RawWebSocket.open(gateway.url, "/connect?room=shop::orders&room=lobby", {
        authorization: `Bearer ${token}`,
      });
      await socket.waitForMessages(2);
      const listed = await fetch(`${gateway.url}/api/connections?user=john&limit=1000`, { headers });
      const { connections } = (await listed.json()) as {
        readonly connections: readonly { readonly id: string }[];
      };
      const run = command
        .replace("http://localhost:8899", gateway.url)
        .replace(exampleId, connections.at(-1)?.id ?? "");
      const { stdout } = await must(["sh", "-ec", run], { cwd: folder });
      expect({ command, members: Object.keys(JSON.parse(stdout) as object).sort() }).toEqual({
        command,
        members: Object.keys(answer).sort(),
      });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
