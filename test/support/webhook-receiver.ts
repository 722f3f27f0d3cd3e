// A receiver of webhooks: a real HTTP server that checks each request as a stranger would, and behaves as a test tells it. It can
// die and come back on the same port.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface ReceivedEvent {
  readonly id: string;
  readonly type: string;
  readonly room: string;
  readonly namespace?: string;
  readonly user?: string;
  readonly epoch?: string;
  readonly seq: number;
  readonly at: number;
}

interface ReceivedRequest {
  readonly id: string;
  /** Unix time, s. */
  readonly timestamp: number;
  readonly signatures: readonly string[];
  readonly path: string;
  readonly events: readonly ReceivedEvent[];
  /** What was answered; undefined: nothing. */
  status: number | undefined;
  /** When it came, monotonic, ms. */
  readonly at: number;
}

/**
 * What a request gets: a status; `stall`: no answer; `late`: a 200 after 7 s, when it is given up; `reset`: a broken
 * connection; `redirect`: 302 to the address of clouds' metadata; `flood`: 200 and a body without end.
 */
export type Behaviour = number | "stall" | "late" | "reset" | "redirect" | "flood";

const lateMs = 7_000;

export class WebhookReceiver implements AsyncDisposable {
  /** In the order in which they came, also those that were answered with a failure. */
  readonly requests: ReceivedRequest[] = [];
  /** What was wrong with requests: nothing ever should be. */
  readonly faults: string[] = [];
  behaviour: Behaviour = 200;
  /** Its header of answers that are a status. */
  retryAfter: string | undefined;
  readonly #key: Buffer;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<Timer>();
  #server: Server | undefined;
  #port = 0;
  #open = 0;
  /** Most requests at one time: one, where order is kept. */
  mostAtOnce = 0;

  private constructor(secret: string) {
    this.#key = Buffer.from(secret.replace("whsec_", ""), "base64");
  }

  static async start(secret: string): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(secret);
    await receiver.revive();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  /** Of requests that were answered 2xx, each as often as it came. */
  get taken(): readonly ReceivedEvent[] {
    return this.requests
      .filter(({ status = 0 }) => status >= 200 && status < 300)
      .flatMap(({ events }) => events);
  }

  /** Those again, each once: what an application keeps that knows ids. */
  get events(): readonly ReceivedEvent[] {
    return [...new Map(this.taken.map((event) => [event.id, event])).values()];
  }

  /** Sequence numbers of a room, in the order in which the events came first. */
  seqs(room: string): readonly number[] {
    return this.events.filter((event) => event.room === room).map(({ seq }) => seq);
  }

  /** Ends it as a crash does. */
  async die(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server?.close(() => {
      resolve();
    });
    for (const socket of this.#sockets) socket.destroy();
    for (const timer of this.#timers) clearTimeout(timer);
    await promise;
    this.#server = undefined;
  }

  /** Listens, on the same port as before. */
  async revive(): Promise<void> {
    const server = createServer((request, response) => {
      void this.#serve(request, response);
    });
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(this.#port, "127.0.0.1", resolve);
    await promise;
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server) await this.die();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#open++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#open);
    response.once("close", () => this.#open--);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const received = this.#check(request, Buffer.concat(chunks).toString());
    this.requests.push(received);
    this.#answer(received, response);
  }

  #check({ headers, method, url = "" }: IncomingMessage, body: string): ReceivedRequest {
    const text = (name: string): string => String(headers[name] ?? "");
    const [id, timestamp] = [text("webhook-id"), text("webhook-timestamp")];
    const signatures = text("webhook-signature").split(" ");
    const expected = createHmac("sha256", this.#key).update(`${id}.${timestamp}.${body}`).digest();
    const isSigned = signatures.some((signature) => {
      const [version, encoded = ""] = signature.split(",");
      const got = Buffer.from(encoded, "base64");
      return version === "v1" && got.length === expected.length && timingSafeEqual(got, expected);
    });
    if (!isSigned) this.faults.push(`no signature that is right: ${signatures.join(" ")}`);
    if (Math.abs(Number(timestamp) - Date.now() / 1_000) > 5) this.faults.push(`the time ${timestamp}`);
    if (method !== "POST" || text("content-type") !== "application/json") this.faults.push(`${method}`);
    const { events } = JSON.parse(body) as { readonly events: readonly ReceivedEvent[] };
    if (events.length === 0 || events.length > 100) this.faults.push(`${events.length} events`);
    const common = { id, timestamp: Number(timestamp), signatures, path: url, events };
    return { ...common, status: undefined, at: performance.now() };
  }

  #answer(received: ReceivedRequest, response: ServerResponse): void {
    const { behaviour } = this;
    const end = (status: number, headers: Record<string, string> = {}): void => {
      received.status = status;
      response.writeHead(status, headers).end();
    };
    if (typeof behaviour === "number")
      end(behaviour, this.retryAfter === undefined ? {} : { "retry-after": this.retryAfter });
    else if (behaviour === "redirect") end(302, { location: "http://169.254.169.254/latest/meta-data/" });
    else if (behaviour === "reset") response.destroy();
    else if (behaviour === "flood") this.#flood(response);
    else if (behaviour === "late") {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        end(200);
      }, lateMs);
      this.#timers.add(timer);
    }
  }

  #flood(response: ServerResponse): void {
    const chunk = "x".repeat(64 * 1_024);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk)) continue;
    };
    response.writeHead(200).on("drain", more);
    more();
  }
}
