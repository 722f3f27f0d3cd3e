// The backend side of the websocket-channels dialect: the one pattern `websocket:*` (WSC-03), on which backends, HTTP
// publishes and browsers of every gateway meet, and the HTTP routes of backends: `POST /publish` with a map of channels to
// messages (WSC-06), and in root mode `POST /<channel>` with a bare message (WSC-07).

import { readObject, readString } from "../../codec/json.ts";
import { RawPublication } from "../../codec/raw-publication.ts";
import { textCanary } from "../../codec/canary.ts";
import type { BackendContext, BackendSide, Exchange, Feed, Route } from "../../core/dialect.ts";
import { isUpgrade, textAnswer } from "../../base/http.ts";
import { junk, notForUs } from "../../core/publication.ts";
import { backendPost, bearerRefusal, bodyInvalid, readJsonBody } from "../kit/backend-post.ts";
import type { BackendPost, Published } from "../kit/backend-post.ts";
import { toRooms, toTree } from "../raw/format.ts";
import { prefixFeed } from "../raw/prefix-feed.ts";
import { decodePath, dialectName, maxSegments, readAddress, redisPrefix } from "./names.ts";
import type { Address } from "./names.ts";
import type { WebsocketChannelsOptions } from "./options.ts";

type PublishOptions = Pick<WebsocketChannelsOptions, "openPublish">;

/** One message of a request. */
interface Message {
  /** What follows `websocket:`. */
  readonly name: string;
  readonly address: Address;
  readonly payload: Buffer;
}

export function createBackendSide(context: BackendContext, options: WebsocketChannelsOptions): BackendSide {
  return {
    feeds: [channelsFeed(context)],
    routes: [publishRoute(context, options), ...(options.root ? [rootPublishRoute(context, options)] : [])],
  };
}

function channelsFeed({ limits, isOpenRoom }: BackendContext): Feed {
  return prefixFeed({
    prefix: redisPrefix,
    canary,
    decode(name, payload) {
      const address = readAddress(name, limits.nameBytes);
      if (typeof address === "string") return junk(address);
      if (address.kind === "none") return notForUs("name_empty");
      const { kind, path } = address;
      const target = kind === "tree" ? toTree(path) : toRooms([path]);
      // Browsers speak here too, and nothing tells them from backends: it stays in the dialect (SEC-16).
      const isOpen = kind === "channel" && isOpenRoom(path);
      return new RawPublication(target, payload, isOpen ? {} : { only: dialectName });
    },
  });
}

/** On the empty name, which reaches no client, in this gateway as in the original (WSC-03). */
const canary = textCanary(redisPrefix, "belfry canary");

/** `POST /publish`. */
export function publishRoute(context: BackendContext, options: PublishOptions): Route {
  const read: BackendPost["read"] = (body) =>
    // What is no string goes out as its JSON text, digit for digit.
    [...readJsonBody(body, readObject)].flatMap(([name, raw]) =>
      published(context, options, readMessage(context, name, Buffer.from(readString(raw) ?? raw))),
    );
  return { path: "/publish", isPrefix: false, fetch: createPost(context, options, read) };
}

/** `POST /<channel>`, behind everything else on the port (RTE-01). */
export function rootPublishRoute(context: BackendContext, options: PublishOptions): Route {
  const post = createPost(context, options, (body, { path }) =>
    published(context, options, readMessage(context, decodePath(path.slice(1)), body)),
  );
  return {
    path: "",
    isPrefix: true,
    accepts: (request) => (isUpgrade(request) ? "no" : "otherwise"),
    fetch(request, exchange) {
      if (withoutLeadingSlashes(exchange.path) !== "") return post(request, exchange);
      // The empty channel has no clients (WSC-07).
      context.observe.refused(dialectName, "method_not_allowed");
      return textAnswer(405, "Expected a channel in the path\n", { allow: "OPTIONS" });
    },
  };
}

function createPost(context: BackendContext, options: PublishOptions, read: BackendPost["read"]) {
  const { httpBodyBytes, busMessageBytes } = context.limits;
  return backendPost(context, {
    dialect: dialectName,
    maxBytes: Math.min(httpBodyBytes, busMessageBytes),
    success: "OK",
    refusal: (request, exchange) =>
      options.openPublish
        ? originRefusal(context, exchange)
        : bearerRefusal(context, { dialect: dialectName }, { request, sender: exchange }),
    read,
  });
}

/** Any page could post to a gateway of the same machine (WSC-08, SEC-11). */
function originRefusal({ observe }: BackendContext, { isOriginAllowed }: Exchange): Response | undefined {
  if (isOriginAllowed) return undefined;
  observe.refused(dialectName, "origin");
  return textAnswer(403, "Expected an origin that may publish\n");
}

/**
 * Slashes in front of a name mean nothing: two of them are a base path too many, and one alone would be everyone in Redis
 * (WSC-07).
 */
function readMessage({ limits }: BackendContext, given: string | undefined, payload: Buffer): Message {
  const name = given && withoutLeadingSlashes(given);
  if (name === "") throw bodyInvalid("Expected a channel, got an empty name");
  const address = name === undefined ? "name_invalid" : readAddress(name, limits.nameBytes);
  if (name !== undefined && typeof address !== "string") return { name, address, payload };
  const bound = `${limits.nameBytes} bytes and ${maxSegments} segments`;
  throw bodyInvalid(`Expected channels in UTF-8 of at most ${bound}`);
}

function withoutLeadingSlashes(name: string): string {
  return name.replace(/^\/+/, "");
}

/**
 * On `websocket:*` a message stays in the dialect, unless its room is open (SEC-16). One that came with the secret is from a
 * backend: the broker carries it to the clients of the other dialects. Trees are of this dialect alone.
 */
function published(
  { isOpenRoom }: BackendContext,
  { openPublish }: PublishOptions,
  { name, address, payload }: Message,
): readonly Published[] {
  const outgoing = { channel: `${redisPrefix}${name}`, payload };
  const isFromBackend = !openPublish;
  if (!isFromBackend || address.kind !== "channel" || isOpenRoom(address.path)) return [outgoing];
  return [outgoing, new RawPublication(toRooms([address.path]), payload, { not: dialectName })];
}
