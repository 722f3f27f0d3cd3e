// `POST /-/audience`, how many clients of this gateway a message reaches now: `belfry tail` shows the number beside each
// message. It needs the publish secret, and answers with a number alone, without any name (SEC-13).

import { z } from "zod";
import { readBody } from "../codec/body.ts";
import { readJsonText } from "../codec/utf8.ts";
import type { SecretCheck } from "../proofs/access.ts";
import type { Route } from "../server/route.ts";
import { bearerFault, bearerToken, textAnswer } from "../base/http.ts";
import type { Publication } from "../core/publication.ts";

/** The part of a message that says whom it reaches. */
type Addressed = Pick<Publication, "namespace" | "rooms" | "isTree" | "except" | "skip" | "only" | "not">;

export interface AudienceParts {
  /** Of the publish secret; wrong ones count with those of the other routes. */
  readonly checkSecret: SecretCheck;
  /** How many clients it reaches. */
  readonly count: (addressed: Addressed) => number;
}

const maxBytes = 256 * 1024;

const names = z.array(z.string()).max(10_000);
const addressedSchema = z.strictObject({
  namespace: z.string().default("/"),
  /** null is everyone in the namespace. */
  rooms: names.nullable().default(null),
  isTree: z.boolean().default(false),
  except: names.default([]),
  skip: names.default([]),
  only: z.string().optional(),
  not: z.string().optional(),
});

export function audienceRoute({ checkSecret, count }: AudienceParts): Route {
  return {
    path: "/-/audience",
    isPrefix: false,
    async fetch(request, exchange) {
      if (request.method !== "POST") return textAnswer(405, "Expected the method POST\n", { allow: "POST" });
      const verdict = await checkSecret(bearerToken(request), exchange);
      if (verdict !== "right") {
        const { status, message, headers } = bearerFault(request, verdict);
        return textAnswer(status, `${message}\n`, headers);
      }
      const addressed = await readAddressed(request);
      if (!addressed) return textAnswer(400, "Expected JSON with the target of a message\n");
      return Response.json({ clients: count(addressed) }, { headers: { "cache-control": "no-store" } });
    },
  };
}

async function readAddressed(request: Request): Promise<Addressed | undefined> {
  try {
    const body = await readBody(request, maxBytes);
    const json = body && readJsonText(body);
    const { rooms, only, not, ...rest } = addressedSchema.parse(JSON.parse(json ?? ""));
    return {
      ...rest,
      rooms: rooms ?? undefined,
      ...(only === undefined ? {} : { only }),
      ...(not === undefined ? {} : { not }),
    };
  } catch {
    return undefined;
  }
}
