// The examples as their READMEs tell to start them, in a real browser with client 3.0.4 on another origin than the
// gateway: without Redis, with Redis, and with a backend in Python. They behave on the wire as ws-emit's own do.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { withBrowser } from "../support/chromium.ts";
import type { OpenedPage, TestBrowser } from "../support/chromium.ts";
import { freePort } from "../support/ports.ts";
import { RunningProcess, run } from "../support/process.ts";
import { environmentPath, findPython, makeEnvironment, missingPython } from "../support/python.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dir, "../..");
const longTestMs = 60_000;

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.stop();
});

interface Example extends AsyncDisposable {
  readonly process: RunningProcess;
  readonly port: number;
  readonly gatewayPort: number;
  /** What it tells to open. */
  readonly url: string;
}

/** Starts an example by its one command, on ports of its own. */
async function startExample(
  name: "time" | "dir2web" | "chat",
  args: readonly string[] = [],
): Promise<Example> {
  const [port, gatewayPort] = [await freePort(), await freePort()];
  const ports = ["--port", `${port}`, "--gateway-port", `${gatewayPort}`];
  const command = ["npm", "run", `example:${name}`, "--", ...ports, ...args];
  const process = new RunningProcess(command, { cwd: root });
  const [, url = ""] = await process.waitFor(/^Open (\S+) /m);
  return {
    process,
    port,
    gatewayPort,
    url,
    async [Symbol.asyncDispose]() {
      await process.stop();
    },
  };
}

/** Ends it as a terminal does, and looks that nothing is left. */
async function expectCleanEnd({ process, port, gatewayPort }: Example): Promise<void> {
  process.kill("SIGINT");
  await process.exited;
  for (const each of [port, gatewayPort]) {
    const answer = await fetch(`http://127.0.0.1:${each}/`).then(
      ({ status }) => `${status}`,
      () => "refused",
    );
    expect([each, answer]).toEqual([each, "refused"]);
  }
}

/** Engine.IO packets of a page, as they came and went over any transport. */
interface Frames {
  readonly sent: string[];
  readonly received: string[];
}

/** Opens a page of an example and waits until its websocket carries everything. */
async function openUpgraded(
  browser: TestBrowser,
  url: string,
): Promise<{ opened: OpenedPage; frames: Frames }> {
  const opened = await browser.open("about:blank");
  const frames: Frames = { sent: [], received: [] };
  recordPolls(opened.page, frames);
  const { promise: upgraded, resolve } = Promise.withResolvers<void>();
  opened.page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => frames.received.push(String(payload)));
    socket.on("framesent", ({ payload }) => {
      frames.sent.push(String(payload));
      // The packet that ends the upgrade.
      if (payload === "5") resolve();
    });
  });
  await opened.page.goto(url);
  await upgraded;
  return { opened, frames };
}

function recordPolls(page: Page, { sent, received }: Frames): void {
  const packets = (body: string): readonly string[] => body.split("\u001E");
  page.on("request", (request) => {
    const body = request.url().includes("transport=polling") ? request.postData() : null;
    if (body !== null) sent.push(...packets(body));
  });
  page.on("response", (response) => {
    if (!response.url().includes("transport=polling")) return;
    response.text().then(
      (body) => received.push(...packets(body)),
      // The page was closed before the poll was answered.
      () => undefined,
    );
  });
}

const updates = ({ received }: Frames): readonly string[] =>
  received.filter((frame) => frame.startsWith('42["update"'));

const within20s = async (isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> =>
  until(isTrue, 20_000, () => what);

/** Waits until the page has shown two times. */
async function expectTicking(page: Page): Promise<void> {
  const shown = new Set<string>();
  await within20s(async () => {
    const text = await page.locator("#time").innerText();
    if (text !== "") shown.add(text);
    return shown.size >= 2;
  }, "a ticking clock");
}

describe("examples/time", () => {
  test(
    "WSE-03 WSE-20 EIO-13 EIO-18 without Redis: pages of both names of this machine show the time",
    async () => {
      await using example = await startExample("time");
      expect(example.url).toBe(`http://localhost:${example.port}/`);
      await withBrowser(async (browser) => {
        const { opened, frames } = await openUpgraded(browser, example.url);
        const other = await openUpgraded(browser, example.url.replace("localhost", "127.0.0.1"));
        await Promise.all([expectTicking(opened.page), expectTicking(other.opened.page)]);
        expect(updates(frames)[0]).toMatch(/^42\["update",\{"time":\d{10}\}\]$/);
      });
      await expectCleanEnd(example);
    },
    longTestMs,
  );

  test(
    "PSQ-06 PSQ-01 with Redis: the least that is a message of the queue",
    async () => {
      const messages: unknown[] = [];
      const spy = await createClient({ url: redis.url }).connect();
      await spy.subscribe("flask-socketio", (text) => messages.push(JSON.parse(text)));
      await using example = await startExample("time", ["--redis", redis.url]);
      await withBrowser(async (browser) => {
        const { opened } = await openUpgraded(browser, example.url);
        await expectTicking(opened.page);
      });
      spy.destroy();
      // The gateway proves its subscription by messages without a method (PSQ-17).
      const emit = messages.find((message) => (message as { method?: unknown }).method !== undefined);
      expect(emit).toEqual({
        method: "emit",
        event: "update",
        data: { time: expect.any(Number) },
        namespace: "/",
        room: "time",
      });
      await expectCleanEnd(example);
    },
    longTestMs,
  );

  test(
    "PSQ-06 PSQ-09 the backend of the README in Python, Flask-SocketIO over Redis",
    async () => {
      const python = await findPython();
      if (!python) throw new Error(missingPython());
      await makeEnvironment("flask-socketio", python);
      const binary = join(await environmentPath("flask-socketio", python), "bin/python");
      await using example = await startExample("time", ["--redis", redis.url, "--no-backend"]);
      await withBrowser(async (browser) => {
        const { opened, frames } = await openUpgraded(browser, example.url);
        await opened.page.getByText("connected").waitFor();
        expect(updates(frames)).toEqual([]);
        await using _backend = new RunningProcess([
          binary,
          join(root, "examples/time/backend.py"),
          redis.url,
        ]);
        await expectTicking(opened.page);
      });
    },
    longTestMs,
  );
});

describe("examples/chat", () => {
  test.each([["without Redis"], ["with Redis"]])(
    "WSC-02 WSC-03 WSC-07 WSC-09 a page at any path, rooms by path, curl to one and to a tree: %s",
    async (title) => {
      const args = title === "with Redis" ? ["--redis", redis.url] : [];
      await using example = await startExample("chat", args);
      const { origin } = new URL(example.url);
      const say = async (path: string, body: string): Promise<string> => {
        const url = `http://127.0.0.1:${example.gatewayPort}${path}`;
        const { stdout } = await run(["curl", "-s", url, "-d", body]);
        return stdout;
      };
      await withBrowser(async (browser) => {
        const open = async (path: string): Promise<Page> => {
          const { page } = await browser.open(`${origin}${path}`);
          await page.getByText("connected").waitFor();
          return page;
        };
        expect(example.url).toBe(`${origin}/users/1`);
        const [one, again, two, users, deep] = [
          await open("/users/1"),
          await open("/users/1/?x=1"),
          await open("/users/2"),
          await open("/users"),
          await open("/users/1/caf%C3%A9"),
        ];
        const heard = async (page: Page): Promise<readonly string[]> =>
          (await page.locator("#heard li").allInnerTexts()).toReversed();
        expect(await deep.locator("#room").innerText()).toBe("users/1/café");
        await one.getByLabel("Your name").fill("Anna");
        await one.getByLabel("What to say").fill("<b>hello</b>");
        await one.getByRole("button", { name: "Say" }).click();
        await again.getByText("Anna: <b>hello</b>").waitFor();
        expect(await say("/users/1", "Hi there!")).toBe("OK");
        expect(await say("/users/2", '{"text": "Hi there, two!"}')).toBe("OK");
        expect(await say("/users/", "Hi to all users!")).toBe("OK");
        expect(await say("/users", "end")).toBe("OK");
        await users.getByText("end").waitFor();
        for (const page of [one, again, two, deep]) await page.getByText("Hi to all users!").waitFor();
        const first = ["Anna: <b>hello</b>", "Hi there!", "Hi to all users!"];
        expect(await heard(one)).toEqual(first);
        expect(await heard(again)).toEqual(first);
        expect(await heard(two)).toEqual(["Hi there, two!", "Hi to all users!"]);
        expect(await heard(deep)).toEqual(["Hi to all users!"]);
        expect(await heard(users)).toEqual(["end"]);
        const { page: root } = await browser.open(`${origin}/`);
        await root.getByRole("link", { name: "users/2" }).click();
        await root.getByText("connected").waitFor();
      });
      await expectCleanEnd(example);
    },
    longTestMs,
  );
});

describe("examples/dir2web", () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "belfry-dir2web-"));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** At once, as an editor saves: a file that is seen half written would be two changes. */
  const write = (name: string, text: string): void => {
    writeFileSync(join(folder, ".draft"), text);
    renameSync(join(folder, ".draft"), join(folder, name));
  };
  const listed = async (page: Page): Promise<readonly string[]> => page.locator("#files a").allInnerTexts();
  const expectListed = async (page: Page, ...names: readonly string[]): Promise<void> => {
    await within20s(async () => (await listed(page)).length === names.length, `${names.length} files`);
    expect(await listed(page)).toEqual([...names]);
  };

  test.each([["without Redis"], ["with Redis"]])(
    "WSE-03 WSE-05 WSE-23 PSQ-07 every change is seen with the secret, and nothing without: %s",
    async (title) => {
      rmSync(folder, { recursive: true });
      folder = mkdtempSync(join(tmpdir(), "belfry-dir2web-"));
      write("a.txt", "first");
      const args = title === "with Redis" ? ["--redis", redis.url] : [];
      await using example = await startExample("dir2web", ["--directory", folder, ...args]);
      const secret = example.url.split("#secret=")[1] ?? "";
      const stored = await redis.command("GET", "ws-emit::secret::dir");
      expect(stored).toBe(title === "with Redis" ? secret : null);

      await withBrowser(async (browser) => {
        const list = await openUpgraded(browser, example.url);
        await expectListed(list.opened.page, "a.txt");
        const wrong = await openUpgraded(browser, example.url.replace(secret, "wrong"));
        await wrong.opened.page.getByText("this secret opens nothing here").waitFor();
        const file = await openUpgraded(browser, example.url.replace("/#", "/?file=a.txt#"));
        await file.opened.page.getByText("first").waitFor();
        expect(list.frames.sent).toContain(`420["join",{"room":"dir::/","secret":"${secret}"}]`);
        expect(file.frames.sent).toContain(`420["join",{"room":"dir::a.txt","secret":"${secret}"}]`);
        expect(wrong.frames.sent).toContain('420["join",{"room":"dir::/","secret":"wrong"}]');
        // A refusal looks like a success (WSE-03).
        await within20s(() => wrong.frames.received.includes("430[]"), "an answer to the refused join");

        write("a.txt", "second");
        await file.opened.page.getByText("second").waitFor();
        // File names are text, whatever they look like; 255 bytes is the longest there is.
        const evil = "<img src=x onerror=alert(1)>";
        const long = "z".repeat(255);
        write(evil, "evil");
        await expectListed(list.opened.page, evil, "a.txt");
        write(long, "long");
        await expectListed(list.opened.page, evil, "a.txt", long);
        expect(await list.opened.page.locator("img").count()).toBe(0);
        const longest = await openUpgraded(browser, example.url.replace("/#", `/?file=${long}#`));
        await longest.opened.page.getByText("long", { exact: true }).waitFor();
        write(long, "longer");
        await longest.opened.page.getByText("longer", { exact: true }).waitFor();
        rmSync(join(folder, "a.txt"));
        await expectListed(list.opened.page, evil, long);

        const said = (name: string, data: string): string =>
          `42["update",${JSON.stringify({ file: name, data })}]`;
        await file.opened.page.getByText("a.txt deleted").waitFor();
        await within20s(() => updates(list.frames).length >= 5, "5 updates");
        expect(updates(list.frames)).toEqual([
          said("a.txt", "modified"),
          said(evil, "created"),
          said(long, "created"),
          said(long, "modified"),
          said("a.txt", "deleted"),
        ]);
        expect(updates(file.frames)).toEqual([said("a.txt", "modified"), said("a.txt", "deleted")]);
        expect(updates(wrong.frames)).toEqual([]);
        expect(await listed(wrong.opened.page)).toEqual([]);
        for (const problem of wrong.opened.takeProblems()) expect(problem).toContain("403");
        expect(await file.opened.page.locator("#content").innerText()).toBe("");
      });
      await expectCleanEnd(example);
      expect(await redis.command("EXISTS", "ws-emit::secret::dir")).toBe(0);
    },
    longTestMs,
  );

  test(
    "WSE-03 a page without a secret asks for it",
    async () => {
      write("b.txt", "text");
      await using example = await startExample("dir2web", ["--directory", folder]);
      const [address = "", secret = ""] = example.url.split("#secret=");
      for (const path of ["files", "file?name=b.txt"]) {
        expect((await fetch(`${address.replace("localhost", "127.0.0.1")}${path}`)).status).toBe(403);
      }
      await withBrowser(async (browser) => {
        const { page } = await browser.open(address);
        await page.getByLabel("Secret of the room-space dir").fill(secret);
        await page.getByRole("button", { name: "Show" }).click();
        await page.getByRole("link", { name: "b.txt" }).click();
        await page.getByText("text", { exact: true }).waitFor();
        await page.getByRole("link", { name: "All files" }).click();
        await page.getByRole("link", { name: "b.txt" }).waitFor();
      });
    },
    longTestMs,
  );
});
