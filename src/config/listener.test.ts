import { describe, expect, test } from "bun:test";
import { readEndpoint } from "./address.ts";
import type { ListenerConfig } from "./schema.ts";
import { judge } from "./load.ts";
import { createConfigModel } from "./model.ts";
import type { FlagValue } from "./options.ts";
import { findWarnings } from "./warnings.ts";

const model = createConfigModel();

interface Sources {
  readonly flags?: Readonly<Record<string, FlagValue>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly file?: readonly unknown[];
}

function judged({ flags = {}, env = {}, file }: Sources): ReturnType<typeof judge> {
  const input = {
    options: model.options,
    flags: new Map(Object.entries(flags)),
    env,
    file: file && { path: "belfry.yaml", tree: { listeners: file } },
  };
  return judge(input, model);
}

function listenersOf(sources: Sources): readonly ListenerConfig[] {
  const result = judged(sources);
  if (!result.isOk) throw new Error(result.problems.join("\n"));
  return result.config.listeners;
}

function problemsOf(sources: Sources): readonly string[] {
  const result = judged(sources);
  return result.isOk ? [] : result.problems;
}

describe("where a listener listens", () => {
  test("RTE-01 an address, or a unix socket; without either, the default address", () => {
    const listeners = listenersOf({
      file: [{}, { address: ":1" }, { unix: "/run/b.sock" }, { unix: "b.sock", unixMode: "600" }],
    });
    expect(listeners.map(readEndpoint)).toEqual([
      { host: "127.0.0.1", port: 8899 },
      { host: "0.0.0.0", port: 1 },
      { unix: "/run/b.sock", mode: 0o660 },
      { unix: "b.sock", mode: 0o600 },
    ]);
    expect(readEndpoint({})).toBeUndefined();
    expect(readEndpoint({ address: "nonsense" })).toBeUndefined();
  });

  test("RTE-01 flags and environment say the same of the only listener", () => {
    expect(listenersOf({ flags: { unix: "/run/b.sock", unixMode: "666" } })).toMatchObject([
      { unix: "/run/b.sock", unixMode: "666" },
    ]);
    const env = { BELFRY_UNIX: "/run/b.sock", BELFRY_TLS_CERT: "c.pem", BELFRY_TLS_KEY: "k.pem" };
    expect(listenersOf({ env })).toMatchObject([
      { unix: "/run/b.sock", tls: { cert: "c.pem", key: "k.pem" } },
    ]);
    const over = { flags: { "tls.key": "other.pem" }, env: { BELFRY_DIALECTS: "ws-hub" } };
    expect(listenersOf({ ...over, file: [{ tls: { cert: "c.pem", key: "k.pem" } }] })).toMatchObject([
      { address: "127.0.0.1:8899", tls: { cert: "c.pem", key: "other.pem" }, dialects: ["ws-hub"] },
    ]);
  });

  test("T32 both at once are refused, wherever they come from", () => {
    expect(problemsOf({ file: [{ address: ":1", unix: "/a" }] })).toEqual([
      "Expected `address` or `unix`, got both (`listeners[0].unix`, file belfry.yaml)",
    ]);
    expect(problemsOf({ flags: { unix: "/a" }, env: { BELFRY_ADDRESS: ":1" } })).toEqual([
      "Expected `address` or `unix`, got both (`listeners[0].unix`, flag --unix)",
    ]);
  });

  test("T32 a path that no socket can have is refused with the length that it may have", () => {
    const [longest, tooLong] = ["x".repeat(103), "é".repeat(60)];
    expect(problemsOf({ flags: { unix: longest } })).toEqual([]);
    const most = process.platform === "linux" ? 107 : 103;
    for (const [path, got] of [
      [tooLong, "120"],
      ["", "0"],
      ["/a\0b", "one with a NUL"],
    ] as const) {
      expect(problemsOf({ file: [{ unix: path }] })).toEqual([
        `Expected the path of a unix socket to be 1-${most} bytes, got ${got} (\`listeners[0].unix\`, file belfry.yaml)`,
      ]);
    }
  });

  test("T32 half of a certificate, and permissions that are none, are refused", () => {
    expect(problemsOf({ flags: { "tls.cert": "c.pem" } })).toEqual([
      "Expected --tls-key with the private key beside --tls-cert, got nothing (`listeners[0].tls.key`, default)",
    ]);
    for (const unixMode of ["0660", "888", "rw-", ""]) {
      expect(problemsOf({ file: [{ unix: "/a", unixMode }] })).toEqual([
        `Expected \`listeners[0].unixMode\` to be text that matches ^[0-7]{3}$, got "${unixMode}" (file belfry.yaml)`,
      ]);
    }
  });

  test("T32 a unix socket is not reached from other machines: nothing to warn about", () => {
    const warned = (listener: unknown): readonly string[] => {
      const result = judged({ file: [listener] });
      return result.isOk ? findWarnings(result.config, model.dialects).map(({ code }) => code) : ["refused"];
    };
    expect(warned({ unix: "/run/b.sock", origins: "*" })).toEqual([]);
    expect(warned({ address: "0.0.0.0:1", origins: "*" })).toContain("public_any_origin");
  });
});
