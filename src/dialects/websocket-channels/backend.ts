// The backend side of the websocket-channels dialect: the one pattern `websocket:*` (WSC-03), on which backends, HTTP
// publishes and browsers of every gateway meet, and the HTTP routes of backends: `POST /publish` with a map of channels to
// messages (WSC-06), and in root mode `POST /<channel>` with a bare message (WSC-07).

import { asBuffer } from "../../base/bytes.ts";
import { readObject, readString } from "../../codec/json.ts";
import { RawPublication } from "../../codec/raw-publication.ts";
import { textCanary } from "../../codec/canary.ts";
import type { BackendContext, BackendSide } from "../dialect.ts";
import type { Feed } from "../../core/bus.ts";
import type { Exchange, Route } from "../../server/route.ts";
import { isUpgrade, textAnswer } from "../../base/http.ts";
import { junk, notForUs } from "../../core/publication.ts";
import { backendPost, bearerRefusal, bodyInvalid, readJsonBody } from "../kit/backend-post.ts";
import type { BackendPost, Published } from "../kit/backend-post.ts";
import { toRooms, toTree } from "../raw/format.ts";
import { prefixFeed } from "../raw/prefix-feed.ts";
import { decodePath, dialectName, maxSegments, readAddress, redisPrefix } from "./names.ts";
import type { Place } from "./names.ts";
import type { WebsocketChannelsOptions } from "./options.ts";

type PublishOptions = Pick<WebsocketChannelsOptions, "openPublish">;

/** One message of a request. */
interface Message {
  /** What follows `websocket:`. */
  readonly name: string;
  readonly address: Place;
  readonly payload: Buffer;
  /** The same, where it came as text. */
  readonly text?: string | undefined;
}

export function createBackendSide(context: BackendContext, options: WebsocketChannelsOptions): BackendSide {
  return {
    feeds: [channelsFeed(context, options)],
    routes: [publishRoute(context, options), ...(options.root ? [rootPublishRoute(context, options)] : [])],
  };
}

function channelsFeed(context: BackendContext, options: PublishOptions): Feed {
  // Browsers speak here too, and nothing tells them from backends: it stays in the dialect (SEC-16).
  const feed = feedFor(context, (address) => isOpen(context, address));
  return {
    ...feed,
    // What came by one of our own routes was read there.
    decode: (message) =>
      message.meaning?.dialect === dialectName ? message.meaning.publication : feed.decode(message),
    ofMeant: feedFor(context, (address) => isOpen(context, address) || isSaidOnce(context, options, address)),
  };
}

/** @param isForAll for the clients of all dialects, not of this one alone? */
function feedFor({ limits }: BackendContext, isForAll: (address: Place) => boolean): Feed {
  return prefixFeed({
    prefix: redisPrefix,
    canary,
    decode(name, payload) {
      const address = readAddress(name, limits.nameBytes);
      if (typeof address === "string") return junk(address);
      if (address.kind === "none") return notForUs("name_empty");
      return toPublication({ address, payload }, isForAll(address));
    },
  });
}

function toPublication(
  { address: { kind, path }, payload, text }: Omit<Message, "name">,
  isForAll: boolean,
): RawPublication {
  const target = kind === "tree" ? toTree(path) : toRooms([path]);
  return new RawPublication(target, payload, {
    ...(text !== undefined && { frame: text }),
    ...(!isForAll && { only: dialectName }),
  });
}

/** Trees are of this dialect alone. */
function isOpen({ isOpenRoom }: BackendContext, { kind, path }: Place): boolean {
  return kind === "channel" && isOpenRoom(path);
}

/** Is what a backend says here for the other dialects, too, though the room is not open? It showed the secret (SEC-16). */
function isForOthers(context: BackendContext, { openPublish }: PublishOptions, address: Place): boolean {
  return !openPublish && address.kind === "channel" && !isOpen(context, address);
}

/** Is it said to all dialects by one message? A bus that hands on its meaning says so to them; a log hears the broker alone. */
function isSaidOnce(context: BackendContext, options: PublishOptions, address: Place): boolean {
  const { bus, isLogged } = context;
  return isForOthers(context, options, address) && bus.carriesMeaning === true && !isLogged(address.path);
}

/** On the empty name, which reaches no client, in this gateway as in the original (WSC-03). */
const canary = textCanary(redisPrefix, "belfry canary");

/** `POST /publish`. */
export function publishRoute(context: BackendContext, options: PublishOptions): Route {
  const read: BackendPost["read"] = (body) =>
    // What is no string goes out as its JSON text, digit for digit.
    [...readJsonBody(body, readObject)].flatMap(([name, raw]) => {
      // On the wire, half of a surrogate pair is U+FFFD.
      const text = (readString(raw) ?? raw).toWellFormed();
      return published(context, options, {
        ...readName(context, name),
        payload: Buffer.from(text),
        text,
      });
    });
  return { path: "/publish", isPrefix: false, fetch: createPost(context, options, read) };
}

/** `POST /<channel>`, behind everything else on the port (RTE-01). */
export function rootPublishRoute(context: BackendContext, options: PublishOptions): Route {
  const post = createPost(context, options, (body, { path }) =>
    published(context, options, { ...readName(context, decodePath(path.slice(1))), payload: asBuffer(body) }),
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
function readName({ limits }: BackendContext, given: string | undefined): Pick<Message, "name" | "address"> {
  const name = given && withoutLeadingSlashes(given);
  if (name === "") throw bodyInvalid("Expected a channel, got an empty name");
  const address = name === undefined ? "name_invalid" : readAddress(name, limits.nameBytes);
  if (name !== undefined && typeof address !== "string" && address.kind !== "none") return { name, address };
  const bound = `${limits.nameBytes} bytes and ${maxSegments} segments`;
  throw bodyInvalid(`Expected channels in UTF-8 of at most ${bound}`);
}

function withoutLeadingSlashes(name: string): string {
  return name.replace(/^\/+/, "");
}

/**
 * On `websocket:*` a message stays in the dialect, unless its room is open (SEC-16). One that came with the secret is for the
 * clients of the other dialects, too: where its own message does not say so, the broker carries it to them.
 */
function published(context: BackendContext, options: PublishOptions, message: Message): readonly Published[] {
  const { name, address, payload } = message;
  const isOnce = isSaidOnce(context, options, address);
  const publication = toPublication(message, isOpen(context, address) || isOnce);
  const outgoing = {
    channel: `${redisPrefix}${name}`,
    payload,
    meaning: { dialect: dialectName, publication, bytes: payload.length },
  };
  if (isOnce || !isForOthers(context, options, address)) return [outgoing];
  return [outgoing, new RawPublication(toRooms([address.path]), payload, { not: dialectName })];
}
