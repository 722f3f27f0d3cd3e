// The door of the HTTP API that rules a gateway: which operation a request is for, the publish secret, the bounds of its body,
// and problem details where something is refused. What each operation does is its own business (operation.ts).

import { bearerFault, bearerToken, percentDecoded } from "../base/http.ts";
import { answer, jsonAnswer, problemAnswer } from "../base/problem.ts";
import type { ProblemParts } from "../base/problem.ts";
import { readPlainBody } from "../codec/body.ts";
import type { SecretCheck } from "../proofs/access.ts";
import type { Exchange, Route } from "../server/route.ts";
import type { Observe } from "../core/observe.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import type { RefusalReason } from "../vocabulary/reasons.ts";
import { JsonText, maxBodyBytes, requestInvalid } from "./operation.ts";
import type { ApiContext, Operation } from "./operation.ts";

export interface DoorParts {
  readonly context: ApiContext;
  readonly operations: readonly Operation[];
  /** Of the publish secret; wrong ones count with those of the other doors. */
  readonly checkSecret: SecretCheck;
  readonly observe: Pick<Observe, "refused">;
}

/** Where all operations are. */
const root = "/api";
/** In the metrics. */
const label = "api";

/** The route of all operations; other paths below `/api` are left to whatever else wants them. */
export function apiRoute(parts: DoorParts): Route {
  const paths = parts.operations.map((operation) => ({ operation, segments: operation.path.split("/") }));
  const find = (path: string): readonly Found[] => {
    const given = path.split("/");
    return paths.flatMap(({ operation, segments }) => {
      const names = match(segments, given);
      return names ? [{ operation, names }] : [];
    });
  };
  return {
    path: root,
    isPrefix: true,
    accepts: ({ headers }, { path }) => (headers.has("upgrade") || find(path).length === 0 ? "no" : "yes"),
    async fetch(request, exchange) {
      const found = find(exchange.path);
      const one = found.find(({ operation }) => operation.method === request.method);
      if (!one) return refuseMethod(parts, found);
      const verdict = await parts.checkSecret(bearerToken(request), exchange);
      if (verdict !== "right") return refuse(parts, bearerFault(request, verdict));
      try {
        return await carryOut(parts, one, { request, exchange });
      } catch (error) {
        // Anything but a refusal is for the listener to report.
        if (!(error instanceof GatewayError)) throw error;
        return refuse(parts, error);
      }
    },
  };
}

interface Found {
  readonly operation: Operation;
  /** As they stand in the path. */
  readonly names: Readonly<Record<string, string>>;
}

/** @returns what stands in the place of the names; undefined where the path is another one. */
function match(segments: readonly string[], given: readonly string[]): Found["names"] | undefined {
  if (segments.length !== given.length) return undefined;
  const names: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const text = given[index] ?? "";
    if (segment.startsWith("{")) names[segment.slice(1, -1)] = text;
    else if (segment !== text) return undefined;
  }
  return names;
}

interface Asked {
  readonly request: Request;
  readonly exchange: Exchange;
}

async function carryOut(
  { context }: DoorParts,
  { operation, names }: Found,
  { request, exchange }: Asked,
): Promise<Response> {
  const body = operation.body === undefined ? undefined : await readPlainBody(request, maxBodyBytes);
  const done = await operation.carryOut(context, {
    names: Object.fromEntries(Object.entries(names).map(([name, text]) => [name, decode(text)])),
    query: exchange.query,
    body,
  });
  return done instanceof JsonText ? jsonAnswer(200, done.json) : answer(200, done);
}

/** Once, and only what is UTF-8: no name has two spellings that mean the same after two decodings (T15). */
function decode(segment: string): string {
  const text = percentDecoded(segment);
  if (text !== undefined && text !== "") return text;
  throw requestInvalid("Expected a name in the path, percent-encoded UTF-8, got something else");
}

type Refusal = ProblemParts & { readonly code: RefusalReason };

/** Counts it. @returns its answer. */
function refuse({ observe }: DoorParts, refusal: Refusal): Response {
  observe.refused(label, refusal.code);
  return problemAnswer(refusal);
}

function refuseMethod(parts: DoorParts, found: readonly Found[]): Response {
  const methods = found.map(({ operation }) => operation.method);
  const message = `Expected the method ${methods.join(" or ")}`;
  const headers = { allow: methods.join(", ") };
  return refuse(parts, { status: 405, code: "method_not_allowed", message, headers });
}
