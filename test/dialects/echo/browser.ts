// The browser side of the echo dialect: websockets and event streams at one path, in the rooms of their query.

import { isRoomTooLong } from "../../../src/core/room-name.ts";
import type { BrowserContext, BrowserSide } from "../../../src/dialects/dialect.ts";
import type { Closable } from "../../../src/server/socket.ts";
import type { Exchange, Route } from "../../../src/server/route.ts";
import { textAnswer } from "../../../src/base/http.ts";
import { anonymous } from "../../../src/core/identity.ts";
import type { RefusalReason } from "../../../src/vocabulary/reasons.ts";
import { createRawBrowserSide } from "../../../src/dialects/raw/browser-side.ts";
import { RawConnection, usualHeartbeat } from "../../../src/dialects/raw/raw-connection.ts";
import type { RawDialect } from "../../../src/dialects/raw/raw-connection.ts";
import { Refusals } from "../../../src/dialects/raw/refusals.ts";
import { EchoClient } from "./client.ts";
import type { Admitted } from "./client.ts";
import { createSocketFormat, createStreamFormat } from "./format.ts";
import { EchoStreamClient } from "./stream-client.ts";
import { dialectName } from "./names.ts";
import type { EchoOptions } from "./options.ts";

export function createBrowserSide(context: BrowserContext, options: EchoOptions): BrowserSide {
  const dialect: RawDialect = {
    context,
    format: createSocketFormat(),
    clients: new Set(),
    ...usualHeartbeat,
    maxMessageBytes: options.maxMessage,
    closeCode: (reason) =>
      reason === "shutdown" ? { code: 1001, reason: "Shutting down" } : { code: 1000, reason: "" },
  };
  const clients = new Set<Closable>();
  return {
    ...createRawBrowserSide(dialect, { routes: [createRoute(dialect, context, { options, clients })] }),
    *clients() {
      yield* dialect.clients;
      yield* clients;
    },
  };
}

interface RouteParts {
  readonly options: EchoOptions;
  readonly clients: Set<Closable>;
}

function createRoute(dialect: RawDialect, context: BrowserContext, { options, clients }: RouteParts): Route {
  const format = createStreamFormat();
  return {
    path: options.path,
    isPrefix: false,
    accepts: ({ method }) => (method === "POST" ? "no" : "yes"),
    fetch: () => textAnswer(426, "Expected a websocket handshake, or an event stream\n"),
    async upgrade(_request, exchange) {
      const admitted = await admit(context, exchange);
      return admitted instanceof Response
        ? admitted
        : new RawConnection(dialect, new EchoClient(context, admitted));
    },
    stream(request, exchange) {
      if (request.headers.get("accept") !== "text/event-stream") return undefined;
      return admit(context, exchange).then((admitted) =>
        admitted instanceof Response
          ? admitted
          : new EchoStreamClient({ context, format, clients, ...admitted }),
      );
    },
  };
}

async function admit(context: BrowserContext, exchange: Exchange): Promise<Admitted | Response> {
  const refusals = new Refusals(context.observe, dialectName);
  if (!exchange.isOriginAllowed) return refusals.refuseOrigin(exchange);
  const refuse = (status: number, reason: RefusalReason): Response =>
    refusals.refuse(reason, textAnswer(status, "Expected rooms that you may join\n"));
  const rooms = exchange.query.getAll("room");
  for (const room of rooms) {
    if (isRoomTooLong(room, context.limits.nameBytes)) return refuse(400, "room_name_too_long");
    const secret = exchange.query.get("secret") ?? undefined;
    const request = { secret, identity: anonymous, address: exchange.countedAs, client: exchange };
    const verdict = await context.access.judge({ namespace: "/", room, ...request });
    if (verdict !== "allowed") return refuse(403, verdict);
  }
  const release = context.admit(exchange.countedAs);
  return release ? { rooms, address: exchange.countedAs, release } : refusals.refuseFull();
}
