// The clients of socket.io that come back by themselves, 4.6 to 4.8, through a proxy that cuts them off: what a page hears,
// as lines. The offset, which is another one on each server, is a word of its own.

import { io as io48 } from "socket.io-client";
import { io as io46 } from "socket.io-client-4.6";
import { io as io47 } from "socket.io-client-4.7";
import { TcpProxy } from "./tcp-proxy.ts";
import { until } from "./until.ts";

type Connect = (url: string, options: object) => PageSocket;

const packages: Readonly<Record<"4.6" | "4.7" | "4.8", unknown>> = { "4.6": io46, "4.7": io47, "4.8": io48 };

export type ReturningVersion = keyof typeof packages;
export type ReturningTransport = "polling" | "websocket";

/** Each version over each transport. */
export const returningClients = (Object.keys(packages) as ReturningVersion[]).flatMap((version) =>
  (["polling", "websocket"] as const).map((transport) => [version, transport] as const),
);

interface PageSocket {
  readonly id: string | undefined;
  readonly connected: boolean;
  readonly recovered: boolean;
  /** Both are private to the client, and credentials. */
  _pid: string | undefined;
  _lastOffset: string | undefined;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  emit(event: string, ...args: unknown[]): unknown;
  connect(): unknown;
  disconnect(): unknown;
}

export interface ReturningOptions {
  readonly version: ReturningVersion;
  readonly transport: ReturningTransport;
  /** Port of the server. */
  readonly port: number;
  /** @default "/" */
  readonly namespace?: string;
  /** How long it waits before it comes back: from half to one and a half times as long, ms. @default 20 */
  readonly reconnectMs?: number;
  /** @default ["update"] */
  readonly events?: readonly string[];
}

/** `["connect", recovered]`, `["disconnect"]`, or an event with its arguments, the last of them `"<offset>"`. */
export type Line = readonly unknown[];

export class ReturningClient implements AsyncDisposable {
  readonly socket: PageSocket;
  readonly proxy: TcpProxy;
  readonly lines: Line[] = [];
  /** The id at each `connect`. */
  readonly ids: (string | undefined)[] = [];
  /** The offsets, as they came. */
  readonly offsets: unknown[] = [];

  private constructor(proxy: TcpProxy, options: ReturningOptions) {
    const { version, transport, namespace = "/", reconnectMs = 20, events = ["update"] } = options;
    this.proxy = proxy;
    const connect = packages[version] as Connect;
    this.socket = connect(`http://127.0.0.1:${proxy.port}${namespace}`, {
      transports: [transport],
      forceNew: true,
      reconnectionDelay: reconnectMs,
      reconnectionDelayMax: 5 * reconnectMs,
      timeout: 5_000,
    });
    this.socket.on("connect", () => {
      this.ids.push(this.socket.id);
      this.lines.push(["connect", this.socket.recovered]);
    });
    this.socket.on("disconnect", () => this.lines.push(["disconnect"]));
    for (const event of events) {
      this.socket.on(event, (...args) => this.lines.push([event, ...this.#known(args)]));
    }
  }

  /** Resolves once it is connected for the first time. */
  static async open(options: ReturningOptions): Promise<ReturningClient> {
    const client = new ReturningClient(await TcpProxy.start(options.port), options);
    await client.waitFor(1);
    return client;
  }

  /** Waits until it heard so many lines. @returns all of them */
  async waitFor(count: number): Promise<readonly Line[]> {
    try {
      await until(() => this.lines.length >= count, 15_000);
    } catch (error) {
      throw new Error(`Expected ${count} lines, got ${JSON.stringify(this.lines)}`, { cause: error });
    }
    return this.lines;
  }

  /** Emits with an acknowledgement. @returns its arguments. */
  async ask(event: string, ...args: readonly unknown[]): Promise<readonly unknown[]> {
    const { promise, resolve } = Promise.withResolvers<readonly unknown[]>();
    this.socket.emit(event, ...args, (...answer: unknown[]) => {
      resolve(answer);
    });
    return promise;
  }

  /** Its connection breaks, and the page notices. */
  async cutOff(): Promise<void> {
    this.proxy.cut();
    await until(() => !this.socket.connected, 15_000);
  }

  /** Waits until it is connected again, and heard all that came before. */
  async comeBack(): Promise<void> {
    const connects = this.ids.length;
    this.proxy.heal();
    await until(() => this.ids.length > connects, 15_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.disconnect();
    await this.proxy.stop();
  }

  #known(args: readonly unknown[]): readonly unknown[] {
    const last = args.at(-1);
    if (typeof last !== "string" || this.socket._pid === undefined) return args;
    this.offsets.push(last);
    return [...args.slice(0, -1), "<offset>"];
  }
}
