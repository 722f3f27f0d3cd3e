// Takes docs/images/demo.png, the README's picture of the demo page: `scripts/bun scripts/screenshot.ts`. It starts
// the demo on its own port, publishes and cuts the line as a visitor would, and ends all that it started.

import { join } from "node:path";
import { chromium } from "playwright-core";
import type { Page } from "playwright-core";
import { RunningProcess } from "../test/support/process.ts";
import { needTool } from "../test/support/tools.ts";

const root = join(import.meta.dir, "..");
const picture = join(root, "docs/images/demo.png");

async function publish(page: Page, text: string): Promise<void> {
  await page.getByLabel("Text").fill(text);
  await page.getByRole("button", { name: "Publish" }).click();
}

await using demo = new RunningProcess([join(root, "bin/belfry"), "demo"]);
await demo.waitFor(/^Open /m);
const browser = await chromium.launch({ executablePath: needTool("chromium"), args: ["--no-sandbox"] });
try {
  // More pixels than the README shows it with: sharp on every screen, and still a small file.
  const viewport = { width: 780, height: 960 };
  const page = await browser.newPage({ viewport, deviceScaleFactor: 1.5, colorScheme: "light" });
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto("http://localhost:8899/");
  await page.locator("#state.connected").waitFor();
  await page.getByText('"secret"').waitFor();
  await publish(page, "good morning");
  for (const list of ["#native", "#socketio"]) await page.locator(list).getByText("good morning").waitFor();
  await page.getByRole("button", { name: "Cut the line" }).click();
  await page.locator("#state.cut").waitFor();
  await publish(page, "dinner is ready");
  await page.locator("#state.connected").waitFor();
  await page.locator("#native").getByText("dinner is ready").waitFor();
  await publish(page, "hello");
  for (const list of ["#native", "#socketio"]) await page.locator(list).getByText("hello").waitFor();
  await page.locator("body").click({ position: { x: 1, y: 1 } });
  await page.mouse.move(0, 0);
  const { length } = await page.screenshot({ path: picture });
  console.log(`docs/images/demo.png: ${Math.round(length / 1024)} KB`);
} finally {
  await browser.close();
}
