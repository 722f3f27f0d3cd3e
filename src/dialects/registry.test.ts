// A dialect is a folder and one line: what is built on the table names none of it, and takes a fifth as it comes.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { z } from "zod";
import { until } from "../../test/support/until.ts";
import { startRedis } from "../../test/support/redis.ts";
import type { RedisServer } from "../../test/support/redis.ts";
import { runCommand } from "../../test/support/command-line.ts";
import { RawPublication } from "../codec/raw-publication.ts";
import { createConfigModel, profileNamed } from "../config/model.ts";
import { loadConfig } from "../config/load.ts";
import { createConfigSchema } from "../config/schema.ts";
import { findWarnings } from "../config/warnings.ts";
import { textCanary } from "../codec/canary.ts";
import type { DialectEntry } from "./entry.ts";
import { namePrefix } from "../base/redis-name.ts";
import { createGateway } from "../gateway/gateway.ts";
import { createObserve } from "../observe/observe.ts";
import { toRooms } from "./raw/format.ts";
import { prefixFeed } from "./raw/prefix-feed.ts";
import { dialects } from "./registry.ts";

const source = join(import.meta.dirname, "..");

describe("who names a dialect", () => {
  const names = Object.keys(dialects);
  const files = [...new Bun.Glob("{config,cli,api,gateway}/**/*.ts").scanSync(source)].filter(
    (file) => !file.endsWith(".test.ts"),
  );

  test.each(files)("%s does not", async (file) => {
    const text = await Bun.file(join(source, file)).text();
    expect(names.filter((name) => text.includes(name))).toEqual([]);
    expect(createConfigModel().profiles.filter(({ name }) => text.includes(`--as ${name}`))).toEqual([]);
  });

  test("they are all looked at", () => {
    expect(files).toContain("gateway/gateway.ts");
    expect(files.length).toBeGreaterThan(40);
  });
});

interface EchoOptions {
  readonly prefix: string;
  readonly isLoud: boolean;
}

const echo: DialectEntry<EchoOptions> = {
  name: "echo",
  options: z
    .strictObject({
      prefix: z.string().default("echo:").describe("What its Redis names begin with"),
      isLoud: z.boolean().default(false).describe("Everyone hears it"),
    })
    .describe("Echo: says it again"),
  redisNames: ({ prefix }) => [namePrefix(prefix)],
  takesSecret: () => true,
  warnings: ({ isLoud }, { listeners: [first] }) =>
    isLoud ? [{ code: "loud", text: `Everyone hears ${first?.address}` }] : [],
  profile: {
    name: "parrot",
    description: "parrot: a bird",
    variables: [{ name: "PARROT", option: "echo.prefix", description: "Its name" }],
    refused: [],
    defaults: { address: ":7000", dialects: ["echo"] },
    flags: [],
    notReproduced: ["SEC-01: it does not bite"],
    notices: ({ prefix }) => [`It is called ${prefix}`],
  },
  commands: { flags: { isLoud: "loud" }, tail: { options: ["prefix"] } },
  usualPath: "/echo",
  open: (_, { prefix }) => ({
    backend: {
      feeds: [
        prefixFeed({
          prefix,
          canary: textCanary(prefix, "echo canary"),
          decode: (name, payload) => new RawPublication(toRooms([name]), payload),
        }),
      ],
      routes: [],
    },
    explain: (method) => (method === "PUT" ? { text: "Echo takes no PUT" } : undefined),
  }),
};

const table = { ...dialects, echo };

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ readonly code: number; readonly text: string }> {
  const { code, out, err } = await runCommand(args, {
    env,
    dialects: table,
    onComplaint(text) {
      // `tail` listens until it is told to stop.
      if (text.startsWith("Listening on")) queueMicrotask(() => process.emit("SIGTERM"));
    },
  });
  return { code, text: `${out}${err}` };
}

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.stop();
});

describe("a fifth dialect, by one line", () => {
  const model = createConfigModel(table);

  test("it has a section, flags, environment names, help and a chapter of the docs", async () => {
    const set = await run(["config", "print", "--loud", "--echo-prefix", "p:", "--dialects", "echo"]);
    const rows = set.text.split("\n").map((row) => row.split(/ {2,}/));
    expect(rows).toContainEqual(["echo.isLoud", "true", "flag --loud"]);
    expect(rows).toContainEqual(["echo.prefix", "p:", "flag --echo-prefix"]);
    const byName = await run(["config", "print"], { BELFRY_ECHO_PREFIX: "e:" });
    expect(byName.text).toContain("environment BELFRY_ECHO_PREFIX");
    expect((await run(["serve", "--help-all"])).text).toContain("Echo: says it again:");
    const docs = await run(["config", "docs"]);
    expect(docs.text).toContain("## Options: Echo: says it again");
    expect(docs.text).toContain("## Drop-in: `--as parrot`");
    expect((await run(["config", "schema"])).text).toContain('"echo"');
  });

  test("its profile stands in for the system that it comes from", async () => {
    const { text } = await run(["config", "print", "--as", "parrot"], { PARROT: "polly:" });
    const rows = text.split("\n").map((row) => row.split(/ {2,}/));
    expect(rows).toContainEqual(["dialects", "echo", "profile parrot"]);
    expect(rows).toContainEqual(["echo.prefix", "polly:", "environment PARROT"]);
    const help = (await run(["serve", "--as", "parrot", "--help"])).text;
    expect(help).toContain("--echo-prefix");
    expect(help).not.toContain("--socketio-");
  });

  test("it is warned of as the others are, and owns its names in Redis", async () => {
    const flags = new Map([["echo.isLoud", "true"] as const, ["secret", "short"] as const]);
    const loaded = await loadConfig({ flags, profile: profileNamed(model, "parrot") }, model);
    const warned = findWarnings(loaded.config, table);
    expect(warned.map(({ code }) => code)).toEqual(["short_secret", "loud"]);
    const clash = await run(["config", "check", "--dialects", "echo", "ws-hub", "--echo-prefix", "ws-hub:x"]);
    expect(clash.text).toContain("`ws-hub:x*` of the dialect `echo`");
    expect(clash.code).toBe(1);
  });

  test("a gateway speaks it: metrics count its messages, and who asks at its paths is answered", async () => {
    const config = createConfigSchema(table).parse({
      listeners: [{ address: "127.0.0.1:0", dialects: ["echo"] }],
      redis: redis.url,
    });
    const destination = { write: () => undefined };
    const observe = createObserve({ level: "info", format: "json", version: "test", destination });
    const gateway = await createGateway(config, { observe, dialects: table });
    const [url = ""] = gateway.urls;
    const ask = async (path: string, init?: RequestInit): Promise<string> =>
      (await fetch(`${url}${path}`, init)).text();
    try {
      expect(await ask("/echo/x")).toBe("Not found. This listener speaks echo\n");
      expect(await ask("/socket.io/")).toBe("Not found. This listener speaks echo\n");
      expect(await ask("/x", { method: "PUT" })).toBe("Echo takes no PUT\n");
      expect(await redis.command("PUBLISH", "echo:room", "hello")).toBe(1);
      await until(() => /^belfry_messages_received_total\{dialect="echo"\} 1$/m.test(observe.metrics()));
    } finally {
      await gateway.stop(0);
      await observe.close();
    }
  });

  test("`belfry tail` hears it", async () => {
    const { text } = await run(["tail", "--redis", redis.url, "--echo-prefix", "polly:"]);
    expect(text).toMatch(/^ {2}echo +polly:\*$/m);
    expect(text).toContain("ws-hub:groups-new:*");
  });
});
