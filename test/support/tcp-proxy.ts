// A TCP proxy in this process, for faults of the link between two programs: cut (reset), blackhole (nothing arrives
// any more, although the connection stays), delay (what the server sends arrives late), heal. The kernel's own tools for this need root.

import { type Socket, connect, createServer } from "node:net";
import type { Server } from "node:net";

export type Direction = "both" | "toServer" | "toClient";

export interface Blackhole {
  /** What no longer arrives. @default "both" */
  readonly direction?: Direction;
  /** Only connections whose client has sent this, now or later. @default all */
  readonly only?: RegExp;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** The start of what the client sent. */
  sent: string;
  /** What the server sent last arrives then. */
  dueAt: number;
  /** Once bytes were swallowed the stream has a hole: nothing passes that way again. */
  readonly isDead: { toServer: boolean; toClient: boolean };
}

const keptBytes = 65_536;

export class TcpProxy {
  #target: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #accepted: number[] = [];
  #isCut = false;
  #blackhole: Blackhole | undefined;
  #delay: { readonly ms: number; readonly only: RegExp } | undefined;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => {
      this.#accept(client);
    });
  }

  /** A proxy on a free port of the loopback in front of a port of the loopback. */
  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    proxy.#server.once("error", reject);
    proxy.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address === "object" && address) return address.port;
    throw new Error("Expected a proxy that listens, got one that is stopped");
  }

  /** When connections were accepted, by `performance.now()`. */
  get accepted(): readonly number[] {
    return this.#accepted;
  }

  /** Resets every connection, and each new one once it is accepted. */
  cut(): void {
    this.#isCut = true;
    for (const link of this.#links) this.#reset(link);
  }

  /** Resets every connection; new ones go to another port of the loopback. */
  moveTo(target: number): void {
    this.#target = target;
    for (const link of this.#links) this.#reset(link);
  }

  /** From now on bytes are swallowed. Connections that lost some stay open and silent, also after `heal`. */
  blackhole(blackhole: Blackhole = {}): void {
    this.#blackhole = blackhole;
  }

  /** What the server sends from now on arrives so many ms later, to clients that have sent this. It keeps its order: 0 ends it. */
  delay(ms: number, only: RegExp): void {
    this.#delay = { ms, only };
  }

  /** New connections work again. */
  heal(): void {
    this.#isCut = false;
    this.#blackhole = undefined;
  }

  async stop(): Promise<void> {
    this.cut();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => {
      resolve();
    });
    await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #accept(client: Socket): void {
    this.#accepted.push(performance.now());
    if (this.#isCut) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#target, "127.0.0.1");
    const link: Link = { client, server, sent: "", dueAt: 0, isDead: { toServer: false, toClient: false } };
    this.#links.add(link);
    client.on("data", (chunk) => {
      link.sent = (link.sent + chunk.toString("latin1")).slice(0, keptBytes);
      if (this.#passes(link, "toServer")) server.write(chunk);
    });
    server.on("data", (chunk) => {
      if (this.#passes(link, "toClient")) this.#send(link, chunk);
    });
    const end = (): void => {
      // A link with a hole does not even tell that the other side is gone.
      if (!link.isDead.toClient && !link.isDead.toServer) this.#reset(link);
    };
    for (const socket of [client, server]) socket.on("error", end).on("close", end);
  }

  #send(link: Link, chunk: string | Buffer): void {
    const { ms, only } = this.#delay ?? {};
    const now = performance.now();
    link.dueAt = Math.max(link.dueAt, now + (only?.test(link.sent) === true ? (ms ?? 0) : 0));
    if (link.dueAt <= now) link.client.write(chunk);
    else setTimeout(() => link.client.write(chunk), link.dueAt - now).unref();
  }

  #passes(link: Link, direction: keyof Link["isDead"]): boolean {
    if (this.#isBlackholed(link, direction)) link.isDead[direction] = true;
    return !link.isDead[direction];
  }

  #isBlackholed(link: Link, way: Exclude<Direction, "both">): boolean {
    if (!this.#blackhole) return false;
    const { direction = "both", only } = this.#blackhole;
    return (direction === "both" || direction === way) && (only?.test(link.sent) ?? true);
  }

  #reset(link: Link): void {
    this.#links.delete(link);
    link.client.resetAndDestroy();
    link.server.resetAndDestroy();
  }
}
