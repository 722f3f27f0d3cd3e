// A second connection for commands that are answered by single lines: it lives as long as the command link does, and where
// it is not there, that link does its work. Two have need of it. What clients say (Voice in core/bus.ts) must be with Redis
// before the call returns: the client library collects commands until the end of a turn, but the engine answers a client's
// close in the turn in which it reads it, so what the client said just before would come behind the answer (W4R-05). What goes
// to a log is the work of most publications, and costs half as much here.

import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { ErrorReply } from "@redis/client";
import { PendingList } from "../../base/pending-list.ts";
import { deadlineMs, within } from "./deadline.ts";
import type { Trust } from "./dial.ts";
import { LateReply } from "./failure.ts";
import type { RedisAddress } from "./url.ts";

export type Command = readonly (string | Uint8Array)[];

export interface DirectLinkOptions {
  readonly address: RedisAddress;
  readonly trust: Trust;
  /** Redis answers no more: what was refused meanwhile must not be delivered later (WSE-26). */
  readonly onSilence: (error: LateReply) => void;
}

/** What may be on its way without a reply, bytes. */
const pendingBytes = 64 * 1024 * 1024;
/** What a command counts beside its bytes. */
const commandOverhead = 512;
/** After a loss, ms. */
const retryMs = 1_000;

interface Pending {
  /** Replies that are still to come. */
  left: number;
  readonly bytes: number;
  readonly result: PromiseWithResolvers<string>;
}

export class DirectLink {
  readonly #options: DirectLinkOptions;
  #socket: Socket | undefined;
  #isReady = false;
  #isWanted = false;
  /** The connection that is made, or was. */
  #attempt: Promise<void> | undefined;
  /** In the order of their replies. */
  readonly #pending = new PendingList<Pending>({
    maxMs: deadlineMs,
    onDue: ({ result }) => {
      const error = new LateReply(deadlineMs);
      result.reject(error);
      this.#lose(error);
      this.#options.onSilence(error);
    },
  });
  #pendingBytes = 0;
  /** What is handed over at the end of this turn. */
  #unwritten = "";
  /** The beginning of a reply. */
  #rest = "";

  constructor(options: DirectLinkOptions) {
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** The command link is up. Resolves when this one is, too, or is not to be had now; never rejects. */
  async open(): Promise<void> {
    this.#isWanted = true;
    this.#attempt ??= this.#dial();
    await this.#attempt;
  }

  /** The command link is down. */
  close(): void {
    this.#isWanted = false;
    this.#drop(hungUp());
  }

  /**
   * Hands commands over within this call, if it is ready.
   * @returns the last reply. Rejects with the error of Redis or of the connection.
   */
  async run(commands: readonly Command[]): Promise<string> {
    const bytes = Buffer.concat(commands.map(encode));
    const reply = this.#expect(commands.length, bytes.length);
    this.#flush();
    this.#socket?.write(bytes);
    return reply;
  }

  /**
   * Hands a command over at the end of this turn, in one write with the others. Otherwise like {@link run}, but that it throws
   * where too much is on its way.
   * @param text as {@link commandText} writes it.
   */
  runSoon(text: string): Promise<string> {
    const reply = this.#expect(1, text.length);
    if (this.#unwritten === "") setImmediate(this.#flush);
    this.#unwritten += text;
    return reply;
  }

  /** So many replies are to come. */
  #expect(replies: number, bytes: number): Promise<string> {
    if (this.#pendingBytes + bytes > pendingBytes) {
      throw Object.assign(new Error("Expected room for a command"), { code: "ENOBUFS" });
    }
    const pending: Pending = {
      left: replies,
      bytes: bytes + commandOverhead,
      result: Promise.withResolvers(),
    };
    this.#pending.add(pending);
    this.#pendingBytes += pending.bytes;
    return pending.result.promise;
  }

  readonly #flush = (): void => {
    const text = this.#unwritten;
    this.#unwritten = "";
    if (text !== "") this.#socket?.write(text);
  };

  async #dial(): Promise<void> {
    const socket = this.#connect();
    this.#socket = socket;
    const connected = Promise.withResolvers<void>();
    socket.once(this.#options.address.place.kind === "tls" ? "secureConnect" : "connect", connected.resolve);
    socket.on("data", (chunk: Buffer) => {
      if (socket === this.#socket) this.#read(chunk);
    });
    const lost = (error: unknown): void => {
      connected.reject(error);
      if (socket === this.#socket) this.#lose(error);
    };
    socket.on("error", lost).on("close", () => {
      lost(hungUp());
    });
    try {
      await within(connected.promise);
      const login = this.#login();
      if (login.length > 0) await this.run(login);
      this.#isReady = socket === this.#socket;
    } catch (error) {
      // The command link, with the same address and login, does the work meanwhile, and says what is wrong.
      if (socket === this.#socket) this.#lose(error);
    }
  }

  #connect(): Socket {
    const { place } = this.#options.address;
    if (place.kind === "socket") return connect({ path: place.path });
    const { host, port } = place;
    const address = { host, port, noDelay: true, keepAlive: true };
    return place.kind === "tls" ? connectTls({ ...address, ...this.#options.trust }) : connect(address);
  }

  #login(): readonly Command[] {
    const { username, password, database } = this.#options.address;
    const names = username === undefined ? [] : [username];
    return [
      ...(password === undefined ? [] : [["AUTH", ...names, password]]),
      ...(database === 0 ? [] : [["SELECT", String(database)]]),
    ];
  }

  #read(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString("latin1")).split("\r\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#answer(line);
  }

  #answer(line: string): void {
    const { oldest } = this.#pending;
    if (!oldest) return;
    if (line.startsWith("-")) oldest.result.reject(new ErrorReply(line.slice(1)));
    if (--oldest.left > 0) return;
    this.#pending.takeOldest();
    this.#pendingBytes -= oldest.bytes;
    oldest.result.resolve(line.slice(1));
  }

  #lose(error: unknown): void {
    this.#drop(error);
    if (!this.#isWanted) return;
    setTimeout(() => {
      if (this.#isWanted) void this.open();
    }, retryMs).unref();
  }

  #drop(error: unknown): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#attempt = undefined;
    this.#isReady = false;
    this.#rest = "";
    this.#unwritten = "";
    socket?.destroy();
    this.#pendingBytes = 0;
    for (const { result } of this.#pending.takeAll()) result.reject(error);
  }
}

function hungUp(): Error {
  return Object.assign(new Error("Expected a connection"), { code: "ECONNRESET" });
}

function encode(command: Command): Buffer {
  const parts = command.map((part) => (typeof part === "string" ? Buffer.from(part) : part));
  const pieces = parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, lineBreak]);
  return Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...pieces]);
}

const lineBreak = Buffer.from("\r\n");

/** A command as it is on the wire. */
export function commandText(command: readonly string[]): string {
  let text = `*${command.length}\r\n`;
  for (const part of command) text += bulk(part);
  return text;
}

/** One part of it. */
export function bulk(part: string): string {
  return `$${Buffer.byteLength(part)}\r\n${part}\r\n`;
}
