// Real socket.io-clients of every generation and transport, as many as a test wants. Each keeps what it heard, in order,
// how often its connection was lost, and how many heartbeats it had.

import { createRequire } from "node:module";

/** What the generations of socket.io-client have in common. */
interface AnySocket {
  readonly id?: string | null;
  readonly connected: boolean;
  readonly io: { readonly engine: { on(event: string, listener: (packet: { type: string }) => void): void } };
  on(event: string, listener: (...args: never[]) => void): unknown;
  emit(event: string, ...args: unknown[]): unknown;
  disconnect(): unknown;
}

type Connect = (url: string, options: object) => AnySocket;

const ways = {
  "4 websocket": { module: "socket.io-client", transports: ["websocket"] },
  "4 polling": { module: "socket.io-client", transports: ["polling"] },
  "4 upgrade": { module: "socket.io-client", transports: ["polling", "websocket"] },
  "3 websocket": { module: "socket.io-client-3", transports: ["websocket"] },
  "2 websocket": { module: "socket.io-client-2", transports: ["websocket"] },
  "2 polling": { module: "socket.io-client-2", transports: ["polling"] },
} as const;

export type Way = keyof typeof ways;

const allWays = Object.keys(ways) as readonly Way[];

const require = createRequire(import.meta.url);

function connectOf(module: string): Connect {
  const loaded = require(module) as Connect & { readonly io?: Connect };
  return loaded.io ?? loaded;
}

export interface MemberOptions {
  /** Events that it listens to. @default ["tick"] */
  readonly events?: readonly string[];
  /** @default "/" */
  readonly namespace?: string;
}

/** One client. */
export class Member implements Disposable {
  readonly way: Way;
  readonly socket: AnySocket;
  /** The arguments of each event, in the order in which they came. */
  readonly heard: unknown[][] = [];
  /** Every lost connection, error and reconnection. */
  readonly troubles: string[] = [];
  #heartbeats = 0;

  private constructor(way: Way, socket: AnySocket, events: readonly string[]) {
    this.way = way;
    this.socket = socket;
    for (const event of events) socket.on(event, (...args: unknown[]) => void this.heard.push(args));
  }

  /** Connects; it never reconnects, so that a lost connection is seen. */
  static async connect(url: string, way: Way, options: MemberOptions = {}): Promise<Member> {
    const { events = ["tick"], namespace = "/" } = options;
    const { module, transports } = ways[way];
    const socket = connectOf(module)(url + namespace, { transports, forceNew: true, reconnection: false });
    const member = new Member(way, socket, events);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.on("connect", resolve);
    socket.on("connect_error", reject);
    await promise;
    for (const trouble of ["disconnect", "connect", "connect_error", "error"]) {
      socket.on(trouble, (reason: unknown) => void member.troubles.push(`${trouble} ${String(reason)}`));
    }
    socket.io.engine.on("packet", ({ type }) => {
      // The server pings from version 4 on, before it answers with a pong.
      if (type === (way.startsWith("2") ? "pong" : "ping")) member.#heartbeats++;
    });
    return member;
  }

  /** Its Socket.IO id. */
  get id(): string {
    return this.socket.id ?? "";
  }

  get heartbeats(): number {
    return this.#heartbeats;
  }

  /** The first arguments of what it heard. */
  get firsts(): readonly unknown[] {
    return this.heard.map(([first]) => first);
  }

  /** Asks to join; resolves to whether an acknowledgement came in time. */
  async join(
    room: string,
    more: { readonly secret?: unknown; readonly timeoutMs?: number } = {},
  ): Promise<boolean> {
    const { timeoutMs = 5_000, ...rest } = more;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => {
      resolve(false);
    }, timeoutMs);
    this.socket.emit("join", { room, ...rest }, () => {
      resolve(true);
    });
    const isAnswered = await promise;
    clearTimeout(timer);
    return isAnswered;
  }

  [Symbol.dispose](): void {
    this.socket.disconnect();
  }
}

/** Several clients that leave together. */
export class Crowd implements Disposable {
  readonly members: readonly Member[];

  private constructor(members: readonly Member[]) {
    this.members = members;
  }

  /** `count` clients, the ways and the gateways dealt out in turn. */
  static async connect(urls: readonly string[], count: number, options: MemberOptions = {}): Promise<Crowd> {
    const members: Member[] = [];
    for (let index = 0; index < count; index++) {
      const way = allWays[index % allWays.length] ?? "4 websocket";
      // Every way meets every gateway.
      const url = urls[(index + Math.floor(index / allWays.length)) % urls.length] ?? "";
      members.push(await Member.connect(url, way, options));
    }
    return new Crowd(members);
  }

  [Symbol.dispose](): void {
    for (const member of this.members) member[Symbol.dispose]();
  }
}
