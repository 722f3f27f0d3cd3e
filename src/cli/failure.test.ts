import { describe, expect, test } from "bun:test";
import { GatewayError } from "../vocabulary/errors.ts";
import { CommandError, describeFailure } from "./failure.ts";

describe("what a failed command says", () => {
  test("WSE-01 a sentence per problem, no stack", () => {
    const error = new GatewayError("config_invalid", "Expected a\nExpected b", { cause: new Error("inner") });
    expect(describeFailure(error, false)).toBe("belfry: Expected a\nbelfry: Expected b");
    expect(describeFailure(new CommandError("no"), false)).toBe("belfry: no");
  });

  test("WSE-01 the stack and its cause with --verbose", () => {
    const text = describeFailure(new CommandError("no", { cause: new Error("inner") }), true);
    expect(text).toStartWith("belfry: no\n");
    expect(text).toContain("failure.test.ts");
    expect(text).toMatch(/caused by:\n.*inner/);
  });

  test("WSE-01 what nobody expected says so", () => {
    expect(describeFailure(new TypeError("x is undefined"), false)).toBe(
      "belfry: x is undefined\nbelfry: this was not expected; --verbose shows where it happened",
    );
    expect(describeFailure("text", true)).toBe("belfry: text");
  });

  test("T26 the terminal is safe from it", () => {
    expect(describeFailure(new CommandError("a\u001b[2J"), false)).toBe(String.raw`belfry: a\u{1b}[2J`);
  });
});
