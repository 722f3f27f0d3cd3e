// A gateway inside the test's own process: a free port of the loopback, its log kept for the test to read.

import type { z } from "zod";
import { houseProblems } from "../../src/config/house-rules.ts";
import { createConfigSchema } from "../../src/config/schema.ts";
import type { Config } from "../../src/config/schema.ts";
import { dialects } from "../../src/dialects/registry.ts";
import type { Dialects } from "../../src/dialects/registry.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import { createObserve } from "../../src/observe/observe.ts";

const configSchema = createConfigSchema(dialects);

/** As in a config file. */
export type GatewayConfig = z.input<typeof configSchema>;

export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  /** Whether it was ready in the moment when it began to listen. */
  readonly wasReady: boolean;
  /** `http://127.0.0.1:<port>`, of its first listener. */
  readonly url: string;
  /** What it logged so far. */
  readonly log: string;
  /** The value of a metric, its samples added up; of those with `labels` alone (`reason="slow"`), when given. */
  metric(name: string, labels?: string): Promise<number>;
}

/** Starts a gateway that is ready: every subscription is proved alive. */
export async function startGateway(
  options: GatewayConfig = {},
  table: Dialects = dialects,
): Promise<TestGateway> {
  let log = "";
  const parsed: unknown = createConfigSchema(table).parse({
    listeners: [{ address: "127.0.0.1:0" }],
    ...options,
  });
  const config = parsed as Config;
  // As `loadConfig` does.
  const [problem] = houseProblems(config, table);
  if (problem) throw new Error(problem.message);
  const observe = createObserve({
    level: "debug",
    format: "json",
    names: config.log.names,
    version: "test",
    destination: { write: (line: string) => void (log += line) },
  });
  const gateway = await createGateway(config, { observe, dialects: table });
  const wasReady = gateway.readiness().isReady;
  await becomeReady(gateway);
  return {
    gateway,
    wasReady,
    url: gateway.urls[0] ?? "",
    get log() {
      return log;
    },
    metric: async (name, labels = "") => sumSamples(observe.metrics(), name, labels),
    async [Symbol.asyncDispose]() {
      await gateway.stop(0);
      await observe.close();
    },
  };
}

/** Waits until every subscription is proved alive. */
export async function becomeReady(gateway: Gateway): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!gateway.readiness().isReady) {
    if (performance.now() > deadline) {
      throw new Error(`Expected a ready gateway within 10 s, got: ${gateway.readiness().reasons.join(", ")}`);
    }
    await Bun.sleep(10);
  }
}

/** The samples of a metric, those alone that contain a text, added up. */
export function sumSamples(text: string, name: string, labels: string): number {
  return text
    .split("\n")
    .filter((line) => /^[^{ ]+/.exec(line)?.[0] === name && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
