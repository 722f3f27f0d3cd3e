// The official clients of every generation behind one face: socket.io-client 4.8, 3.0.4 and 2.5. What a client hears is
// kept in a queue, so a test that asks late misses nothing.

import { createRequire } from "node:module";

const generations = {
  "4.8": "socket.io-client",
  "3.0": "socket.io-client-3",
  "2.5": "socket.io-client-2",
} as const;

export type Generation = keyof typeof generations;

/** How a client may connect. */
const transports = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgrade: ["polling", "websocket"],
} as const;

export type TransportChoice = keyof typeof transports;

interface Emitter {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  once(event: string, listener: (...args: unknown[]) => void): unknown;
}

interface OfficialSocket extends Emitter {
  readonly id: string | undefined;
  readonly connected: boolean;
  readonly recovered?: boolean;
  readonly io: Emitter & { readonly engine: Emitter & { readonly transport: { readonly name: string } } };
  emit(event: string, ...args: unknown[]): unknown;
  disconnect(): unknown;
}

type Connect = (url: string, options: object) => OfficialSocket;

export interface ClientOptions {
  readonly generation: Generation;
  readonly transport: TransportChoice;
  /** With the namespace as its path. */
  readonly url: string;
  /** @default false */
  readonly isReconnecting?: boolean;
  /** Events to keep, beside `disconnect` and `connect`. */
  readonly events?: readonly string[];
}

/** Event name and arguments, binary ones as arrays of bytes. */
export type Heard = readonly [event: string, ...args: unknown[]];

export class OfficialClient implements Disposable {
  readonly socket: OfficialSocket;
  readonly #heard: Heard[] = [];
  #wake = Promise.withResolvers<void>();

  private constructor(options: ClientOptions) {
    const connect = createRequire(import.meta.url)(generations[options.generation]) as Connect;
    this.socket = connect(options.url, {
      transports: transports[options.transport],
      forceNew: true,
      reconnection: options.isReconnecting ?? false,
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
      timeout: 5_000,
    });
    for (const event of ["connect", "disconnect", ...(options.events ?? ["update"])]) {
      this.socket.on(event, (...args) => {
        this.#push([event, ...args.map(plain)]);
      });
    }
  }

  /** Resolves once it is connected; its first `connect` is taken from the queue. */
  static async connect(options: ClientOptions): Promise<OfficialClient> {
    const client = new OfficialClient(options);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    client.socket.once("connect", () => {
      resolve();
    });
    // Version 2 calls it by the first name as well, and by the second for refused namespaces.
    for (const failure of ["connect_error", "error"]) {
      client.socket.once(failure, (error) => {
        reject(error instanceof Error ? error : new Error(String(error)));
      });
    }
    try {
      await promise;
    } catch (error) {
      client[Symbol.dispose]();
      throw error;
    }
    await client.next("connect");
    return client;
  }

  get id(): string {
    return this.socket.id ?? "";
  }

  get transportName(): string {
    return this.socket.io.engine.transport.name;
  }

  /** Emits with an acknowledgement. @returns its arguments. */
  async ask(event: string, ...args: readonly unknown[]): Promise<readonly unknown[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly unknown[]>();
    const timer = setTimeout(() => {
      reject(new Error(`Expected an acknowledgement of ${event}, got none`));
    }, 5_000);
    this.socket.emit(event, ...args, (...answer: unknown[]) => {
      resolve(answer);
    });
    return promise.finally(() => {
      clearTimeout(timer);
    });
  }

  /** The next thing it heard; that must be this event. */
  async next(event: string, timeoutMs = 5_000): Promise<readonly unknown[]> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const heard = this.#heard.shift();
      if (heard) {
        const [name, ...args] = heard;
        if (name === event) return args;
        throw new Error(`Expected ${event}, got ${JSON.stringify(heard).slice(0, 200)}`);
      }
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`Expected ${event} within ${timeoutMs} ms, got nothing`);
      const { promise, resolve } = this.#wake;
      const timer = setTimeout(resolve, left);
      await promise;
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    this.socket.disconnect();
  }

  #push(heard: Heard): void {
    this.#heard.push(heard);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** Buffers and ArrayBuffers, wherever they are, as arrays of bytes. */
function plain(value: unknown): unknown {
  if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
