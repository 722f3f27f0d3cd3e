// examples/django as its README tells to start it, on free ports: the site under Python, the gateway with the settings of the
// README, the page in two real browsers.

import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { withBrowser } from "../support/chromium.ts";
import type { TestBrowser } from "../support/chromium.ts";
import { freePort } from "../support/ports.ts";
import { RunningProcess } from "../support/process.ts";
import { pythonEnv } from "../support/python.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";

const example = join(import.meta.dir, "../../examples/django");
const longTestMs = 120_000;

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.stop();
});

/** The settings that the README exports, for pages on this port. */
async function settings(port: number): Promise<Record<string, string>> {
  const text = await Bun.file(join(example, "README.md")).text();
  const lines = [...text.matchAll(/^export (\w+)=(.*)$/gm)];
  return Object.fromEntries(
    lines.map(([, name = "", value = ""]) => [name, value.replace("localhost:8001", `localhost:${port}`)]),
  );
}

async function open(browser: TestBrowser, url: string): Promise<Page> {
  const { page } = await browser.open(url);
  await page.getByText("websocket connected").waitFor();
  return page;
}

const heard = async (page: Page): Promise<readonly string[]> => page.locator("#heard li").allInnerTexts();

test(
  "W4R-03 W4R-04 W4R-05 W4R-14 W4R-16 DJS-09 everyone, a user and a session hear what the views publish",
  async () => {
    const python = await pythonEnv("django-5.2");
    const port = await freePort();
    const args = ["--as", "ws4redis", "--redis", redis.url];
    await using gateway = await ServedGateway.start({ args, env: await settings(port) });
    const address = new URL(gateway.url).host.replace("127.0.0.1", "localhost");
    const project = join(example, "project.py");
    await using site = new RunningProcess([python, "-u", project, `${redis.url}/0`, `${port}`, address]);
    const [, url = ""] = await site.waitFor(/^Open (\S+) /m, 60_000);
    await withBrowser(async (browser) => {
      const john = await open(browser, url);
      await john.getByRole("button", { name: "Log in as johndoe" }).click();
      await john.getByText("You are johndoe.").waitFor();
      await john.getByText("websocket connected").waitFor();
      await withBrowser(async (other) => {
        const stranger = await open(other, url);
        for (const page of [john, stranger]) await page.getByText("websocket connected").waitFor();
        const press = async (page: Page, name: string, text: string): Promise<void> => {
          await page.getByRole("button", { name }).click();
          await page.getByText(text).first().waitFor();
        };
        await press(john, "Say something to johndoe", "Received: Hello johndoe");
        await press(stranger, "Say something to this session", "Received: Hello session");
        await press(john, "Say something to everyone", "Received: Hello World");
        await stranger.getByText("Received: Hello World").waitFor();
        expect(await heard(john)).toEqual(["Received: Hello johndoe", "Received: Hello World"]);
        expect(await heard(stranger)).toEqual(["Received: Hello session", "Received: Hello World"]);
        // A page speaks; whoever comes later hears that first.
        await stranger.getByLabel("What to say").fill("<i>from a page</i>");
        await stranger.getByRole("button", { name: "Say it from this page" }).click();
        for (const page of [john, stranger]) await page.getByText("Received: <i>from a page</i>").waitFor();
        const late = await open(other, url);
        await late.getByText("Received: <i>from a page</i>").waitFor();
        expect(await redis.command("GET", "broadcast:foobar")).toBe("<i>from a page</i>");
      });
      await john.getByRole("button", { name: "Log out" }).click();
      await john.getByText("You are not logged in.").waitFor();
    });
  },
  longTestMs,
);
