// What a gateway signs is taken by the receivers of docs/webhooks.md, as they stand there, and by a library of Standard Webhooks;
// and what it did not sign is refused by all of them.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readSigningSecret, signatureHeaders } from "../../src/outbound/signature.ts";
import { freePort } from "../support/ports.ts";
import { RunningProcess, run } from "../support/process.ts";
import { pythonEnv } from "../support/python.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const secretOf = (fill: number): string => `whsec_${Buffer.alloc(32, fill).toString("base64")}`;
const keyOf = (fill: number): Buffer => readSigningSecret(secretOf(fill)) ?? Buffer.alloc(0);
/** Those that the receivers know. */
const known = [secretOf(1), secretOf(2)];

const bodyOf = (...ids: readonly string[]): string =>
  JSON.stringify({
    events: ids.map((id, index) => ({
      id,
      type: "user_joined",
      room: "é::1",
      user: "ann",
      seq: index + 1,
      at: 1,
    })),
  });

interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function signed(body: string, fills: readonly number[], ageSeconds = 0): Sent {
  const seconds = Math.floor(Date.now() / 1_000) - ageSeconds;
  return { headers: signatureHeaders({ id: "msg_1-0-1", seconds, body }, fills.map(keyOf)), body };
}

function changed(sent: Sent, headers: Readonly<Record<string, string | undefined>>, body = sent.body): Sent {
  const all = Object.entries({ ...sent.headers, ...headers }).filter(([, value]) => value !== undefined);
  return { headers: Object.fromEntries(all) as Record<string, string>, body };
}

const body = bodyOf("1-0");
const genuine = signed(body, [1]);
const forgeries: Readonly<Record<string, Sent>> = {
  "another secret": signed(body, [3]),
  "another body": changed(genuine, {}, bodyOf("2-0")),
  "another id": changed(genuine, { "webhook-id": "msg_2-0-1" }),
  "an old time": signed(body, [1], 400),
  "a time to come": signed(body, [1], -400),
  "a time that was not signed": changed(genuine, {
    "webhook-timestamp": String(Number(genuine.headers["webhook-timestamp"]) - 1),
  }),
  "a time that is none": changed(genuine, { "webhook-timestamp": "now" }),
  "no time": changed(genuine, { "webhook-timestamp": undefined }),
  "no id": changed(genuine, { "webhook-id": undefined }),
  "no signature": changed(genuine, { "webhook-signature": undefined }),
  "an empty signature": changed(genuine, { "webhook-signature": "v1," }),
  "a signature of another version": changed(genuine, {
    "webhook-signature": (genuine.headers["webhook-signature"] ?? "").replace("v1,", "v2,"),
  }),
  "a part of the signature": changed(genuine, {
    "webhook-signature": (genuine.headers["webhook-signature"] ?? "").slice(0, -4),
  }),
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "belfry-receivers-"));
  await writeFile(join(folder, "webhook-secret"), `${known.join(" ")}\n`);
  const page = await readFile(join(import.meta.dir, "../../docs/webhooks.md"), "utf8");
  for (const [, name = "", code = ""] of page.matchAll(
    /<!-- test: file (\S+) -->\n\n```\w+\n([\s\S]*?)\n```/g,
  )) {
    await writeFile(join(folder, name), code);
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const receivers = { "receiver.py": "python3", "receiver.mjs": "node" };

describe.each(Object.entries(receivers))("docs/webhooks.md %s", (file, program) => {
  let receiver: RunningProcess;
  let url: string;
  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}/`;
    receiver = new RunningProcess([program, file, String(port)], { cwd: folder });
    await until(
      async () =>
        fetch(url).then(
          () => true,
          () => false,
        ),
      20_000,
      () => receiver.output,
    );
  });
  afterAll(async () => {
    await receiver.stop();
  });

  const post = async ({ headers, body: text }: Sent): Promise<number> =>
    (await fetch(url, { method: "POST", headers: { ...headers }, body: text })).status;

  test.each(Object.entries(forgeries))("refuses %s", async (_what, sent) => {
    expect(await post(sent)).toBe(401);
    expect(receiver.output).toBe("");
  });

  test("takes what is signed by one of its secrets, and knows an event that comes again", async () => {
    expect(await post(genuine)).toBe(204);
    expect(await post(signed(bodyOf("1-0", "2-0"), [3, 2]))).toBe(204);
    expect(await post(signed(bodyOf("2-0", "3-0"), [2, 1], 290))).toBe(204);
    await receiver.waitFor(/(?:.*\n){3}/);
    expect(receiver.output).toBe(
      ["user_joined é::1 ann 1", "user_joined é::1 ann 2", "user_joined é::1 ann 2", ""].join("\n"),
    );
  });
});

test("a library of Standard Webhooks takes what is signed, and refuses the rest", async () => {
  const python = await pythonEnv("webhooks");
  const program = `
import json, sys
from standardwebhooks.webhooks import Webhook
case = json.load(sys.stdin)
try:
    print(json.dumps(Webhook(case["secret"]).verify(case["body"].encode(), case["headers"])))
except Exception as error:
    print(type(error).__name__)
`;
  const verify = async (sent: Sent, fill = 1): Promise<string> => {
    const input = JSON.stringify({ ...sent, secret: secretOf(fill) });
    const { stdout, stderr } = await run([python, "-c", program], { input });
    return stdout.trim() || stderr;
  };
  for (const [sent, fill] of [
    [genuine, 1],
    [signed(body, [1, 2]), 2],
    [signed(body, [2, 1]), 2],
  ] as const) {
    expect(JSON.parse(await verify(sent, fill))).toEqual(JSON.parse(body));
  }
  for (const [what, sent] of Object.entries(forgeries)) {
    expect([what, await verify(sent)]).toEqual([what, "WebhookVerificationError"]);
  }
});
