// A POST by which a backend publishes: method, body, who may publish, and the answers, alike in all dialects. The dialect
// says what the body means. What it publishes comes back over the bus, so every gateway delivers it in the same order.

import { goOn } from "../../base/go-on.ts";
import { readBody } from "../../codec/body.ts";
import type { JsonBounds } from "../../codec/json-text.ts";
import { readJsonText } from "../../codec/utf8.ts";
import type { SecretSender, SecretVerdict } from "../../proofs/access.ts";
import type { BackendContext } from "../dialect.ts";
import type { Exchange, Route } from "../../server/route.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { bearerFault, bearerToken, textAnswer } from "../../base/http.ts";
import type { RefusalReason } from "../../vocabulary/reasons.ts";
import type { Outgoing, Publication } from "../../core/publication.ts";

/** Python nests a thousand levels, too; on the bus there are a few more around them (T9). */
const bounds: JsonBounds = { maxDepth: 1_000, maxItems: 1_000 };

/** What a POST publishes: messages go to the bus, publications to the broker. */
export type Published = Outgoing | Publication;

/** What all of them need. */
export interface BackendDoor {
  /** The dialect's name, for metrics. */
  readonly dialect: string;
  /** Longest body, bytes. */
  readonly maxBytes: number;
  /** May the sender publish, by what the request's head says? Asked before the body is read. @returns the refusal, if there is one. */
  refusal?(request: Request, exchange: Exchange): Refusal | Promise<Refusal>;
  /** How a refusal is said. @default its sentence as plain text */
  readonly refused?: (refused: BackendRefusal) => Response;
}

type Refusal = Response | undefined;

/** Why a POST is refused, without a word of the request (SEC-05). */
export interface BackendRefusal {
  readonly status: number;
  readonly code: RefusalReason;
  readonly message: string;
}

export interface BackendPost extends BackendDoor {
  /** The text of a 200. */
  readonly success: string;
  /** What to publish. Throws a GatewayError when the body is wrong, or when a secret in it is. */
  read(body: Buffer, exchange: Exchange): readonly Published[] | Promise<readonly Published[]>;
}

/** @returns the `fetch` of a route. Any Content-Type passes, so that plain `curl -d` works (WSE-25, WSC-06). */
export function backendPost(context: BackendContext, post: BackendPost): Route["fetch"] {
  return backendDoor(context, post, (body, exchange) =>
    goOn(post.read(body, exchange), async (messages) => {
      await publish(context, messages);
      return textAnswer(200, post.success);
    }),
  );
}

/**
 * The same for a dialect that publishes and answers by itself.
 * @param carryOut throws a GatewayError where it refuses.
 */
export function backendDoor(
  context: BackendContext,
  door: BackendDoor,
  carryOut: (body: Buffer, exchange: Exchange, request: Request) => Response | Promise<Response>,
): Route["fetch"] {
  const refuse = (refused: BackendRefusal): Response => refusalOf(context, door, refused);
  return async (request, exchange) => {
    if (request.method === "OPTIONS") return textAnswer(200, "", allowed);
    if (request.method !== "POST") {
      const answer = refuse({ status: 405, code: "method_not_allowed", message: "Expected the method POST" });
      answer.headers.set("allow", allowed.allow);
      return answer;
    }
    try {
      const refusal = door.refusal?.(request, exchange);
      const refused = refusal instanceof Promise ? await refusal : refusal;
      return refused ?? (await carryOut(await readPlainBody(request, door.maxBytes), exchange, request));
    } catch (error) {
      // Anything but a refusal is for the listener to report.
      if (!(error instanceof GatewayError)) throw error;
      return refuse(error);
    }
  };
}

/** Counts a refusal. @returns its answer. */
function refusalOf({ observe }: BackendContext, door: Door, refused: BackendRefusal): Response {
  observe.refused(door.dialect, refused.code);
  return door.refused?.(refused) ?? textAnswer(refused.status, `${refused.message}\n`);
}

type Door = Pick<BackendDoor, "dialect" | "refused">;

const allowed = { allow: "OPTIONS, POST" } as const;

/** @returns the refusal of a request without the publish secret in `Authorization` (SEC-11). */
export function bearerRefusal(
  context: BackendContext,
  door: Door,
  { request, sender }: { readonly request: Request; readonly sender: SecretSender },
): Refusal | Promise<Refusal> {
  const token = bearerToken(request);
  return goOn(context.checkSecret?.(token, sender) ?? "wrong", (verdict) => {
    if (verdict === "right") return undefined;
    const [status, message, header, value] =
      verdict === "limited"
        ? ([429, "Expected fewer wrong secrets", "retry-after", "60"] as const)
        : ([401, bearerFault(token), "www-authenticate", "Bearer"] as const);
    const answer = refusalOf(context, door, { status, code: `secret_${verdict}`, message });
    answer.headers.set(header, value);
    return answer;
  });
}

/** Throws the refusal of a body in which the publish secret should be and is not right (WSE-22). */
export function demandRight(verdict: SecretVerdict): void {
  if (verdict === "wrong") throw new GatewayError("secret_wrong", "Incorrect secret");
  if (verdict === "limited") throw new GatewayError("secret_limited", "Too many incorrect secrets");
}

/** @param read `readMembers` or `readObject` of codec/json.ts. */
export function readJsonBody<Fields>(
  body: Buffer,
  read: (json: string, bounds: JsonBounds) => Fields | undefined,
): Fields {
  const json = readJsonText(body);
  const fields = json === undefined ? undefined : read(json, bounds);
  if (fields !== undefined) return fields;
  const { maxDepth, maxItems } = bounds;
  throw bodyInvalid(`Expected a JSON object in UTF-8 of at most ${maxItems} members and ${maxDepth} levels`);
}

/** @param message what was expected; it repeats nothing of the request (SEC-05). */
export function bodyInvalid(message: string, cause?: unknown): GatewayError {
  return new GatewayError("body_invalid", message, { cause });
}

async function readPlainBody(request: Request, maxBytes: number): Promise<Buffer> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity") {
    throw new GatewayError("content_encoding", "Expected a body without Content-Encoding");
  }
  let body;
  try {
    body = await readBody(request, maxBytes);
  } catch (cause) {
    throw bodyInvalid("Expected a complete body", cause);
  }
  if (!body) throw new GatewayError("body_too_large", `Expected a body of at most ${maxBytes} bytes`);
  return body;
}

/** All in one turn: bus and broker keep their order. */
async function publish({ bus, broker }: BackendContext, messages: readonly Published[]): Promise<void> {
  if (!bus.state().isReady) throw busUnavailable();
  const send = (message: Published): Promise<unknown> =>
    "kind" in message
      ? broker.publish(message)
      : bus.publish(message.channel, message.payload, message.meaning);
  const [first] = messages;
  try {
    // One message, the usual case, costs no list of promises.
    await (first && messages.length === 1 ? send(first) : Promise.all(messages.map(send)));
  } catch (cause) {
    throw busUnavailable(cause);
  }
}

/** The bus itself says more, with addresses: that is for the log. */
export function busUnavailable(cause?: unknown): GatewayError {
  return new GatewayError("bus_unavailable", "Expected the message bus to be ready, got one that is not", {
    cause,
  });
}
