// Every command of the READMEs and of docs/, run as it stands in a copy of the checkout, and `npm start` in this one: one file,
// because they listen on the same ports. A comment before each ```sh block, which a reader of the page does not see, says how:
//
//   <!-- test: run -->                                   its lines end with status 0
//   <!-- test: run, 3 events heard -->                   and a page in the room `time` hears as many events
//   <!-- test: start, answers http://localhost:8899/ --> it runs beside the blocks that follow, from when that answers
//                                                        until the next server is started
//   <!-- test: start beside, answers http://... -->      likewise, beside the server that is there
//   <!-- test: start, says Listening -->                 likewise, from when it prints that, until the next server
//   <!-- test: not run, because ... -->                  with the reason
//
// Before a block of any kind:
//
//   <!-- test: file config.yaml -->                      it is this file in that copy
//   <!-- test: same as packaging/nginx/belfry.conf -->   it is this file of ours, whole
//
// The one thing that is replaced is `localhost:6379`: a Redis of this machine's owner is not for tests.

import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { withBrowser } from "../support/chromium.ts";
import { curlOf, expectHeard, expectTicking, openDemo, paste } from "../support/demo.ts";
import { Page } from "../support/page.ts";
import { isListening } from "../support/ports.ts";
import { RunningProcess } from "../support/process.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dir, "../..");
/** Of `npm start`. */
const defaultPort = 8899;
/** With the ports that their blocks listen on. */
const pages: readonly (readonly [string, readonly number[]])[] = [
  ["README.md", [8899, 8080, 7788]],
  ["src/dialects/native/README.md", [8899]],
  ["client/README.md", [8899, 7788]],
  ["docs/auth.md", [8899, 7788]],
  ["docs/webhooks.md", [8899, 7788, 7789]],
  ["examples/native-chat/README.md", [8899, 7788]],
  ["examples/time/README.md", [8899, 7788]],
  ["examples/dir2web/README.md", [8899, 7788]],
  ["examples/chat/README.md", [5000, 7788]],
  ["examples/django/README.md", [8000]],
  ["examples/ws-hub/README.md", [8080, 7788]],
  ["docs/migrate/ws-emit.md", [8899]],
  ["docs/migrate/ws-hub.md", [8080]],
  ["docs/migrate/ws4redis.md", [8000]],
  ["docs/migrate/websocket-channels.md", [9000, 5000]],
  ["docs/migrate/nchan.md", [8899]],
  ["docs/migrate/centrifugo.md", [8899, 7788]],
];
const secret = "publish-secret-of-the-test";
const longTestMs = 120_000;
const startDeadlineMs = 100_000;
const endDeadlineMs = 15_000;
/** A page hears what a block rang within this time, ms. */
const hearDeadlineMs = 10_000;

type Mark =
  | { readonly kind: "run"; readonly events: number }
  | { readonly kind: "start"; readonly answers: string; readonly isBeside?: true }
  | { readonly kind: "start"; readonly says: string }
  | { readonly kind: "not run"; readonly reason: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "same as"; readonly path: string };

interface Block {
  /** Where it stands, as `README.md:12`. */
  readonly where: string;
  readonly mark: Mark;
  readonly code: string;
}

/** The blocks of a page that have a mark. Throws a sentence about the first ```sh one without, or with another. */
function readBlocks(name: string, markdown: string): readonly Block[] {
  const lines = markdown.split("\n");
  const blocks: Block[] = [];
  for (let index = 0; index < lines.length; index++) {
    const [, language] = /^\s*```(\w*)\s*$/.exec(lines[index] ?? "") ?? [];
    if (language === undefined) continue;
    const where = `${name}:${index + 1}`;
    const before = (lines.slice(0, index).findLast((text) => text.trim() !== "") ?? "").trim();
    const end = lines.findIndex((text, at) => at > index && text.trim() === "```");
    const code = lines.slice(index + 1, end === -1 ? undefined : end).join("\n");
    const isShell = /^(sh|bash|shell|console)$/.test(language);
    if (isShell || before.startsWith("<!-- test:"))
      blocks.push({ where, mark: readMark(where, before), code });
    if (end === -1) break;
    index = end;
  }
  return blocks;
}

function readMark(where: string, line: string): Mark {
  const text = /^<!-- test: (.+) -->$/.exec(line)?.[1] ?? "";
  const [, events] = /^run(?:, (\d+) events? heard)?$/.exec(text) ?? [undefined, undefined];
  if (text === "run" || events !== undefined) return { kind: "run", events: Number(events ?? 0) };
  const [, beside, answers] = /^start( beside)?, answers (http:\S+)$/.exec(text) ?? [];
  if (answers !== undefined) return { kind: "start", answers, ...(beside && { isBeside: true }) };
  const [, says] = /^start, says (.+)$/.exec(text) ?? [];
  if (says !== undefined) return { kind: "start", says };
  const [, reason] = /^not run, (because .+)$/.exec(text) ?? [];
  if (reason !== undefined) return { kind: "not run", reason };
  const [, kind, path] = /^(file|same as) ([\w./-]+)$/.exec(text) ?? [];
  if (path !== undefined && (kind === "file" || kind === "same as")) return { kind, path };
  throw new Error(
    `Expected a mark before the block at ${where}, e.g. <!-- test: run -->, got ${JSON.stringify(line)}`,
  );
}

/** A shell and all that it starts: they end as a group. */
class Shell {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #streams: readonly Promise<void>[];
  readonly #killAtExit = (): void => {
    this.kill();
  };
  #output = "";

  constructor(code: string, cwd: string) {
    this.#child = Bun.spawn(["/bin/sh", "-e", "-c", code], {
      cwd,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      // What npm fetched for this checkout serves the copy; what is installed for all is so for the copy alone.
      env: {
        ...process.env,
        PATH: `${join(cwd, ".global/bin")}:${process.env["PATH"]}`,
        npm_config_prefix: join(cwd, ".global"),
        npm_config_prefer_offline: "true",
        npm_config_audit: "false",
        npm_config_fund: "false",
      },
    });
    this.#streams = [this.#child.stdout, this.#child.stderr].map(async (stream) => this.#collect(stream));
    process.on("exit", this.#killAtExit);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get output(): string {
    return this.#output;
  }

  /** Ends it and all that it started, as Ctrl-C does; by force after a while. */
  async end(): Promise<void> {
    this.#signal("SIGTERM");
    const force = setTimeout(() => {
      this.kill();
    }, endDeadlineMs);
    // The shell itself may end before what it started.
    while (this.#signal(0)) await Bun.sleep(20);
    clearTimeout(force);
  }

  kill(): void {
    process.off("exit", this.#killAtExit);
    this.#signal("SIGKILL");
  }

  /** Its exit status. */
  async finish(timeoutMs: number): Promise<number> {
    const timer = setTimeout(() => {
      this.kill();
    }, timeoutMs);
    const [code] = await Promise.all([this.#child.exited, ...this.#streams]);
    clearTimeout(timer);
    return code;
  }

  /** @returns whether there was anyone to signal. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    try {
      process.kill(-this.#child.pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#output += decoder.decode(chunk, { stream: true });
  }
}

/** Runs the blocks of a page in their order. */
class Runner {
  readonly #folder: string;
  readonly #redisPort: number;
  readonly #shells: Shell[] = [];
  #page: Page | undefined;

  constructor(folder: string, redisPort: number) {
    this.#folder = folder;
    this.#redisPort = redisPort;
  }

  async run(block: Block): Promise<void> {
    const { mark } = block;
    const code = block.code.replaceAll("localhost:6379", `localhost:${this.#redisPort}`);
    if (mark.kind === "not run" || mark.kind === "same as") return;
    if (mark.kind === "file") {
      writeFileSync(join(this.#folder, mark.path), `${code}\n`);
      return;
    }
    if (mark.kind === "run") {
      await this.#runToEnd({ ...block, code }, mark.events);
      return;
    }
    if ("answers" in mark && mark.isBeside !== true) await this.endAll();
    const shell = new Shell(code, this.#folder);
    this.#shells.push(shell);
    const isThere = async (): Promise<boolean> =>
      "answers" in mark ? isAnswering(mark.answers) : shell.output.includes(mark.says);
    const deadline = performance.now() + startDeadlineMs;
    while (!(await isThere())) {
      if (shell.isRunning && performance.now() < deadline) await Bun.sleep(50);
      else throw new Error(`Expected the block at ${block.where} to start, it said:\n${shell.output}`);
    }
  }

  /** What was said by all that was started. */
  readonly said: string[] = [];

  /** Ends what was started; it must still have been running. */
  async endAll(): Promise<void> {
    this.#page?.[Symbol.dispose]();
    this.#page = undefined;
    for (const shell of this.#shells.splice(0).toReversed()) {
      const { isRunning } = shell;
      await shell.end();
      this.said.push(shell.output);
      if (!isRunning) throw new Error(`Expected a started block to run on, it said:\n${shell.output}`);
    }
  }

  kill(): void {
    for (const shell of this.#shells) shell.kill();
  }

  async #runToEnd({ where, code }: Block, events: number): Promise<void> {
    if (events > 0 && !this.#page) {
      this.#page = await Page.connect("http://localhost:8899");
      await this.#page.join("time");
    }
    const shell = new Shell(code, this.#folder);
    const status = await shell.finish(startDeadlineMs);
    if (status !== 0) {
      throw new Error(`Expected the block at ${where} to succeed, got status ${status}:\n${shell.output}`);
    }
    for (let left = events; left > 0; left--) await this.#page?.next(hearDeadlineMs);
  }
}

/** One page, as a web server of the reader's serves it. */
class ServedPage implements AsyncDisposable {
  readonly #server: Bun.Server<undefined>;
  readonly url: string;

  private constructor(server: Bun.Server<undefined>) {
    this.#server = server;
    this.url = `http://localhost:${server.port}/page.html`;
  }

  static async start(page: string, port: number): Promise<ServedPage> {
    const fetch = ({ url }: Request): Response =>
      new URL(url).pathname === "/page.html"
        ? new Response(page, { headers: { "content-type": "text/html" } })
        : new Response(null, { status: 204 });
    return new ServedPage(Bun.serve({ hostname: "127.0.0.1", port, fetch }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }
}

async function isAnswering(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** A copy of the checkout; without packages where the page tells to install them. */
function copyCheckout(blocks: readonly Block[]): string {
  const folder = mkdtempSync(join(tmpdir(), "belfry-readme-"));
  const left = new Set(["node_modules", ".git", ".cache"]);
  for (const name of readdirSync(root)) {
    if (!left.has(name)) cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  const installs = blocks.some(({ code }) => code.includes("npm ci"));
  if (!installs) symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

const read = (name: string): string => readFileSync(join(root, name), "utf8");

describe("the marks", () => {
  const sample = (mark: string): string => `# Title\n\n${mark}\n\n\`\`\`sh\nfirst\nsecond\n\`\`\`\n\nText.\n`;

  test.each([
    ["run", { kind: "run", events: 0 }],
    ["run, 1 event heard", { kind: "run", events: 1 }],
    ["start, answers http://localhost:1/", { kind: "start", answers: "http://localhost:1/" }],
    [
      "start beside, answers http://localhost:1/",
      { kind: "start", answers: "http://localhost:1/", isBeside: true },
    ],
    ["start, says Listening on", { kind: "start", says: "Listening on" }],
    ["not run, because it needs root", { kind: "not run", reason: "because it needs root" }],
    ["file config.yaml", { kind: "file", path: "config.yaml" }],
    ["same as packaging/nginx/belfry.conf", { kind: "same as", path: "packaging/nginx/belfry.conf" }],
  ] satisfies [string, Mark][])("%s", (text, mark) => {
    const code = "first\nsecond";
    expect(readBlocks("X.md", sample(`<!-- test: ${text} -->`))).toEqual([{ where: "X.md:5", mark, code }]);
  });

  test.each(["", "Run it:", "<!-- test: -->", "<!-- test: not run -->", "<!-- test: runs -->"])(
    "%s is none",
    (mark) => {
      expect(() => readBlocks("X.md", sample(mark))).toThrow("Expected a mark before the block at X.md:5");
    },
  );
});

test("blocks without a mark are no business of the tests, unless they are commands", () => {
  const page = "```yaml\na: 1\n```\n\n<!-- test: file b.yaml -->\n\n```yaml\nb: 1\n```\n\n```\nsh\n```\n";
  expect(readBlocks("X.md", page)).toEqual([
    { where: "X.md:7", mark: { kind: "file", path: "b.yaml" }, code: "b: 1" },
  ]);
});

describe("the pages", () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(async () => {
    await redis.stop();
  });

  test.each([...pages])(
    "every command of %s works as it stands",
    async (name, ports) => {
      for (const port of ports) {
        if (await isListening("127.0.0.1", port))
          throw new Error(`Expected port ${port} to be free: end what listens there`);
      }
      const blocks = readBlocks(name, read(name));
      expect(blocks).not.toBeEmpty();
      const folder = copyCheckout(blocks);
      const runner = new Runner(folder, redis.port);
      try {
        for (const block of blocks) await runner.run(block);
        await runner.endAll();
        // Whoever follows it for the first time is warned of nothing. What comes from another system may be: the settings of
        // the site in examples/django are those of ws4redis' own documentation, without a prefix.
        if (!/^docs\/|^examples\/django\//.test(name))
          expect(runner.said.join("\n")).not.toMatch(/"level":"warn"|WARN/);
      } finally {
        runner.kill();
        rmSync(folder, { recursive: true, force: true });
      }
    },
    longTestMs,
  );

  test.each(pages.map(([name]) => name).filter((name) => name.startsWith("docs/migrate/")))(
    "%s begins with five minutes, then settings, then differences",
    (name) => {
      const titles = [...read(name).matchAll(/^## (.*)$/gm)].map(([, title]) => title);
      expect(titles.slice(0, 3)).toEqual(["In five minutes", "Settings", "What differs, and why"]);
    },
  );

  test.each([...pages])("what %s quotes of a file stands there", (name) => {
    for (const { where, mark, code } of readBlocks(name, read(name))) {
      if (mark.kind === "same as") expect([where, `${code}\n`]).toEqual([where, read(mark.path)]);
    }
  });

  /** Pages that readers save, and a request that each shows as "noon" in its heading. */
  const saved = [
    ["README.md", "page.html", "/emit", { event: "update", room: "time", data: { time: "noon" }, secret }],
    ["README.md", "time.html", "/rooms/time", "noon"],
    ["client/README.md", "page.html", "/rooms/time?event=update", "noon"],
    ["docs/migrate/centrifugo.md", "page.html", "/rooms/news:sport", { text: "noon" }],
  ] as const;

  test.each(saved)(
    "%s: %s shows in a browser what the gateway is told",
    async (name, file, path, body) => {
      const blocks = readBlocks(name, read(name));
      const page = blocks.find(({ mark }) => mark.kind === "file" && mark.path === file)?.code ?? "";
      const args = ["-a", "127.0.0.1:8899", "--cors", "http://localhost:7788", "--secret", secret];
      await using gateway = await ServedGateway.start({ args });
      await using site = await ServedPage.start(page, 7788);
      await withBrowser(async (browser) => {
        const { page: opened } = await browser.open(site.url);
        await opened.getByRole("heading", { name: "Nothing received yet" }).waitFor();
        const publish = setInterval(() => {
          const headers = { authorization: `Bearer ${secret}` };
          const text = typeof body === "string" ? body : JSON.stringify(body);
          void fetch(gateway.url + path, { method: "POST", headers, body: text });
        }, 100);
        try {
          await opened.getByRole("heading", { name: "noon" }).waitFor();
        } finally {
          clearInterval(publish);
        }
      });
    },
    longTestMs,
  );

  test.each([
    ["python3", "backend.py"],
    ["node", "backend.mjs"],
  ])(
    "examples/native-chat: what one page says, both show, by way of %s %s",
    async (runtime, file) => {
      const args = ["-a", "127.0.0.1:8899", "--cors", "http://localhost:7788", "--secret", secret];
      await using gateway = await ServedGateway.start({ args });
      const cwd = mkdtempSync(join(tmpdir(), "belfry-chat-"));
      try {
        writeFileSync(join(cwd, "secret"), `${secret}\n`);
        await using backend = new RunningProcess([runtime, join(root, "examples/native-chat", file)], {
          cwd,
        });
        await backend.waitFor(/^Open /m);
        await withBrowser(async (browser) => {
          const chat = "http://localhost:7788/";
          const pages = [(await browser.open(chat)).page, (await browser.open(chat)).page];
          const streams = async () => (await gateway.metrics()).sum("belfry_connections", "stream");
          await until(async () => (await streams()) === 2);
          const texts = ["hello & <b>welcome</b>", '{"a":1}'];
          for (const [index, text] of texts.entries()) {
            await pages[index]?.getByLabel("What to say").fill(text);
            await pages[index]?.getByRole("button", { name: "Say" }).click();
            for (const page of pages) await page.getByRole("listitem").getByText(text).waitFor();
          }
          for (const page of pages) expect(await page.getByRole("listitem").allInnerTexts()).toEqual(texts);
        });
      } finally {
        rmSync(cwd, { recursive: true, force: true });
      }
    },
    longTestMs,
  );

  test.each(["README.md", ...Array.from(new Bun.Glob("docs/**/*.md").scanSync(root))])(
    "every line of docs/compat.md that %s links to is there",
    (name) => {
      const compat = read("docs/compat.md");
      const anchors = new Set([...compat.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id));
      const links = [...read(name).matchAll(/\]\([^)\s]*compat\.md#([^)]+)\)/g)].map(([, id = ""]) => id);
      expect(links.filter((id) => !anchors.has(id))).toEqual([]);
      if (name === "README.md") expect(links.length).toBeGreaterThan(8);
    },
  );

  test.each([...pages, ["docs/troubleshooting.md", []] as const])(
    "every file that %s links to is there",
    (name) => {
      const links = [...read(name).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path = ""]) => path);
      // Paths of this repository in the text itself.
      const paths = [
        ...read(name).matchAll(/`((?:\.\/)?(?:bin|docs|examples|packaging|scripts|src)\/[^`\s]+)`/g),
      ];
      const missing = [
        ...links.filter((path) => !existsSync(join(root, dirname(name), path))),
        ...paths.map(([, path = ""]) => path).filter((path) => !existsSync(join(root, path))),
      ];
      expect(missing).toEqual([]);
    },
  );
});

describe("npm start", () => {
  test(
    "shows the ticking clock on http://localhost:8899/, a form, and the curl line that does the same",
    async () => {
      if (await isListening("127.0.0.1", defaultPort)) {
        throw new Error(`Expected port ${defaultPort} to be free for \`npm start\`: end what listens there`);
      }
      await using demo = new RunningProcess(["npm", "start"], { cwd: root });
      const [line = ""] = await demo.waitFor(/^ *curl .*$/m);
      expect(demo.output).toMatch(/listening {2}http:\/\/(localhost|127\.0\.0\.1):8899 \(socketio, native\)/);
      expect(demo.output).toMatch(/broker {5}memory/);
      await withBrowser(async (browser) => {
        const { page } = await openDemo(browser, defaultPort);
        const other = (await openDemo(browser, defaultPort, "127.0.0.1")).page;
        await Promise.all([expectTicking(page), expectTicking(other)]);

        await page.getByRole("button", { name: "Publish" }).click();
        const pages = [page, other];
        for (const each of pages) await expectHeard(each, 'time message "hello"');

        const curl = await curlOf(page);
        expect(curl).toStartWith("curl http://localhost:8899/emit ");
        expect(await curlOf(other)).toStartWith("curl http://127.0.0.1:8899/emit ");
        expect(await paste(curl)).toBe("OK\n");
        for (const each of pages) await expectHeard(each, ...Array(2).fill('time message "hello"'));

        // The line of the terminal does the same.
        expect(await paste(line)).toBe("OK\n");
        for (const each of pages) await expectHeard(each, ...Array(3).fill('time message "hello"'));
        // The terminal says what was published, and how many connections it reached; the clock is not repeated there.
        await demo.waitFor(/^message -> time, delivered to 4$/m);
        expect(demo.output).not.toContain("clock ->");
        expect(demo.output).toContain(/"secret":"([^"]+)"/.exec(curl)?.[1] ?? "no secret in the curl line");
      });
      // As a terminal ends it, and npm hands on.
      demo.kill("SIGINT");
      await demo.exited;
      expect(await isListening("127.0.0.1", defaultPort)).toBe(false);
    },
    longTestMs,
  );
});
