// Bodies over the limit, sent by a real Node as fast as it can: it hears why they were refused, whatever door it knocked at.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { run } from "../support/process.ts";
import { RawConnection } from "../support/raw.ts";

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    listeners: [{ address: "127.0.0.1:0", dialects: ["socketio", "websocket-channels"] }],
    secret: "secret",
    "websocket-channels": { root: true },
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

/** Posts so much five times over, by its length or in chunks; prints the statuses, or the codes of the errors. */
const program = `
const [url, megabytes, form] = process.argv.slice(1);
const bytes = new Uint8Array(Number(megabytes) * 1024 * 1024).fill(97);
const chunks = () => new ReadableStream({
  start(controller) {
    for (let at = 0; at < bytes.length; at += 65_536) controller.enqueue(bytes.subarray(at, at + 65_536));
    controller.close();
  },
});
const seen = [];
for (let count = 0; count < 5; count++) {
  const body = form === "chunks" ? chunks() : bytes;
  const asked = url.includes("sid=") ? url + (await (await fetch(url.replace("&sid=", ""))).text()).match(/"sid":"([^"]+)/)[1] : url;
  const options = { method: "POST", body, duplex: "half", headers: { authorization: "Bearer secret" } };
  seen.push(await fetch(asked, options).then(async (answer) => (await answer.text(), answer.status), (error) => error.cause?.code ?? String(error)));
}
console.log(seen.join(" "));
`;

const doors: readonly (readonly [path: string, status: number])[] = [
  ["/emit", 413],
  ["/publish", 413],
  ["/a-channel", 413],
  ["/socket.io/?EIO=4&transport=polling&sid=", 413],
  ["/socket.io/?EIO=3&transport=polling&sid=", 413],
  ["/socket.io/?EIO=4&transport=pigeon", 400],
  ["/-/health/live", 405],
  ["/-/nowhere", 404],
];

describe.each(doors)("POST %s", (path, status) => {
  test.each([2, 20])(`WSE-25 EIO-07 %d MiB too much: ${status}, for Node's fetch too`, async (megabytes) => {
    const url = gateway.url + path;
    for (const form of ["length", "chunks"]) {
      const { stdout, stderr } = await run(["node", "-e", program, url, String(megabytes), form]);
      expect([form, stdout.trim(), stderr]).toEqual([form, Array(5).fill(status).join(" "), ""]);
    }
  });
});

test("T11 who announces a body and sends none of it has its answer within a second", async () => {
  for (const announced of ["Content-Length: 2000000", "Transfer-Encoding: chunked"]) {
    using connection = await RawConnection.open(gateway.url);
    const started = performance.now();
    connection.write(`POST /-/nowhere HTTP/1.1\r\nHost: a\r\n${announced}\r\n\r\n`);
    expect((await connection.response()).status).toBe(404);
    await connection.ended();
    expect(performance.now() - started).toBeLessThan(1_000);
  }
});
