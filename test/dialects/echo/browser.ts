// The browser side of the echo dialect: websockets and event streams at one path, in the rooms of their query.

import type { RefusalReason } from "../../../src/core/reasons.ts";
import { RawPublication } from "../../../src/codec/raw-publication.ts";
import { isRoomTooLong } from "../../../src/core/access.ts";
import type { Frame } from "../../../src/core/carrier.ts";
import type { BrowserContext, BrowserSide, Closable, Exchange } from "../../../src/core/dialect.ts";
import { textAnswer } from "../../../src/core/http.ts";
import { anonymous } from "../../../src/core/identity.ts";
import { toRooms } from "../../../src/dialects/raw/format.ts";
import { RawConnection } from "../../../src/dialects/raw/raw-connection.ts";
import type { RawDialect } from "../../../src/dialects/raw/raw-connection.ts";
import { createSocketFormat, createStreamFormat } from "./format.ts";
import { EchoListener } from "./listener.ts";
import type { EchoOptions } from "./options.ts";

/** What a client is given once it may come in. */
interface Place {
  readonly rooms: readonly string[];
  readonly release: () => void;
}

export function createBrowserSide(context: BrowserContext, options: EchoOptions): BrowserSide {
  const dialect: RawDialect = {
    context,
    format: createSocketFormat(),
    clients: new Set(),
    pingIntervalMs: 30_000,
    pongTimeoutMs: 75_000,
    maxMessageBytes: options.maxMessage,
    closeCode: (reason) =>
      reason === "shutdown" ? { code: 1001, reason: "Shutting down" } : { code: 1000, reason: "" },
  };
  const format = createStreamFormat();
  const listeners = new Set<Closable>();
  return {
    routes: [
      {
        path: options.path,
        isPrefix: false,
        accepts: ({ method }) => (method === "POST" ? "no" : "yes"),
        fetch: () => textAnswer(426, "Expected a websocket handshake, or an event stream\n"),
        async upgrade(_request, exchange) {
          const place = await admit(context, exchange);
          if (place instanceof Response) return place;
          const heard = (client: RawConnection, frame: Frame): void => void say(context, client, frame);
          return new RawConnection(dialect, { ...place, heard });
        },
        stream(request, exchange) {
          if (request.headers.get("accept") !== "text/event-stream") return undefined;
          return admit(context, exchange).then((place) =>
            place instanceof Response ? place : new EchoListener({ context, format, listeners, ...place }),
          );
        },
      },
    ],
    maxMessageBytes: options.maxMessage,
    shortestDelayMs: 30_000,
    tick(now) {
      for (const client of dialect.clients) client.tick(now);
    },
    *clients() {
      yield* dialect.clients;
      yield* listeners;
    },
  };
}

async function admit(context: BrowserContext, exchange: Exchange): Promise<Place | Response> {
  const refuse = (status: number, reason: RefusalReason): Response => {
    context.observe.refused("echo", reason);
    return textAnswer(status, "Expected rooms that you may join\n");
  };
  if (!exchange.isOriginAllowed) return refuse(403, "origin");
  const rooms = exchange.query.getAll("room");
  for (const room of rooms) {
    if (isRoomTooLong(room, context.limits.nameBytes)) return refuse(400, "room_name_too_long");
    const secret = exchange.query.get("secret") ?? undefined;
    const asked = { secret, identity: anonymous, address: exchange.countedAs, client: exchange };
    const verdict = await context.access.enter({ namespace: "/", room, ...asked });
    if (verdict !== "allowed") return refuse(403, verdict);
  }
  const release = context.admit(exchange.countedAs);
  return release ? { rooms, release } : refuse(503, "connections");
}

/** A client publishes to a room that it is in, and is told how many heard it. What it says stays in the dialect (SEC-16). */
async function say(context: BrowserContext, client: RawConnection, frame: Frame): Promise<void> {
  const { id, room, data } = read(frame);
  const isIn =
    client.connection && room !== undefined && context.hub.room("/", room)?.has(client.connection) === true;
  if (!isIn) {
    client.send(JSON.stringify({ id, error: "room" }));
    return;
  }
  const only = context.isOpenRoom(room) ? {} : { only: "echo" };
  const publication = new RawPublication(toRooms([room]), Buffer.from(JSON.stringify(data ?? null)), only);
  const { delivered } = await context.broker.publish(publication);
  client.send(JSON.stringify({ id, delivered }));
}

function read(frame: Frame): { readonly id?: unknown; readonly room?: string; readonly data?: unknown } {
  try {
    const value = JSON.parse(String(frame)) as Record<string, unknown>;
    const { id, room, data } = value;
    return { id, data, ...(typeof room === "string" && { room }) };
  } catch {
    return {}; // answered as a room that it is not in
  }
}
