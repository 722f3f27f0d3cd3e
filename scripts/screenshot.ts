// Takes docs/images/demo.png, the README's picture of the demo page: `scripts/bun scripts/screenshot.ts`. It starts
// the demo on its own port, publishes a few times as a visitor would, and ends all that it started.

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
  await page.locator("#heard li", { hasText: text }).waitFor();
}

await using demo = new RunningProcess([join(root, "bin/belfry"), "demo"]);
await demo.waitFor(/^Open /m);
const browser = await chromium.launch({ executablePath: needTool("chromium"), args: ["--no-sandbox"] });
try {
  // More pixels than the README shows it with: sharp on every screen, and still a small file.
  const viewport = { width: 780, height: 735 };
  const page = await browser.newPage({ viewport, deviceScaleFactor: 1.5, colorScheme: "light" });
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto("http://localhost:8899/");
  await page.locator("#state.connected").waitFor();
  await page.getByText('"secret"').waitFor();
  await publish(page, "good morning");
  await publish(page, "dinner is ready");
  await publish(page, "hello");
  await page.getByText("--:--:--").waitFor({ state: "detached" });
  await page.locator("body").click({ position: { x: 1, y: 1 } });
  await page.mouse.move(0, 0);
  const { length } = await page.screenshot({ path: picture });
  console.log(`docs/images/demo.png: ${Math.round(length / 1024)} KB`);
} finally {
  await browser.close();
}
