// The connect hook: asks the application who a client is, by one signed POST to a fixed URL with what the client shows. An
// answer that says when it ends is kept until then, for the same proof; whatever is not a clear answer keeps the client
// out (SEC-02, T24).

import { createHash, randomUUID } from "node:crypto";
import { z } from "zod";
import { parseJson } from "../../base/json.ts";
import { readJsonText } from "../../codec/utf8.ts";
import type { IdentityRequest, IdentityResult } from "../../proofs/identity-source.ts";
import type { Outbound, OutboundAnswer } from "../../outbound/outbound.ts";
import { readSigningSecret, signatureHeaders } from "../../outbound/signature.ts";
import type { Revocations } from "../../proofs/revocations.ts";
import { unlessRevoked } from "../revocations.ts";
import { rightsOf, rightsShape } from "../rights.ts";
import { AnswerCache } from "./answer-cache.ts";
import type { HookOptions } from "./options.ts";

/** What a client shows, and what is known of its handshake: nothing, where it shows a token in a message. */
export interface HookQuestion {
  readonly token?: string | undefined;
  /** Of the configured name. */
  readonly cookie?: string | undefined;
  readonly about: Partial<IdentityRequest>;
}

export interface HookParts {
  readonly options: HookOptions;
  readonly outbound: Pick<Outbound, "post">;
  readonly revocations: Revocations;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** So many questions may wait for their answers; more are not asked. */
const maxAsking = 1_000;

const name = z.string().min(1).max(256).optional();

const answer = z.object({
  ...rightsShape,
  user: name,
  session: name,
  channels: z.array(z.string()).optional(),
  /** When it ends, seconds since 1970. */
  expires: z.number().positive().optional(),
});

export class ConnectHook {
  readonly #parts: HookParts;
  readonly #url: URL;
  readonly #secrets: readonly Buffer[];
  readonly #cache = new AnswerCache();
  /** Questions that wait for their answers, by all that is asked. */
  readonly #asking = new Map<string, Promise<IdentityResult>>();

  constructor(parts: HookParts) {
    const { url, secrets } = parts.options;
    this.#parts = parts;
    this.#url = new URL(url);
    this.#secrets = secrets.flatMap((text) => readSigningSecret(text) ?? []);
  }

  /** Never rejects. */
  async ask(question: HookQuestion): Promise<IdentityResult> {
    const key = keyOf(question);
    const kept = this.#cache.get(key, this.#parts.nowMs());
    // What was taken back since is asked anew, as is all that was kept where it is not known what was.
    if (kept && unlessRevoked(this.#parts.revocations, kept) === kept) return kept;
    const found = await this.#askOnce(question);
    if (found.kind === "identity" && found.expiresAtMs !== undefined) this.#cache.set(key, found);
    return found;
  }

  /** Clients that ask the same at the same moment, by the same proof, are one question: many come back at once. */
  #askOnce(question: HookQuestion): Promise<IdentityResult> {
    const { token, cookie, about } = question;
    const key = digest([token ?? null, cookie ?? null, about]);
    const asked = this.#asking.get(key);
    if (asked) return asked;
    if (this.#asking.size >= maxAsking) return Promise.resolve(unavailable);
    const answered = this.#post(question).finally(() => this.#asking.delete(key));
    this.#asking.set(key, answered);
    return answered;
  }

  async #post({ token, cookie, about }: HookQuestion): Promise<IdentityResult> {
    const { options, outbound, revocations, nowMs } = this.#parts;
    const seconds = Math.floor(nowMs() / 1_000);
    const body = JSON.stringify({ facility: "", channels: [], ...about });
    const headers = {
      "content-type": "application/json",
      ...signatureHeaders({ id: randomUUID(), seconds, body }, this.#secrets),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(cookie !== undefined && { cookie: `${options.cookie}=${cookie}` }),
    };
    const found = judge(await outbound.post(this.#url, { headers, body }), about, seconds);
    // Taken back while it was asked.
    const isRevoked = found.kind === "identity" && revocations.isRevoked(found);
    return isRevoked ? { kind: "denied", reason: "revoked" } : found;
  }
}

const unavailable: IdentityResult = { kind: "unavailable", reason: "callback_failed" };

/** What stands for the proof; the proof itself is not kept. */
function keyOf({ token, cookie, about: { facility, channels } }: HookQuestion): string {
  return digest([token, cookie, facility, channels]);
}

function digest(asked: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(asked)).digest("base64url");
}

function judge(answered: OutboundAnswer, about: HookQuestion["about"], issuedAt: number): IdentityResult {
  if (answered.kind === "failed") return unavailable;
  const { status, body } = answered;
  if (status === 401 || status === 403) return { kind: "denied", reason: "callback_denied" };
  if (status !== 200) return { kind: "unavailable", reason: "callback_status" };
  const read = answer.safeParse(withoutNulls(body));
  if (!read.success) return { kind: "unavailable", reason: "callback_invalid" };
  const { user, session, channels, expires } = read.data;
  return {
    kind: "identity",
    session,
    user,
    ...rightsOf(read.data),
    issuedAt,
    ...(expires !== undefined && { expiresAtMs: expires * 1_000 }),
    // It may take channels away, never add any (W4R-13).
    ...(channels && { channels: (about.channels ?? []).filter((channel) => channels.includes(channel)) }),
  };
}

/** Many languages write null for what is not there. */
function withoutNulls(body: Buffer): unknown {
  const value = parseJson(readJsonText(body) ?? "");
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}
