// Real Redis servers for the tests: each on a free port of the loopback (or a unix socket, or TLS), with a folder of its
// own and nothing persisted. They never touch a server that they did not start, and end with the test.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@redis/client";
import type { Subprocess } from "bun";
import { freePort } from "./ports.ts";
import { run } from "./process.ts";
import { needTool } from "./tools.ts";

/**
 * Starts the server with a watcher beside it, which kills it as soon as the pipe from this process closes: when we say
 * so, and also when the tests are killed themselves. `$0` is the log file.
 */
const launcher = 'exec 3<&0; (cat <&3; kill -9 $$) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null >>"$0" 2>&1';

const startTimeoutMs = 15_000;

/** A client of a test's own, which closes it. */
export async function connectRedis(url: string) {
  return createClient({ url }).connect();
}

export type RedisClient = Awaited<ReturnType<typeof connectRedis>>;

export interface RedisOptions {
  /** More arguments of `redis-server`, e.g. `["--maxclients", "10"]`. */
  readonly args?: readonly string[];
  /** The password of the default user (`requirepass`). */
  readonly password?: string;
  /** ACL users, as in its config file: `worker on >pass ~* &* +@all`. */
  readonly users?: readonly string[];
  /** `tls` and `socket` listen there alone. @default "tcp" */
  readonly transport?: "tcp" | "tls" | "socket";
}

/** A running server; `await using` stops it. */
export class RedisServer {
  /** Its port, with TLS or without; unused by a unix socket. */
  readonly port: number;
  /** With its password, if it has one. */
  readonly url: string;
  readonly socketPath: string;
  /** The certificate of a TLS server, which is its own authority; it is for 127.0.0.1, not for `localhost`. */
  readonly caFile: string;
  readonly #keyFile: string;
  readonly #folder: string;
  readonly #options: Required<Pick<RedisOptions, "transport" | "args" | "users">> & RedisOptions;
  readonly #logFile: string;
  #process: Subprocess<"pipe", "ignore", "ignore"> | undefined;

  private constructor(options: RedisOptions, port: number) {
    this.port = port;
    this.#options = { transport: "tcp", args: [], users: [], ...options };
    this.#folder = mkdtempSync(join(tmpdir(), "redis-test-"));
    this.socketPath = join(this.#folder, "redis.sock");
    this.caFile = join(this.#folder, "cert.pem");
    this.#keyFile = join(this.#folder, "key.pem");
    this.#logFile = join(this.#folder, "redis.log");
    this.url = this.urlFor("", options.password);
  }

  static async start(options: RedisOptions): Promise<RedisServer> {
    const server = new RedisServer(options, await freePort());
    try {
      if (options.transport === "tls") await makeCertificate(server.caFile, server.#keyFile);
      await server.#launch();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Its URL with a user and a password. */
  urlFor(user: string, password?: string): string {
    const login = password === undefined ? "" : `${user}:${encodeURIComponent(password)}@`;
    const urls = {
      tcp: `redis://${login}127.0.0.1:${this.port}`,
      tls: `rediss://${login}127.0.0.1:${this.port}`,
      socket: `unix://${login}${this.socketPath}`,
    };
    return urls[this.#options.transport];
  }

  /** Runs one command on a connection of its own, as the default user. */
  async command(...args: readonly string[]): Promise<unknown> {
    const { password } = this.#options;
    const client = createClient({
      RESP: 2,
      disableClientInfo: true,
      ...(password === undefined ? {} : { password }),
      socket: { ...this.#socket(), reconnectStrategy: false },
    });
    // The command rejects with the error.
    client.on("error", () => undefined);
    try {
      await client.connect();
      return await client.sendCommand(args);
    } finally {
      client.destroy();
    }
  }

  /** Stops it in its tracks (SIGSTOP): connections stay, nothing is answered. */
  pause(): void {
    this.#process?.kill("SIGSTOP");
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    await child?.stdin.end();
    await child?.exited;
  }

  /** Starts it again on the same port: empty, or with what `--appendonly` kept unless `isEmpty`. */
  async restart({ isEmpty = false }: { readonly isEmpty?: boolean } = {}): Promise<void> {
    await this.kill();
    if (isEmpty) rmSync(join(this.#folder, "appendonlydir"), { recursive: true, force: true });
    await this.#launch();
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #launch(): Promise<void> {
    const config = join(this.#folder, "redis.conf");
    await Bun.write(config, this.#config().join("\n"));
    await Bun.write(this.#logFile, "");
    const command = ["sh", "-c", launcher, this.#logFile, needTool("redis"), config, ...this.#options.args];
    const child = Bun.spawn(command, { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
    this.#process = child;
    const deadline = performance.now() + startTimeoutMs;
    for (;;) {
      const log = readFileSync(this.#logFile, "utf8");
      if (/ready to accept connections/i.test(log)) return;
      if (child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`Expected redis-server to start within ${startTimeoutMs} ms, got:\n${log}`);
      }
      await Bun.sleep(5);
    }
  }

  #config(): readonly string[] {
    const { password, users } = this.#options;
    return [
      "bind 127.0.0.1",
      `dir "${this.#folder}"`,
      'save ""',
      ...this.#listenConfig(),
      ...(password === undefined ? [] : [`requirepass ${JSON.stringify(password)}`]),
      ...users.map((user) => `user ${user}`),
    ];
  }

  #listenConfig(): readonly string[] {
    const lines = {
      tcp: [`port ${this.port}`],
      socket: ["port 0", `unixsocket "${this.socketPath}"`],
      tls: [
        "port 0",
        `tls-port ${this.port}`,
        "tls-auth-clients no",
        `tls-cert-file "${this.caFile}"`,
        `tls-key-file "${this.#keyFile}"`,
        `tls-ca-cert-file "${this.caFile}"`,
      ],
    };
    return lines[this.#options.transport];
  }

  #socket() {
    const host = "127.0.0.1";
    const { port } = this;
    const sockets = {
      tcp: { host, port },
      tls: { tls: true as const, host, port, rejectUnauthorized: false },
      socket: { path: this.socketPath },
    };
    return sockets[this.#options.transport];
  }
}

/** Starts a Redis. Throws a sentence that says what to install when there is none on this machine. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  return RedisServer.start(options);
}

async function makeCertificate(certFile: string, keyFile: string): Promise<void> {
  const command =
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=redis-test";
  const names = ["-addext", "subjectAltName=IP:127.0.0.1"];
  const { code, stderr } = await run([...command.split(" "), ...names, "-keyout", keyFile, "-out", certFile]);
  if (code !== 0) throw new Error(`Expected openssl to make a certificate, got status ${code}: ${stderr}`);
}
