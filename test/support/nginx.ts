// A real nginx in front of a gateway: the snippets of packaging/nginx/ included as they are, and around them the least
// that nginx needs.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./ports.ts";
import { RunningProcess } from "./process.ts";
import { needTool } from "./tools.ts";

const snippets = join(import.meta.dir, "../../packaging/nginx");
const startTimeoutMs = 20_000;

export interface NginxOptions {
  /** Servers by the name of their upstream: `127.0.0.1:8899`, `unix:/run/belfry.sock`. */
  readonly upstreams: Readonly<Record<string, string>>;
  /** Lines of the server block; `include()` writes one. */
  readonly server: string;
}

/** The line that includes a file of packaging/nginx/, or one of a test's own. */
export function include(file: string): string {
  return `include ${join(file.startsWith("/") ? "" : snippets, file)};`;
}

/** A running one; `await using` stops it. */
export class Nginx implements AsyncDisposable {
  /** `http://127.0.0.1:<port>`, the origin of the site. */
  readonly url: string;
  readonly #folder: string;
  readonly #process: RunningProcess;

  private constructor(folder: string, url: string) {
    this.#folder = folder;
    this.url = url;
    const command = [needTool("nginx"), "-p", folder, "-c", "nginx.conf", "-e", "stderr"];
    this.#process = new RunningProcess(command);
  }

  static async start(options: NginxOptions): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), "belfry-nginx-"));
    mkdirSync(join(folder, "empty"));
    const port = await freePort();
    writeFileSync(join(folder, "nginx.conf"), configuration(options, port));
    const nginx = new Nginx(folder, `http://127.0.0.1:${port}`);
    try {
      await nginx.#listens();
      return nginx;
    } catch (error) {
      await nginx[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What it logged of errors so far. */
  get errorLog(): string {
    return this.#process.output;
  }

  /** What it logged of requests so far. */
  get accessLog(): string {
    return readFileSync(join(this.#folder, "access.log"), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #listens(): Promise<void> {
    const deadline = performance.now() + startTimeoutMs;
    for (;;) {
      const isUp = await fetch(this.url).then(
        () => true,
        () => false,
      );
      if (isUp) return;
      if (!this.#process.isRunning || performance.now() > deadline) {
        throw new Error(`Expected nginx at ${this.url}, got:\n${this.errorLog}`);
      }
      await Bun.sleep(20);
    }
  }
}

function configuration({ upstreams, server }: NginxOptions, port: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log access.log combined;
  ${temporary.map((name) => `${name}_temp_path ${name};`).join("\n  ")}
  ${Object.entries(upstreams)
    .map(([name, address]) => `upstream ${name} { server ${address}; keepalive 32; }`)
    .join("\n  ")}
  server {
    listen 127.0.0.1:${port};
    root empty;
    ${server}
  }
}
`;
}
