// The demo and its page, as a newcomer meets them: the real command, the page in a real browser, the `curl` lines in a real shell.

import { join } from "node:path";
import { expect } from "bun:test";
import type { Page } from "playwright-core";
import { withBrowser } from "./chromium.ts";
import type { TestBrowser } from "./chromium.ts";
import { freePort } from "./ports.ts";
import { run, RunningProcess } from "./process.ts";
import { until } from "./until.ts";

const belfry = join(import.meta.dir, "../../bin/belfry");

/** A demo on a free port; its process is the gateway itself. */
export async function startDemo(port: number, env: Record<string, string> = {}): Promise<RunningProcess> {
  const demo = new RunningProcess([belfry, "demo", "--address", `127.0.0.1:${port}`], { env });
  await demo.waitFor(/^Open /m);
  return demo;
}

export interface OpenedDemo {
  readonly demo: RunningProcess;
  readonly port: number;
  readonly page: Page;
}

/** Runs `use` with a demo and its page in a browser. */
export async function withDemo(use: (opened: OpenedDemo) => Promise<void>): Promise<void> {
  const port = await freePort();
  await using demo = await startDemo(port);
  await withBrowser(async (browser) => {
    const { page } = await openDemo(browser, port);
    await use({ demo, port, page });
  });
}

/** Waits until the page holds for `condition`; fails with what it was otherwise. */
export async function waitForValue<Value>(
  read: () => Promise<Value>,
  condition: (value: Value) => boolean,
): Promise<Value> {
  let value = await read();
  await until(
    async () => condition((value = await read())),
    20_000,
    () => `another value, got ${JSON.stringify(value)}`,
  );
  return value;
}

const clockOf = (page: Page) => async () => page.locator("#clock").innerText();

/** Waits for two ticks from now. */
export async function expectTicking(page: Page): Promise<void> {
  const first = await clockOf(page)();
  const second = await waitForValue(clockOf(page), (time) => time !== first && /^\d\d:\d\d:\d\d$/.test(time));
  await waitForValue(clockOf(page), (time) => time !== second);
}

export type List = "native" | "socketio";

/** What the page heard in one way, newest first, without the time of day. */
export async function heard(page: Page, list: List): Promise<readonly string[]> {
  return linesOf(page, `#${list} li:not(.word)`);
}

/** What the page was told of its connection, newest first. */
export async function words(page: Page, list: List): Promise<readonly string[]> {
  return linesOf(page, `#${list} li.word`);
}

async function linesOf(page: Page, selector: string): Promise<readonly string[]> {
  const lines = await page.locator(selector).allInnerTexts();
  return lines.map((line) => line.replaceAll(/\s+/g, " ").replace(/^[\d:]+ /, ""));
}

export async function expectList(page: Page, list: List, lines: readonly string[]): Promise<void> {
  await waitForValue(
    async () => heard(page, list),
    (found) => found.length >= lines.length,
  );
  expect(await heard(page, list)).toEqual(lines);
}

/** It heard them natively, with the room, and by Socket.IO, without. */
export async function expectHeard(page: Page, ...lines: readonly string[]): Promise<void> {
  await expectList(page, "native", lines);
  await expectList(
    page,
    "socketio",
    lines.map((line) => line.replace(/^\S+ /, "")),
  );
}

export async function curlOf(page: Page): Promise<string> {
  return waitForValue(
    async () => page.locator("#curl").innerText(),
    (text) => text !== "",
  );
}

/** As if it was pasted into a terminal. */
export async function paste(line: string): Promise<string> {
  const { code, stdout, stderr } = await run(["/bin/sh", "-c", line], { timeoutMs: 20_000 });
  return code === 0 ? stdout : `status ${code}: ${stderr}`;
}

export async function publish(page: Page, text: string): Promise<void> {
  await page.getByLabel("Text").fill(text);
  await page.getByRole("button", { name: "Publish" }).click();
}

export async function openDemo(browser: TestBrowser, port: number, name = "localhost") {
  const opened = await browser.open(`http://${name}:${port}/`);
  await opened.page.locator("#state.connected").waitFor();
  return opened;
}
