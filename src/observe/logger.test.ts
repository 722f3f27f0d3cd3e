// One record per line that any JSON reader takes, and nothing secret in it, whatever the fields hold.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../vocabulary/errors.ts";
import type { LogLevel } from "../vocabulary/log-events.ts";
import { Logger } from "./logger.ts";
import type { LogFormat } from "./logger.ts";
import { Redactor } from "./redact.ts";

const canary = "cAnArY7291";

interface Options {
  readonly level?: LogLevel;
  readonly format?: LogFormat;
  readonly isTerminal?: boolean;
  readonly secrets?: readonly string[];
}

function capture({ level = "debug", format = "json", isTerminal = false, secrets = [] }: Options = {}) {
  const lines: string[] = [];
  const output = {
    isTerminal,
    dropped: 0,
    write: (line: string) => void lines.push(line),
    close: () => Promise.resolve(),
  };
  const logger = new Logger({ level, format, redactor: new Redactor(secrets), output });
  return { logger, lines };
}

/** The only record, parsed. */
function record(lines: readonly string[]): Record<string, unknown> {
  const [line = "", ...more] = lines;
  expect(more).toEqual([]);
  expect(line.endsWith("\n")).toBe(true);
  expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
  return JSON.parse(line);
}

describe("JSON lines", () => {
  test("a record has level, time, event and the fields, and no more", () => {
    const { logger, lines } = capture();
    logger.log("info", "gateway_started", { port: 8899, dialect: "socketio", isDemo: false });
    const { time, ...rest } = record(lines);
    expect(rest).toEqual({
      level: "info",
      event: "gateway_started",
      port: 8899,
      dialect: "socketio",
      isDemo: false,
    });
    expect(new Date(String(time)).toISOString()).toBe(String(time));
  });

  test("records below the level are not written", () => {
    const { logger, lines } = capture({ level: "warn" });
    for (const level of ["debug", "info", "warn", "error"] as const) logger.log(level, level);
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(["warn", "error"]);
  });

  test("T26 a record cannot be forged by fields, their names or the event's", () => {
    for (const hostile of [
      '\n{"level":"error"}',
      '","level":"error',
      "\u001B[31m",
      "a\u2028b",
      "\r",
      "\u0000",
    ]) {
      const { logger, lines } = capture();
      logger.log("info", hostile, { room: hostile, [hostile]: 1, level: "error", time: "never", event: "x" });
      const { level, event, time } = record(lines);
      expect({ level, event }).toEqual({ level: "info", event: "unnamed" });
      expect(time).not.toBe("never");
    }
  });

  test("T26 100,000 records of anything: each is one line that parses", () => {
    const { logger, lines } = capture();
    const text = fc.string({ maxLength: 30, unit: "binary" });
    const value = fc.oneof(text, fc.double(), fc.boolean(), fc.constant(undefined));
    const property = fc.property(fc.dictionary(text, value, { maxKeys: 4 }), text, (fields, event) => {
      lines.length = 0;
      logger.log("info", event, fields);
      expect(record(lines)["level"]).toBe("info");
    });
    fc.assert(property, { numRuns: 100_000 });
  }, 60_000);
});

describe("secrets", () => {
  test("T17 SEC-04 no canary passes, by name, by place or by value", () => {
    for (const format of ["json", "pretty"] as const) {
      const { logger, lines } = capture({ format, secrets: [canary] });
      logger.log("info", "a", { secret: canary, token: canary, sid: canary, url: `redis://:${canary}@h` });
      logger.log("info", "b", { note: `so ${canary} it is`, [canary]: canary });
      logger.logError("c", new GatewayError("bus_unavailable", `redis://u:${canary}@h refused`));
      logger.logError("d", new Error(canary, { cause: new Error(`password: ${canary}`) }));
      logger.logError("e", canary);
      expect(lines).toHaveLength(5);
      expect(lines.join("")).not.toContain(canary);
    }
  });
});

describe("errors", () => {
  test("a foreseen one is a warning with its code", () => {
    const { logger, lines } = capture();
    logger.logError("publish", new GatewayError("bus_unavailable", "Expected an answer within 2 s"));
    expect(record(lines)).toMatchObject({
      level: "warn",
      event: "stage_failed",
      stage: "publish",
      code: "bus_unavailable",
      error: "Expected an answer within 2 s",
    });
  });

  test("T26 another one is an error with its cause and its frames, in one line", () => {
    const { logger, lines } = capture();
    logger.logError("tick", new TypeError("two\nlines", { cause: new Error("why") }));
    const { level, error, cause, at } = record(lines);
    expect({ level, error, cause }).toEqual({
      level: "error",
      error: "TypeError: two\\u{a}lines",
      cause: "why",
    });
    expect(at).toContain("logger.test.ts");
    expect(at).not.toContain("two");
  });

  test.each([undefined, null, 7, Symbol("x"), Object.create(null), "text"])(
    "anything else (%p) is told too",
    (thrown) => {
      const { logger, lines } = capture();
      logger.logError("tick", thrown);
      expect(record(lines)["error"]).toBe(thrown === "text" ? "text" : `a thrown ${typeof thrown}`);
    },
  );
});

describe("pretty lines", () => {
  test.each([
    ["pretty", false, true],
    ["auto", true, true],
    ["auto", false, false],
    ["json", true, false],
  ] as const)("format %s, terminal %p: pretty is %p", (format, isTerminal, isPretty) => {
    const { logger, lines } = capture({ format, isTerminal });
    logger.log("info", "gateway_started", { port: 8899 });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.startsWith("{")).toBe(!isPretty);
    expect(lines[0]).toContain("gateway_started");
    expect(lines[0]).toContain("8899");
  });

  test("an event is a sentence, with what else is known and its name behind it", () => {
    const { logger, lines } = capture({ format: "pretty" });
    logger.log("info", "listening", {
      url: "http://a:1",
      dialects: "socketio",
      broker: "memory",
      version: "1",
    });
    logger.log("warn", "start_warning", { code: "short_secret", text: "The secret is short" });
    logger.log("info", "unknown_event", { a: 1, b: true });
    logger.log("debug", "refused", { dialect: "socketio" });
    expect(lines.map((line) => line.slice("00:00:00 ".length))).toEqual([
      "INFO  Listening on http://a:1 (socketio); messages come by memory (version 1) [listening]\n",
      "WARN  The secret is short (code short_secret) [start_warning]\n",
      "INFO  unknown event (a 1, b true) [unknown_event]\n",
      "DEBUG Refused: ? (socketio) [refused]\n",
    ]);
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d /);
  });

  test("T26 colours are the terminal's only, never a field's", () => {
    const { logger, lines } = capture({ format: "pretty" });
    logger.log("warn", "join_refused", { note: "\u001B[31mred\n\u009B2J" });
    logger.logError("tick", new Error("two\nlines"));
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line.slice(0, -1)).not.toMatch(/\p{Cc}/u);
  });
});
