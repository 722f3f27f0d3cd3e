// A real browser for the tests: Debian's Chromium, a new profile each time, cut off from everything but this machine.
// Whatever a page complains about (console, uncaught errors, failed requests) fails the test unless it asked for it,
// and so does every request to another site.

import { chromium } from "playwright-core";
import type { Browser, Page } from "playwright-core";
import { needTool } from "./tools.ts";

/** What Playwright does not pass by itself; it turns off updates, sync and background requests. */
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  // Nothing resolves but this machine, so a page that loads from elsewhere fails here as it would offline.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE ::1",
];

const ownHosts: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]", ""]);

/** How long a page may take for anything, ms: shorter than a test, so that the failure tells what it waited for. */
const pageTimeoutMs = 20_000;

/** A page, and what went wrong on it so far. */
export interface OpenedPage {
  readonly page: Page;
  /** Hands over what went wrong until now and forgets it: for a test that breaks something on purpose. */
  readonly takeProblems: () => readonly string[];
}

export interface TestBrowser {
  /** Opens a page in a profile of its own and waits until it is loaded. */
  readonly open: (url: string) => Promise<OpenedPage>;
}

/** Runs `use` with a browser; fails when a page had problems that were not taken, or asked another site. */
export async function withBrowser<Result>(use: (browser: TestBrowser) => Promise<Result>): Promise<Result> {
  const browser = await chromium.launch({ executablePath: needTool("chromium"), args: flags });
  const watch = new Watch();
  try {
    const result = await use({ open: async (url) => openPage(browser, url, watch) });
    watch.demandNothing();
    return result;
  } catch (error) {
    console.log(watch.report());
    throw error;
  } finally {
    await browser.close();
  }
}

async function openPage(browser: Browser, url: string, watch: Watch): Promise<OpenedPage> {
  const context = await browser.newContext();
  context.setDefaultTimeout(pageTimeoutMs);
  const page = await context.newPage();
  const problems = watch.page(page);
  await page.goto(url);
  return { page, takeProblems: () => problems.splice(0) };
}

/** What the pages of one browser complained about. */
class Watch {
  readonly #pages: string[][] = [];
  readonly #elsewhere: string[] = [];

  page(page: Page): string[] {
    const problems: string[] = [];
    this.#pages.push(problems);
    page.on("console", (message) => {
      const { url } = message.location();
      if (message.type() === "error") problems.push(`console error at ${url}: ${message.text()}`);
    });
    page.on("pageerror", (error) => problems.push(`uncaught error: ${error.message}`));
    page.on("crash", () => problems.push("the page crashed"));
    page.on("requestfailed", (request) => {
      const text = request.failure()?.errorText;
      // The page gave it up by itself: a poll of a page that is left for another one.
      if (text !== "net::ERR_ABORTED") problems.push(`failed request: ${request.url()} (${text})`);
    });
    page.on("request", (request) => {
      this.#asked(request.url());
    });
    page.on("websocket", (socket) => {
      this.#asked(socket.url());
    });
    return problems;
  }

  demandNothing(): void {
    if (this.#elsewhere.length > 0) {
      throw new Error(`Expected no request to another site, got ${this.#elsewhere.join(", ")}`);
    }
    if (this.#pages.some((problems) => problems.length > 0))
      throw new Error("Expected pages without problems");
  }

  /** What a failed test shows. */
  report(): string {
    return `The pages complained about:\n${this.#pages.flat().join("\n") || "nothing"}`;
  }

  #asked(url: string): void {
    const { hostname, protocol } = new URL(url);
    if (protocol !== "data:" && protocol !== "blob:" && !ownHosts.has(hostname)) this.#elsewhere.push(url);
  }
}
