// Asks the backend who a visitor is (DJS-10): one POST to a fixed URL, with the visitor's own cookies. Whatever is
// not a clear answer keeps the visitor out (SEC-02).

import { z } from "zod";
import { parseJson } from "../../base/json.ts";
import type { RefusalReason } from "../../vocabulary/reasons.ts";
import { readStream } from "../../codec/body.ts";
import { readJsonText } from "../../codec/utf8.ts";
import type { IdentityRequest, IdentityResult } from "../../proofs/identity-source.ts";
import { boundGroups } from "../result.ts";
import type { Fetch } from "../result.ts";

/** Largest answer, bytes (T24). */
const maxAnswerBytes = 64 * 1024;

const name = z.string().nullish();
const names = z.array(z.string()).nullish();
const answer = z.object({ user: name, groups: names, session: name, channels: names });

export interface CallbackParts {
  readonly url: string;
  readonly timeoutMs: number;
  readonly fetch: Fetch;
}

/** Never rejects. */
export async function askCallback(
  request: Request,
  asked: IdentityRequest,
  parts: CallbackParts,
): Promise<IdentityResult> {
  try {
    const response = await parts.fetch(parts.url, {
      method: "POST",
      body: JSON.stringify(asked),
      headers: forwarded(request),
      redirect: "manual",
      // Of the whole exchange, the body too.
      signal: AbortSignal.timeout(parts.timeoutMs),
    });
    return await judge(response, asked);
  } catch {
    return unavailable("callback_failed");
  }
}

function forwarded({ headers }: Request): Headers {
  const sent = new Headers({ "content-type": "application/json", "accept-encoding": "identity" });
  for (const key of ["cookie", "authorization"]) {
    const value = headers.get(key);
    if (value !== null) sent.set(key, value);
  }
  return sent;
}

async function judge(response: Response, asked: IdentityRequest): Promise<IdentityResult> {
  if (response.status !== 200) {
    // Unread, an answer would hold its connection.
    await response.body?.cancel();
    if (response.status === 401 || response.status === 403)
      return { kind: "denied", reason: "callback_denied" };
    return unavailable("callback_status");
  }
  const bytes = await readStream(response.body, maxAnswerBytes);
  if (bytes === undefined) return unavailable("callback_too_large");
  const read = answer.safeParse(parseJson(readJsonText(bytes) ?? ""));
  if (!read.success) return unavailable("callback_invalid");
  const { user, groups, session, channels } = read.data;
  return {
    kind: "identity",
    session: session ?? undefined,
    user: user ?? undefined,
    groups: boundGroups(groups ?? []),
    // It may take channels away, never add any (W4R-13).
    ...(channels && { channels: asked.channels.filter((channel) => channels.includes(channel)) }),
  };
}

function unavailable(reason: RefusalReason): IdentityResult {
  return { kind: "unavailable", reason };
}
