// An application that a connect hook asks: a real HTTP server of this process. It checks the signature as Standard Webhooks
// says, by its own steps, and remembers what it was asked.

import { createHmac, timingSafeEqual } from "node:crypto";

const hookSecret = `whsec_${Buffer.from("a secret of the hook of all tests").toString("base64")}`;

export interface Asked {
  readonly token: string | undefined;
  readonly cookie: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
  readonly isSigned: boolean;
}

export type Answering = (asked: Asked) => Response | Promise<Response>;

export class HookApp implements AsyncDisposable {
  readonly asked: Asked[] = [];
  answer: Answering;
  readonly #server: Bun.Server<undefined>;

  constructor(answer: Answering) {
    this.answer = answer;
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => this.#take(request),
    });
  }

  /** The section `auth.hook` that leads here. */
  get hook() {
    return { url: `${this.#server.url.origin}/who`, secrets: [hookSecret], allowPrivate: ["127.0.0.1"] };
  }

  async #take(request: Request): Promise<Response> {
    const text = await request.text();
    const { headers } = request;
    const asked = {
      token: headers.get("authorization")?.replace("Bearer ", ""),
      cookie: headers.get("cookie") ?? undefined,
      body: JSON.parse(text) as Record<string, unknown>,
      isSigned: isSigned(headers, text),
    };
    this.asked.push(asked);
    return this.answer(asked);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }
}

function isSigned(headers: Headers, text: string): boolean {
  const [id, time] = ["webhook-id", "webhook-timestamp"].map((name) => headers.get(name) ?? "");
  const key = Buffer.from(hookSecret.slice("whsec_".length), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${time}.${text}`).digest();
  const got = Buffer.from((headers.get("webhook-signature") ?? "").replace("v1,", ""), "base64");
  const isFresh = Math.abs(Date.now() / 1_000 - Number(time)) < 60;
  return isFresh && got.length === expected.length && timingSafeEqual(got, expected);
}
