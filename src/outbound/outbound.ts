// POST to a fixed URL of the config, for webhooks and for what asks a backend: no redirects, a deadline over all of it, an
// answer of bounded size, and no address that is not allowed. The name is looked up here and the connection goes to the very
// address that was judged, so a name cannot change its address in between (T24).

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { readStream } from "../codec/body.ts";
import { createAddressRule } from "./address-rule.ts";
import type { OutboundRefusal, AddressRule } from "./address-rule.ts";
import { readRetryAfter } from "./retry-after.ts";

/** Largest answer, bytes (T24). */
const maxAnswerBytes = 64 * 1024;
/** Addresses of one name that are tried. */
const maxAddresses = 3;

export interface OutboundOptions {
  /** Addresses and ranges that requests may go to though they are not public, there without TLS too. @default none */
  readonly allowPrivate?: readonly string[];
  /** Of the look-up, the request and the answer together, ms. */
  readonly timeoutMs: number;
  /** The addresses of a name. @default the system's resolver */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** @default the engine's */
  readonly fetch?: (url: URL, init: BunFetchRequestInit) => Promise<Response>;
}

export interface OutboundRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Gives it up, beside the deadline. */
  readonly signal?: AbortSignal;
}

/**
 * Why there is no answer. `name_unknown`: no address; `address_blocked`: none that is allowed; `insecure`: it is neither
 * https nor an allowed private address; `unreachable`: no connection, or one that broke, or a certificate that is not right.
 */
export type OutboundFailure =
  | OutboundRefusal
  | "name_unknown"
  | "unreachable"
  | "timeout"
  | "answer_too_large";

export type OutboundAnswer =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly body: Buffer;
      /** What its `Retry-After` says, ms from now, as large as it may be. */
      readonly retryAfterMs?: number | undefined;
    }
  | { readonly kind: "failed"; readonly reason: OutboundFailure };

export class Outbound {
  readonly #options: OutboundOptions;
  readonly #refusalOf: AddressRule;

  constructor(options: OutboundOptions) {
    this.#options = options;
    this.#refusalOf = createAddressRule(options.allowPrivate ?? []);
  }

  /** Never rejects. A redirect is an answer like any other. @param url http or https, without user and password. */
  async post(url: URL, request: OutboundRequest): Promise<OutboundAnswer> {
    const deadline = AbortSignal.timeout(this.#options.timeoutMs);
    const signal = request.signal ? AbortSignal.any([deadline, request.signal]) : deadline;
    try {
      const addresses = await unless(signal, this.#addressesOf(url));
      if (typeof addresses === "string") return failed(addresses);
      return await this.#postTo(addresses, url, { ...request, signal });
    } catch {
      return failed(signal.aborted ? "timeout" : "unreachable");
    }
  }

  /** Those that it may go to, or why there are none. */
  async #addressesOf(url: URL): Promise<readonly string[] | OutboundFailure> {
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const { resolve = resolveName } = this.#options;
    const found = isIP(host) === 0 ? await resolve(host).catch(() => []) : [host];
    if (found.length === 0) return "name_unknown";
    const judged = found.map((address) => this.#refusalOf(address, url.protocol));
    const addresses = found.filter((_address, index) => judged[index] === undefined);
    return addresses.length > 0 ? addresses.slice(0, maxAddresses) : (judged[0] ?? "address_blocked");
  }

  /** One after the other, until one of them can be reached. */
  async #postTo(
    addresses: readonly string[],
    url: URL,
    request: OutboundRequest & { readonly signal: AbortSignal },
  ): Promise<OutboundAnswer> {
    for (const address of addresses) {
      const response = await this.#send(address, url, request).catch(() => undefined);
      if (request.signal.aborted) break;
      if (response) return readAnswer(response);
    }
    return failed(request.signal.aborted ? "timeout" : "unreachable");
  }

  /** To this address; the name stays in the Host header and in what the certificate must be for. */
  async #send(
    address: string,
    url: URL,
    { headers, body, signal }: OutboundRequest & { readonly signal: AbortSignal },
  ): Promise<Response> {
    const { fetch: send = fetch } = this.#options;
    const place = new URL(url);
    place.hostname = isIP(address) === 6 ? `[${address}]` : address;
    return send(place, {
      method: "POST",
      headers: { ...headers, host: url.host, "accept-encoding": "identity" },
      body,
      redirect: "manual",
      // It was not asked for, and the bound is on what comes.
      decompress: false,
      // A connection that is kept was made for another name, maybe.
      keepalive: false,
      signal,
      ...(isIP(url.hostname) === 0 && { tls: { serverName: url.hostname } }),
    });
  }
}

function failed(reason: OutboundFailure): OutboundAnswer {
  return { kind: "failed", reason };
}

async function readAnswer({ status, headers, body }: Response): Promise<OutboundAnswer> {
  const bytes = await readStream(body, maxAnswerBytes);
  if (!bytes) return failed("answer_too_large");
  const retryAfterMs = readRetryAfter(headers.get("retry-after"), Date.now());
  return { kind: "answer", status, body: bytes, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

async function resolveName(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** What cannot be given up is no longer waited for. */
async function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(new Error("Expected an answer in time, got none"));
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, ended]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
