// Starts the gateway of an example as anyone would, `./bin/belfry serve`, and ends it with the example.

import { join } from "node:path";

const belfry = join(import.meta.dirname, "../../bin/belfry");
const startDeadlineMs = 10_000;

export interface GatewayOptions {
  readonly port: number;
  /** The port of the pages that may connect. */
  readonly pagePort: number;
  readonly redis: string | undefined;
  /** More of the gateway's settings, by their environment names. */
  readonly env?: Readonly<Record<string, string>>;
  /** Flags behind the address and the origins of the page. */
  readonly args?: readonly string[];
}

export interface RunningGateway extends AsyncDisposable {
  readonly url: string;
  /** Resolves when it has ended, by itself or not. */
  readonly ended: Promise<unknown>;
}

/** Starts a gateway on loopback and waits until it is ready. Throws a sentence when it cannot be had. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { port, pagePort, redis, env = {}, args = [] } = options;
  demandFree(port);
  const origins = ["localhost", "127.0.0.1"].map((name) => `http://${name}:${pagePort}`);
  // Secrets, and a Redis URL that may hold one, go by the environment: flags are seen in `ps`.
  const settings = redis === undefined ? env : { ...env, BELFRY_REDIS: redis };
  const flags = ["--address", `127.0.0.1:${port}`, "--cors", ...origins, ...args];
  const child = Bun.spawn([belfry, "serve", ...flags], {
    env: { ...process.env, ...settings },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const gateway: RunningGateway = {
    url: `http://127.0.0.1:${port}`,
    ended: child.exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
  const deadline = performance.now() + startDeadlineMs;
  while (!(await isReady(gateway.url))) {
    if (child.exitCode === null && performance.now() < deadline) continue;
    await gateway[Symbol.asyncDispose]();
    throw new Error("Expected the gateway to start, see what it said above");
  }
  return gateway;
}

/** Another gateway there would answer in the place of ours. */
function demandFree(port: number): void {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } }).stop(true);
  } catch (error) {
    const text = `Expected 127.0.0.1:${port} to be free for the gateway; --gateway-port takes another`;
    throw new Error(text, { cause: error });
  }
}

async function isReady(url: string): Promise<boolean> {
  await Bun.sleep(50);
  return fetch(`${url}/-/health/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}
