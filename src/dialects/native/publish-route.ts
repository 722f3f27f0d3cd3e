// The HTTP doors of backends: `POST /api/publish` with JSON, `POST /rooms/<room>` with a bare body (README.md). Who may
// publish is judged first; everything is checked before anything is published.

import { percentDecoded } from "../../base/http.ts";
import { hasOnly, isJson, readArray, readMembers, readString, stringMember } from "../../codec/json.ts";
import type { Members } from "../../codec/json.ts";
import { RawPublication } from "../../codec/raw-publication.ts";
import { isRoomName, isRoomTooLong } from "../../core/room-name.ts";
import type { PublishOptions, Receipt } from "../../core/broker.ts";
import type { BackendContext } from "../dialect.ts";
import type { Exchange, Route } from "../../server/route.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import type { Publication } from "../../core/publication.ts";
import { readUtf8 } from "../../codec/utf8.ts";
import { backendDoor, bearerRefusal, bodyInvalid, demandReady, readJsonBody } from "../kit/backend-post.ts";
import type { BackendDoor } from "../kit/backend-post.ts";
import { toRooms } from "../raw/format.ts";
import { answer, errorFields, problemAnswer } from "../../base/problem.ts";
import { revokeRoute } from "./revoke-route.ts";
import { ticketRoute } from "./ticket-route.ts";
import { dialectName, isEventName, maxKeyLength, readBase64, readCount } from "./packet.ts";

export const apiPath = "/api/publish";
export const roomsPath = "/rooms";

/** Of one publication. */
const memberNames = ["room", "rooms", "event", "data", "binary", "key", "version"] as const;
/** In the query of `POST /rooms/<room>`. */
const queryNames = ["event", "key", "version"] as const;

export const maxRooms = 100;
export const maxPublications = 100;

/** None without a publish secret: there is no unauthenticated mode. */
export function publishRoutes(context: BackendContext): readonly Route[] {
  if (!context.checkSecret) return [];
  const door: BackendDoor = {
    dialect: dialectName,
    maxBytes: context.limits.httpBodyBytes,
    refusal: (request, exchange) => bearerRefusal(context, door, { request, sender: exchange }),
    refused: problemAnswer,
  };
  const publishJson = backendDoor(context, door, (body, { query }) => {
    checkNames(query, []);
    const members = readJsonBody(body, readMembers);
    if (!members.has("publications")) return publish(context, readOrder(context, members)).then(done);
    return publishAll(context, readBatch(context, members)).then((results) => done({ results }));
  });
  const publishBare = backendDoor(context, door, (body, exchange, request) => {
    if (isJsonType(request) && !isJsonBody(body))
      throw bodyInvalid("Expected the body to be JSON in UTF-8, as its Content-Type says");
    return publish(context, readBare(context, body, exchange)).then(done);
  });
  return [
    { path: apiPath, isPrefix: false, fetch: publishJson },
    ticketRoute(context, door),
    revokeRoute(context, door),
    // On a shared port, GETs and websockets below it may be another dialect's.
    { path: roomsPath, isPrefix: true, accepts: acceptsPost, fetch: publishBare },
  ];
}

function done(result: object): Response {
  return answer(200, result);
}

function acceptsPost({ method }: Request, { path }: Exchange): "yes" | "no" {
  return method === "POST" && path.length > roomsPath.length + 1 ? "yes" : "no";
}

/** What a door wants to publish. */
interface Order {
  readonly publication: Publication;
  readonly options: PublishOptions;
}

/** A misspelt `key` or `version` would guard nothing. @param names those that the query may have. */
function checkNames(query: URLSearchParams, names: readonly string[]): void {
  if (query.size === 0) return;
  const given = [...query.keys()];
  if (new Set(given).size === given.length && given.every((name) => names.includes(name))) return;
  throw bodyInvalid(
    names.length === 0
      ? "Expected no query, got one"
      : `Expected only ${listed(names)} in the query, each of them once at most, got another`,
  );
}

function listed(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

/** Everything is checked before anything is published. */
function readBatch(context: BackendContext, members: Members): readonly Order[] {
  if (!hasOnly(members, ["publications"]))
    throw bodyInvalid("Expected `publications` alone, got another member beside it");
  const items = readArray(members.get("publications") ?? "");
  if (!items || items.length === 0 || items.length > maxPublications)
    throw bodyInvalid(`Expected \`publications\` to be a list of 1 to ${maxPublications}`);
  return items.map((text) => {
    const item = readMembers(text);
    if (!item) throw bodyInvalid("Expected each of `publications` to be an object");
    return readOrder(context, item);
  });
}

function readOrder(context: BackendContext, members: Members): Order {
  if (!hasOnly(members, memberNames))
    throw bodyInvalid(`Expected only the members ${listed(memberNames)}, got another`);
  const version = members.get("version");
  const options = readOptions(stringMember(members, "key"), version === "null" ? undefined : version);
  return { publication: readPublication(context, members), options };
}

function readOptions(key: string | null | undefined, version: string | undefined): PublishOptions {
  if (key === undefined || key === "" || (key !== null && key.length > maxKeyLength))
    throw bodyInvalid(`Expected \`key\` to be a string of 1 to ${maxKeyLength} characters`);
  const count = version === undefined ? undefined : readCount(version);
  if (version !== undefined && count === undefined)
    throw bodyInvalid("Expected `version` to be a whole number from 0 to 2^53 - 1");
  return { key: key ?? undefined, version: count };
}

function readPublication(context: BackendContext, members: Members): Publication {
  const target = toRooms(readRooms(context, members));
  const event = readEvent(context, stringMember(members, "event"));
  const binary = stringMember(members, "binary");
  const data = members.get("data");
  if (typeof binary === "string") {
    const bytes = readBase64(binary);
    if (!bytes || data !== undefined || event !== undefined)
      throw bodyInvalid("Expected `binary` to be base64, without `data` and `event`");
    return new RawPublication(target, bytes);
  }
  if (binary === undefined || data === undefined) throw bodyInvalid("Expected `data`, or `binary` as base64");
  return eventPublication(target, event ?? "message", data);
}

function readRooms({ limits }: BackendContext, members: Members): readonly string[] {
  const one = stringMember(members, "room");
  const list = members.get("rooms");
  const rooms = list === undefined ? [one] : readArray(list)?.map(readString);
  const isOne = (one === null) !== (list === undefined);
  if (!rooms || !isOne || rooms.length === 0 || rooms.length > maxRooms)
    throw bodyInvalid(`Expected \`room\` to be a string, or \`rooms\` a list of 1 to ${maxRooms} of them`);
  return rooms.map((room) => checkRoom(room, limits.nameBytes));
}

function checkRoom(room: string | null | undefined, maxBytes: number): string {
  if (typeof room === "string" && isRoomName(room) && !isRoomTooLong(room, maxBytes)) return room;
  throw bodyInvalid(
    `Expected the name of a room to be 1 to ${maxBytes} bytes of UTF-8, without control characters`,
  );
}

function readEvent({ limits }: BackendContext, event: string | null | undefined): string | undefined {
  if (event === null) return undefined;
  if (event !== undefined && isEventName(event, limits.nameBytes)) return event;
  throw bodyInvalid(
    `Expected \`event\` to be a string of 1 to ${limits.nameBytes} bytes, and no reserved name`,
  );
}

/** `POST /rooms/<room>`. */
function readBare(context: BackendContext, body: Uint8Array, exchange: Exchange): Order {
  const { query } = exchange;
  checkNames(query, queryNames);
  const options = readOptions(query.get("key"), query.get("version") ?? undefined);
  return { publication: readBarePublication(context, body, exchange), options };
}

function readBarePublication(
  context: BackendContext,
  body: Uint8Array,
  { path, query }: Exchange,
): Publication {
  const room = checkRoom(percentDecoded(path.slice(roomsPath.length + 1)), context.limits.nameBytes);
  const event = readEvent(context, query.get("event"));
  if (event === undefined) return new RawPublication(toRooms([room]), body);
  const text = readUtf8(body);
  if (text === undefined) throw bodyInvalid("Expected the body of an event to be UTF-8");
  return textEvent(toRooms([room]), event, text);
}

function isJsonType({ headers }: Request): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(headers.get("content-type") ?? "");
}

function isJsonBody(body: Uint8Array): boolean {
  const text = readUtf8(body);
  return text !== undefined && isJson(text);
}

/** @param text JSON, or else what becomes a string of it. */
export function textEvent(target: ReturnType<typeof toRooms>, event: string, text: string): Publication {
  return eventPublication(target, event, isJson(text) ? text : JSON.stringify(text));
}

/** @param data JSON text. */
function eventPublication(target: ReturnType<typeof toRooms>, event: string, data: string): Publication {
  const { namespace, rooms, except, skip } = target;
  return {
    kind: "publication",
    namespace,
    rooms,
    except,
    skip,
    event,
    args: [data],
    attachments: [],
    volatile: false,
  };
}

/** What is answered of a room with a log. */
interface RoomResult {
  readonly stored?: string | undefined;
  readonly repeated?: true | undefined;
}

/** What is answered of a receipt. */
interface Result extends RoomResult {
  readonly delivered?: number | undefined;
  readonly rooms?: Readonly<Record<string, object>> | undefined;
}

/** Throws at once where the bus is not ready. */
function publish({ broker, bus }: BackendContext, { publication, options }: Order): Promise<Result> {
  demandReady(bus);
  return broker.publish(publication, options).then(resultOf);
}

function resultOf(receipt: Receipt): Result {
  const { delivered, rooms } = receipt;
  if (!rooms) return { delivered, ...roomResultOf(receipt) };
  const results = [...rooms].map(
    ([room, one]) => [room, one instanceof GatewayError ? errorFields(one) : roomResultOf(one)] as const,
  );
  return { delivered, rooms: Object.fromEntries(results) };
}

function roomResultOf({ stored, isRepeated }: Pick<Receipt, "stored" | "isRepeated">): RoomResult {
  return { stored, repeated: isRepeated === true ? true : undefined };
}

/** One that is refused leaves the others be. All in one turn: the broker keeps their order. */
async function publishAll(context: BackendContext, orders: readonly Order[]): Promise<readonly object[]> {
  return Promise.all(
    orders.map(async (order) => {
      try {
        return await publish(context, order);
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        context.observe.refused(dialectName, error.code);
        return errorFields(error);
      }
    }),
  );
}
