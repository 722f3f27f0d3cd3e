// The life of an example: up, until Ctrl-C or the end of its gateway, then everything down again.

import type { RunningGateway } from "./gateway.ts";

/** Resolves on the first SIGINT or SIGTERM. */
export type Stopped = Promise<"stopped">;

/** Runs an example to its end; what it cannot do is a sentence and status 1. */
export async function runExample(example: (stopped: Stopped) => Promise<void>): Promise<void> {
  // All that an example asks is on this machine: no proxy of the environment stands between.
  process.env["NO_PROXY"] = "localhost,127.0.0.1";
  const { promise, resolve } = Promise.withResolvers<"stopped">();
  // npm passes a terminal's signal on a second time: handlers stay, and the second one does nothing.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      resolve("stopped");
    });
  }
  try {
    await example(promise);
    process.exit(0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

/** Waits for the end; a gateway that ends before it was told to is a fault. */
export async function untilStopped(stopped: Stopped, gateway: RunningGateway): Promise<void> {
  const first = await Promise.race([stopped, gateway.ended]);
  if (first !== "stopped") throw new Error("Expected the gateway to run, it has ended");
}
