// The backend side of the echo dialect: a prefix of Redis channels, and POST with a bare body.

import { readBody } from "../../../src/codec/body.ts";
import { RawPublication } from "../../../src/codec/raw-publication.ts";
import { textCanary } from "../../../src/codec/canary.ts";
import type { BackendContext, BackendSide } from "../../../src/dialects/dialect.ts";
import { textAnswer } from "../../../src/base/http.ts";
import { bearerRefusal } from "../../../src/dialects/kit/backend-post.ts";
import { toRooms } from "../../../src/dialects/raw/format.ts";
import { prefixFeed } from "../../../src/dialects/raw/prefix-feed.ts";
import { dialectName, redisPrefix } from "./names.ts";
import type { EchoOptions } from "./options.ts";

export function createBackendSide(context: BackendContext, { path }: EchoOptions): BackendSide {
  return {
    feeds: [
      prefixFeed({
        prefix: redisPrefix,
        canary: textCanary(`${redisPrefix}\u0000canary`, "belfry canary"),
        decode: (name, payload) => new RawPublication(toRooms([name]), payload),
      }),
    ],
    routes: [
      {
        path,
        isPrefix: false,
        accepts: ({ method }) => (method === "POST" ? "yes" : "no"),
        async fetch(request, exchange) {
          const refusal = await bearerRefusal(
            context,
            { dialect: dialectName },
            { request, sender: exchange },
          );
          if (refusal) return refusal;
          const body = await readBody(request, context.limits.httpBodyBytes);
          if (!body) return textAnswer(413, "Expected a smaller body\n");
          const publication = new RawPublication(toRooms(exchange.query.getAll("room")), body);
          const { delivered } = await context.broker.publish(publication);
          return Response.json({ delivered });
        },
      },
    ],
  };
}
