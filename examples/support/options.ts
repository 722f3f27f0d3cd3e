// The flags that both examples take.

import { parseArgs } from "node:util";
import type { ParseArgsConfig } from "node:util";

export interface CommonOptions {
  /** Port of the example's own web server; 0 takes a free one. */
  readonly port: number;
  readonly gatewayPort: number;
  /** Where the example's gateway will listen. */
  readonly gatewayUrl: string;
  readonly redis: string | undefined;
}

export type Flags = Readonly<Record<string, string | boolean | undefined>>;

const common = {
  port: { type: "string", default: "7788" },
  "gateway-port": { type: "string", default: "8899" },
  redis: { type: "string" },
} as const;

/** Reads the command line; throws a sentence about what is wrong with it. */
export function readOptions(
  more: NonNullable<ParseArgsConfig["options"]>,
): CommonOptions & { readonly flags: Flags } {
  const { values } = parseArgs({ options: { ...common, ...more }, allowPositionals: false });
  const flags = values as Flags;
  const gatewayPort = readPort(flags, "gateway-port");
  return {
    port: readPort(flags, "port"),
    gatewayPort,
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    redis: typeof flags["redis"] === "string" ? flags["redis"] : undefined,
    flags,
  };
}

function readPort(flags: Flags, name: "port" | "gateway-port"): number {
  const text = String(flags[name]);
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new Error(`Expected --${name} to be a port, 0-65535, got "${text}"`);
}
