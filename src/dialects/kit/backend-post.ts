// A POST by which a backend publishes: method, body, who may publish, and the answers, alike in all dialects. The dialect
// says what the body means. What it publishes comes back over the bus, so every gateway delivers it in the same order.

import type { z } from "zod";
import { parseJson } from "../../base/json.ts";
import { goOn } from "../../base/go-on.ts";
import { readPlainBody } from "../../codec/body.ts";
import type { JsonBounds } from "../../codec/json-text.ts";
import { readJsonText } from "../../codec/utf8.ts";
import type { SecretSender, SecretVerdict } from "../../proofs/access.ts";
import type { BackendContext } from "../dialect.ts";
import type { Exchange, Route } from "../../server/route.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { bearerFault, bearerToken, textAnswer } from "../../base/http.ts";
import type { ProblemParts } from "../../base/problem.ts";
import type { Receipt } from "../../core/broker.ts";
import type { Bus } from "../../core/bus.ts";
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

type BackendRefusal = ProblemParts & { readonly code: RefusalReason };

export interface BackendPost extends BackendDoor {
  /** The text of a 200. */
  readonly success: string;
  /** What to publish. Throws a GatewayError when the body is wrong, or when a secret in it is. */
  read(body: Uint8Array, exchange: Exchange): readonly Published[] | Promise<readonly Published[]>;
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
  carryOut: (body: Uint8Array, exchange: Exchange, request: Request) => Response | Promise<Response>,
): Route["fetch"] {
  const refuse = (refused: BackendRefusal): Response => refusalOf(context, door, refused);
  return async (request, exchange) => {
    if (request.method === "OPTIONS") return textAnswer(200, "", allowed);
    if (request.method !== "POST") {
      const message = "Expected the method POST";
      return refuse({ status: 405, code: "method_not_allowed", message, headers: allowed });
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
  const { status, message, headers } = refused;
  return door.refused?.(refused) ?? textAnswer(status, `${message}\n`, headers);
}

type Door = Pick<BackendDoor, "dialect" | "refused">;

const allowed = { allow: "OPTIONS, POST" } as const;

/** @returns the refusal of a request without the publish secret in `Authorization` (SEC-11). */
export function bearerRefusal(
  context: BackendContext,
  door: Door,
  { request, sender }: { readonly request: Request; readonly sender: SecretSender },
): Refusal | Promise<Refusal> {
  return goOn(context.checkSecret?.(bearerToken(request), sender) ?? "wrong", (verdict) =>
    verdict === "right" ? undefined : refusalOf(context, door, bearerFault(request, verdict)),
  );
}

/** Throws the refusal of a body in which the publish secret should be and is not right (WSE-22). */
export function demandRight(verdict: SecretVerdict): void {
  if (verdict === "wrong") throw new GatewayError("secret_wrong", "Incorrect secret");
  if (verdict === "limited") throw new GatewayError("secret_limited", "Too many incorrect secrets");
}

/** @param read `readMembers` or `readObject` of codec/json.ts. */
export function readJsonBody<Fields>(
  body: Uint8Array,
  read: (json: string, bounds: JsonBounds) => Fields | undefined,
): Fields {
  const json = readJsonText(body);
  const fields = json === undefined ? undefined : read(json, bounds);
  if (fields !== undefined) return fields;
  const { maxDepth, maxItems } = bounds;
  throw bodyInvalid(`Expected a JSON object in UTF-8 of at most ${maxItems} members and ${maxDepth} levels`);
}

/** @param message what was expected; it repeats nothing of the request (SEC-05). */
export function bodyInvalid(message: string): GatewayError {
  return new GatewayError("body_invalid", message);
}

/** What an order says. @param expected what was, where it is not one member that is wrong. */
export function readOrder<Schema extends z.ZodType>(
  body: Uint8Array,
  schema: Schema,
  expected: string,
): z.output<Schema> {
  const read = schema.safeParse(readJsonBody(body, parseJson));
  if (read.success) return read.data;
  // A name of the schema, or none: nothing of the request.
  const [field] = read.error.issues[0]?.path ?? [];
  throw bodyInvalid(typeof field === "string" ? `Expected \`${field}\` as the documentation says` : expected);
}

/** All in one turn: bus and broker keep their order. */
async function publish({ bus, broker }: BackendContext, messages: readonly Published[]): Promise<void> {
  demandReady(bus);
  const send = (message: Published): Promise<unknown> =>
    "kind" in message
      ? broker.publish(message).then(demandAll)
      : bus.publish(message.channel, message.payload, message.meaning);
  const [first] = messages;
  try {
    // One message, the usual case, costs no list of promises.
    await (first && messages.length === 1 ? send(first) : Promise.all(messages.map(send)));
  } catch (cause) {
    throw busUnavailable(cause);
  }
}

/** Throws the refusal of one of its rooms: such an answer has no place for each of them. */
function demandAll({ rooms }: Receipt): void {
  for (const one of rooms?.values() ?? []) if (one instanceof GatewayError) throw one;
}

/** Throws the refusal of what would only fail. */
export function demandReady(bus: Pick<Bus, "state">): void {
  if (!bus.state().isReady) throw busUnavailable();
}

/** The bus itself says more, with addresses: that is for the log. */
function busUnavailable(cause?: unknown): GatewayError {
  return new GatewayError("bus_unavailable", "Expected the message bus to be ready, got one that is not", {
    cause,
  });
}
