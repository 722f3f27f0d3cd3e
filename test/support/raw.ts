// Raw HTTP and raw websockets over a connection of their own (TCP, TLS or a unix socket), for assertions about exact bytes: nothing is added,
// corrected or retried. Whatever comes is kept in a queue, so a test that asks late misses nothing.

import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";

const defaultTimeoutMs = 5_000;

/** One connection: write what you like, read what comes. */
export class RawConnection implements Disposable {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #hasEnded = false;
  #wake = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wakeUp();
    });
    const ended = (): void => {
      this.#hasEnded = true;
      this.#wakeUp();
    };
    socket.on("end", ended).on("close", ended).on("error", ended);
  }

  /** @param url `http://...`, `https://...` (any certificate will do) or `unix:<path>`. */
  static async open(url: string): Promise<RawConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = dial(url);
    socket.once(url.startsWith("https:") ? "secureConnect" : "connect", resolve).once("error", reject);
    await promise;
    return new RawConnection(socket);
  }

  /** The other side ended the connection. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  write(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  /** Stops and starts reading: what is not read stays in the kernel's buffers. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /**
   * Waits until `take` finds what it wants in what was received so far: a result, and how many bytes it takes away.
   * Fails when the connection ends or the deadline passes before.
   */
  async read<Result>(
    take: (received: Buffer, hasEnded: boolean) => { result: Result; length: number } | undefined,
    timeoutMs = defaultTimeoutMs,
  ): Promise<Result> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const { promise } = this.#wake;
      const taken = take(this.#received, this.#hasEnded);
      if (taken) {
        this.#received = this.#received.subarray(taken.length);
        return taken.result;
      }
      const left = deadline - performance.now();
      if (this.#hasEnded || left <= 0) {
        const what = this.#hasEnded ? "its end" : `too little within ${timeoutMs} ms`;
        throw new Error(`Expected more from the connection, got ${what}: ${show(this.#received)}`);
      }
      await withDeadline(promise, left);
    }
  }

  /** The next HTTP response, by Content-Length, chunked, or until the end. A 101 has no body. */
  async response(timeoutMs?: number): Promise<RawResponse> {
    return this.read(parseResponse, timeoutMs);
  }

  /** The next HTTP response to HEAD: it has no body, whatever its length says. */
  async responseToHead(timeoutMs?: number): Promise<RawResponse> {
    return this.read((received) => {
      const head = parseHead(received);
      return head && { result: { ...head, body: Buffer.alloc(0), text: "" }, length: head.length };
    }, timeoutMs);
  }

  /** Waits until the other side ended the connection. @returns what came before and nobody read. */
  async ended(timeoutMs?: number): Promise<Buffer> {
    return this.read(
      (received, hasEnded) => (hasEnded ? { result: received, length: received.length } : undefined),
      timeoutMs,
    );
  }

  /** Ends it without a farewell. */
  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #wakeUp(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

function dial(url: string): Socket {
  if (url.startsWith("unix:")) return connect({ path: url.slice("unix:".length) });
  const { protocol, hostname, port } = new URL(url);
  const address = { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
  return protocol === "https:" ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
}

export interface RawResponse {
  readonly status: number;
  /** Names in lower case; repeated ones joined with a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly text: string;
}

export interface RawRequest {
  readonly method?: string;
  /** Path and query, as they go into the request line. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** The bytes of a request; Host, and Content-Length where there is a body, are added. */
export function requestBytes(url: string, request: RawRequest): Buffer {
  const { method = "GET", path, headers = {}, body } = request;
  const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  const host = url.startsWith("unix:") ? "localhost" : new URL(url).host;
  const fields = Object.entries({ Host: host, ...length, ...headers });
  const head = [`${method} ${path} HTTP/1.1`, ...fields.map(([name, value]) => `${name}: ${value}`), "", ""];
  return Buffer.concat([Buffer.from(head.join("\r\n")), Buffer.from(body ?? "")]);
}

/** One request on a connection of its own. */
export async function rawRequest(url: string, request: RawRequest, timeoutMs?: number): Promise<RawResponse> {
  using connection = await RawConnection.open(url);
  connection.write(requestBytes(url, request));
  return await connection.response(timeoutMs);
}

/** A frame as it came. Text is a string, binary a Buffer. */
export type RawMessage = string | Buffer;

export interface RawClose {
  /** 1005 for a close frame without a code, 1006 for an end without a close frame. */
  readonly code: number;
  readonly reason: string;
}

interface Received {
  readonly opcode: number;
  readonly payload: Buffer;
}

const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A websocket client that does nothing by itself but answer a close frame. */
export class RawWebSocket implements Disposable {
  readonly connection: RawConnection;

  private constructor(connection: RawConnection) {
    this.connection = connection;
  }

  /** Shakes hands. @returns the refusal when the answer is not 101. */
  static async tryOpen(
    url: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawWebSocket | RawResponse> {
    const connection = await RawConnection.open(url);
    connection.write(requestBytes(url, { path, headers: { ...handshakeHeaders(), ...headers } }));
    const response = await connection.response();
    if (response.status === 101) return new RawWebSocket(connection);
    connection[Symbol.dispose]();
    return response;
  }

  static async open(
    url: string,
    path: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<RawWebSocket> {
    const opened = await RawWebSocket.tryOpen(url, path, headers);
    if (opened instanceof RawWebSocket) return opened;
    throw new Error(`Expected a websocket, got ${opened.status} ${opened.text}`);
  }

  send(message: string | Uint8Array): void {
    this.sendFrame(typeof message === "string" ? opcodes.text : opcodes.binary, message);
  }

  /** A message and the close behind it in one piece, as they often arrive. */
  sendAndClose(message: string, code = 1000): void {
    const reason = Buffer.alloc(2);
    reason.writeUInt16BE(code);
    const frames = [
      frameBytes(opcodes.text, Buffer.from(message), true),
      frameBytes(opcodes.close, reason, true),
    ];
    this.connection.write(Buffer.concat(frames));
  }

  /** Any frame, masked. Without `isFinal` it is a fragment. */
  sendFrame(opcode: number, payload: string | Uint8Array, isFinal = true): void {
    this.connection.write(frameBytes(opcode, Buffer.from(payload), isFinal));
  }

  /** The next text or binary message. Fails when the connection ends before. */
  async waitForMessage(timeoutMs?: number): Promise<RawMessage> {
    const { opcode, payload } = await this.connection.read(parseFrame, timeoutMs);
    if (opcode === opcodes.text) return payload.toString("utf8");
    if (opcode === opcodes.binary) return Buffer.from(payload);
    if (opcode === opcodes.ping || opcode === opcodes.pong) return this.waitForMessage(timeoutMs);
    throw new Error(`Expected a message, got opcode ${opcode} with ${show(payload)}`);
  }

  /** So many messages, in their order. */
  async waitForMessages(count: number, timeoutMs?: number): Promise<readonly RawMessage[]> {
    const messages: RawMessage[] = [];
    while (messages.length < count) messages.push(await this.waitForMessage(timeoutMs));
    return messages;
  }

  /** Waits for the close frame, or the end, and answers it; messages that come before are passed over. */
  async waitForClose(timeoutMs?: number): Promise<RawClose> {
    for (;;) {
      const frame = await this.connection.read<Received | undefined>(
        (received, hasEnded) =>
          parseFrame(received) ?? (hasEnded ? { result: undefined, length: 0 } : undefined),
        timeoutMs,
      );
      if (!frame) return { code: 1006, reason: "" };
      if (frame.opcode !== opcodes.close) continue;
      if (!this.connection.hasEnded) this.sendFrame(opcodes.close, frame.payload.subarray(0, 2));
      const code = frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 1005;
      return { code, reason: frame.payload.subarray(2).toString("utf8") };
    }
  }

  /** Ends the connection without a close frame. */
  [Symbol.dispose](): void {
    this.connection[Symbol.dispose]();
  }
}

/** The headers of a websocket handshake. */
export function handshakeHeaders(): Record<string, string> {
  return {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64"),
  };
}

/** A masked frame, as clients send them (RFC 6455 section 5.2). */
function frameBytes(opcode: number, payload: Buffer, isFinal = true): Buffer {
  const { length } = payload;
  const extended = Buffer.alloc(length < 126 ? 0 : length < 65_536 ? 2 : 8);
  if (extended.length === 2) extended.writeUInt16BE(length);
  if (extended.length === 8) extended.writeBigUInt64BE(BigInt(length));
  const short = extended.length === 0 ? length : extended.length === 2 ? 126 : 127;
  const mask = crypto.getRandomValues(new Uint8Array(4));
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Uint8Array.of((isFinal ? 0x80 : 0) | opcode, 0x80 | short), extended, mask, masked]);
}

function parseFrame(received: Buffer): { result: Received; length: number } | undefined {
  if (received.length < 2) return undefined;
  const short = received.readUInt8(1) & 0x7f;
  const start = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (received.length < start) return undefined;
  const size =
    short === 126 ? received.readUInt16BE(2) : short === 127 ? Number(received.readBigUInt64BE(2)) : short;
  if (received.length < start + size) return undefined;
  const payload = received.subarray(start, start + size);
  return { result: { opcode: received.readUInt8(0) & 0x0f, payload }, length: start + size };
}

interface RawHead {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** In bytes, with the empty line. */
  readonly length: number;
}

function parseHead(received: Buffer): RawHead | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const [statusLine = "", ...lines] = received.subarray(0, end).toString("latin1").split("\r\n");
  const status = Number(statusLine.split(" ")[1]);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return { status, headers, length: end + 4 };
}

function parseResponse(
  received: Buffer,
  hasEnded: boolean,
): { result: RawResponse; length: number } | undefined {
  const head = parseHead(received);
  if (!head) return undefined;
  const { status, headers } = head;
  const body = takeBody({ status, headers, rest: received.subarray(head.length), hasEnded });
  if (!body) return undefined;
  const { bytes, length } = body;
  return {
    result: { status, headers, body: bytes, text: bytes.toString("utf8") },
    length: head.length + length,
  };
}

interface BodyParts {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly rest: Buffer;
  readonly hasEnded: boolean;
}

function takeBody({
  status,
  headers,
  rest,
  hasEnded,
}: BodyParts): { bytes: Buffer; length: number } | undefined {
  if (status === 101 || status === 204 || status === 304) return { bytes: Buffer.alloc(0), length: 0 };
  if (headers.get("transfer-encoding") === "chunked") return takeChunks(rest);
  const announced = headers.get("content-length");
  if (announced === undefined)
    return hasEnded ? { bytes: Buffer.from(rest), length: rest.length } : undefined;
  const length = Number(announced);
  return rest.length < length ? undefined : { bytes: Buffer.from(rest.subarray(0, length)), length };
}

function takeChunks(rest: Buffer): { bytes: Buffer; length: number } | undefined {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const line = rest.indexOf("\r\n", at);
    if (line === -1) return undefined;
    const size = Number.parseInt(rest.subarray(at, line).toString("latin1"), 16);
    const next = line + 2 + size + 2;
    if (rest.length < next) return undefined;
    if (size === 0) return { bytes: Buffer.concat(chunks), length: next };
    chunks.push(rest.subarray(line + 2, line + 2 + size));
    at = next;
  }
}

function show(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, 200).toString("latin1"));
}

/** Resolves with the promise or when the time is over, whichever comes first; leaves no timer. */
async function withDeadline(promise: Promise<void>, ms: number): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, over]);
  clearTimeout(timer);
}
