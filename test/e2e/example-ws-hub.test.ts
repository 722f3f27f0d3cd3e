// examples/ws-hub as its README tells to start it, on free ports: the gateway with WS-HUB's own file, the listener in
// Python, the page in a real browser.

import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { withBrowser } from "../support/chromium.ts";
import { RunningProcess } from "../support/process.ts";
import { pythonEnv } from "../support/python.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";

const example = join(import.meta.dir, "../../examples/ws-hub");
const longTestMs = 90_000;

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.stop();
});

test(
  "HUB-04 HUB-05 HUB-07 HUB-09 HUB-12 keys get their groups, unknown ones are refused, a key that comes twice is replaced",
  async () => {
    const python = await pythonEnv("flask-socketio");
    const args = ["--as", "ws-hub", "-c", join(example, "config.yaml"), "--redis", redis.url];
    await using gateway = await ServedGateway.start({ args });
    await using listener = new RunningProcess([python, join(example, "listener.py"), redis.url]);
    // A client that comes before it is subscribed would get no groups.
    await listener.waitFor(/^Listening$/m);
    const serve = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", example];
    await using web = new RunningProcess([python, ...serve]);
    const [, port = ""] = await web.waitFor(/Serving HTTP on \S+ port (\d+)/);
    const hub = new URL(gateway.url).host;
    const address = (key: string): string => `http://127.0.0.1:${port}/page.html?hub=${hub}&key=${key}`;

    await withBrowser(async (browser) => {
      const { page: first } = await browser.open(address("123456"));
      const { page: second } = await browser.open(address("234567"));
      for (const page of [first, second])
        await page
          .getByText(/^It is \d\d:\d\d:\d\d$/)
          .first()
          .waitFor();
      await first.getByLabel("What to say").fill("hello from the first");
      await first.getByText("Say", { exact: true }).click();
      for (const page of [first, second]) await page.getByText("hello from the first").waitFor();

      const { page: unknown } = await browser.open(address("345678"));
      await unknown.getByText("refused").waitFor();
      expect(await unknown.locator("li").count()).toBe(0);

      const { page: again } = await browser.open(address("123456"));
      await first.getByText("replaced").waitFor();
      await again
        .getByText(/^It is/)
        .first()
        .waitFor();
    });
  },
  longTestMs,
);
