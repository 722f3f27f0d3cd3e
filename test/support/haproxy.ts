// A real HAProxy in front of a gateway: packaging/haproxy/belfry.cfg as it is, or sections of a test's own, and around
// them the least that HAProxy needs.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./ports.ts";
import { RunningProcess } from "./process.ts";
import { needTool } from "./tools.ts";

const packaged = join(import.meta.dir, "../../packaging/haproxy/belfry.cfg");
const patienceMs = 20_000;

/** What its checks found of a server: `UP` and `L7OK` after a check that succeeded. */
export interface CheckedServer {
  readonly status: string;
  readonly check: string;
}

/** A running one; `await using` stops it. */
export class HaProxy implements AsyncDisposable {
  /** `http://127.0.0.1:<port>`, the origin of the site. */
  readonly url: string;
  readonly #folder: string;
  readonly #process: RunningProcess;

  private constructor(folder: string, port: number, env: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    const files = ["base.cfg", "sections.cfg"].flatMap((name) => ["-f", join(folder, name)]);
    this.#process = new RunningProcess([needTool("haproxy"), "-db", ...files], { env });
  }

  /**
   * @param server `127.0.0.1:8899`, what stands in the sections as `BELFRY_SERVER`.
   * @param sections instead of the packaged ones; their site listens on `BELFRY_SITE`.
   */
  static async start(server: string, sections?: string): Promise<HaProxy> {
    const folder = mkdtempSync(join(tmpdir(), "belfry-haproxy-"));
    const port = await freePort();
    writeFileSync(join(folder, "base.cfg"), base(folder));
    writeFileSync(join(folder, "sections.cfg"), sections ?? (await Bun.file(packaged).text()));
    const env = { BELFRY_SITE: `127.0.0.1:${port}`, BELFRY_SERVER: server };
    const proxy = new HaProxy(folder, port, env);
    try {
      await proxy.checked(({ check }) => /^L\d/.test(check));
      return proxy;
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Waits until a check of the only server found this. */
  async checked(isMeant: (server: CheckedServer) => boolean): Promise<CheckedServer> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const server = await this.#server();
      if (server && isMeant(server)) return server;
      if (!this.#process.isRunning || performance.now() > deadline) {
        throw new Error(
          `Expected another check of the server, got ${JSON.stringify(server)}:\n${this.#process.output}`,
        );
      }
      await Bun.sleep(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** undefined while HAProxy does not answer yet. */
  async #server(): Promise<CheckedServer | undefined> {
    const text = await ask(join(this.#folder, "stats.sock"), "show stat\n").catch(() => "");
    const [head = "", ...rows] = text.trim().split("\n");
    const columns = head.replace(/^# /, "").split(",");
    const row = rows
      .map((line) => line.split(","))
      .find(([, name = ""]) => !["", "FRONTEND", "BACKEND"].includes(name));
    if (!row) return undefined;
    const cell = (name: string): string => row[columns.indexOf(name)] ?? "";
    return { status: cell("status"), check: cell("check_status") };
  }
}

function base(folder: string): string {
  return `global
  stats socket ${join(folder, "stats.sock")} mode 600 level user
  # It takes its default from the limit on open files, which may be a billion.
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
`;
}

/** Sends a command to HAProxy's socket and reads the answer to its end. */
async function ask(path: string, command: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ path });
  let text = "";
  socket.on("connect", () => socket.write(command));
  socket.on("data", (chunk) => (text += chunk.toString()));
  socket.once("end", () => {
    resolve(text);
  });
  socket.once("error", reject);
  return promise;
}
