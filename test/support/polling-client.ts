// One Engine.IO session over polling, byte by byte: it says what the test says, when the test says it.

import { RawConnection, rawRequest, requestBytes } from "./raw.ts";
import type { RawResponse } from "./raw.ts";

export interface PollingOptions {
  /** @default "EIO=4" */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class PollingClient {
  readonly url: string;
  readonly sid: string;
  /** The handshake's answer as it came. */
  readonly opened: RawResponse;
  readonly #query: string;
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(url: string, opened: RawResponse, options: Required<PollingOptions>) {
    this.url = url;
    this.opened = opened;
    this.sid = /"sid":"([^"]+)"/.exec(opened.text)?.[1] ?? "";
    this.#query = options.query;
    this.#headers = options.headers;
  }

  static async open(
    url: string,
    { query = "EIO=4", headers = {} }: PollingOptions = {},
  ): Promise<PollingClient> {
    const opened = await rawRequest(url, { path: `/socket.io/?${query}&transport=polling`, headers });
    if (opened.status !== 200) throw new Error(`Expected a session, got ${opened.status} ${opened.text}`);
    return new PollingClient(url, opened, { query, headers });
  }

  /** A session of protocol 5 that joined `/`, its answer already polled. */
  static async connect(url: string, options?: PollingOptions): Promise<PollingClient> {
    const client = await PollingClient.open(url, options);
    await client.post("40");
    await client.poll();
    return client;
  }

  /** Path and query of this session. */
  path(transport: "polling" | "websocket" = "polling"): string {
    return `/socket.io/?${this.#query}&transport=${transport}&sid=${this.sid}`;
  }

  async poll(headers: Readonly<Record<string, string>> = {}): Promise<RawResponse> {
    return rawRequest(this.url, { path: this.path(), headers: { ...this.#headers, ...headers } });
  }

  /** A poll on a connection that the test holds in its hand. The request is on its way when this resolves. */
  async beginPoll(): Promise<RawConnection> {
    const connection = await RawConnection.open(this.url);
    connection.write(requestBytes(this.url, { path: this.path(), headers: this.#headers }));
    return connection;
  }

  async post(
    body: string | Uint8Array,
    contentType = typeof body === "string" ? "text/plain;charset=UTF-8" : "application/octet-stream",
  ): Promise<RawResponse> {
    const headers = { ...this.#headers, "Content-Type": contentType };
    return rawRequest(this.url, { method: "POST", path: this.path(), headers, body });
  }
}
