// Which handshakes are admitted, and with which rights: the way from a request to a client, in the order of the original, with
// its errors (W4R-04, W4R-10). What cannot be decided is refused (SEC-02).

import type { RefusalReason } from "../../vocabulary/reasons.ts";
import type { Exchange } from "../../server/route.ts";
import { compileGlobs } from "../../base/glob.ts";
import { textAnswer } from "../../base/http.ts";
import type { Identity } from "../../core/identity.ts";
import type { FoundIdentity, IdentityRequest, IdentityResult } from "../../proofs/identity-source.ts";
import { IdentityRecheck } from "../raw/identity-recheck.ts";
import { RawConnection } from "../raw/raw-connection.ts";
import type { RawDialect } from "../raw/raw-connection.ts";
import { Refusals } from "../raw/refusals.ts";
import { FacilityClient } from "./client.ts";
import type { Ws4redisContext } from "./client.ts";
import { dialectName, roomOf } from "./names.ts";
import { channelNames, compileAllowed, isFacility, readTokens } from "./query.ts";
import type { AllowedChannels, ChannelName } from "./query.ts";
import { clientNames, roomsOf } from "./client-names.ts";
import type { Grant } from "./client-names.ts";

/** The versions that the original took; the frames are the same. */
const versions: ReadonlySet<string> = new Set(["13", "8", "7"]);

/** The room of the broadcasts of the empty facility. */
const emptyFacilityRoom = roomOf("broadcast", { name: undefined, facility: "" });

interface AdmissionParts extends Ws4redisContext {
  readonly dialect: RawDialect;
}

/** A handshake that has a place, and waits for its identity. */
interface Handshake {
  readonly request: Request;
  readonly facility: string;
  /** The names of its query. */
  readonly tokens: ReadonlySet<string>;
  /** Those of them that `allowedChannels` allows. */
  readonly channels: readonly ChannelName[];
  readonly identityRequest: IdentityRequest;
  /** What limits count it by. */
  readonly address: string;
  /** Gives back its place. */
  readonly release: () => void;
}

type Answer = RawConnection | Response;

export class Admission {
  readonly #parts: AdmissionParts;
  readonly #refusals: Refusals;
  readonly #allowed: AllowedChannels;
  readonly #mayPublish: (facility: string) => boolean;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#refusals = new Refusals(parts.context.observe, dialectName);
    this.#allowed = compileAllowed(parts.options.allowedChannels);
    this.#mayPublish = compileGlobs(parts.options.publish);
  }

  judge(request: Request, exchange: Exchange, facility: string): Answer | Promise<Answer> {
    const fault = requestFault(request, true);
    if (fault) return this.#refusals.refuse("handshake", fault);
    const { context } = this.#parts;
    const { nameBytes } = context.limits;
    if (!isFacility(facility, nameBytes)) {
      const text = `Expected a facility in UTF-8 of at most ${nameBytes} bytes\n`;
      return this.#refusals.refuse("facility_invalid", textAnswer(400, text));
    }
    if (this.#isForged(request, exchange)) return this.#refusals.refuseOrigin(exchange);
    const tokens = readTokens(exchange.query);
    const named = channelNames.filter((name) => tokens.has(name));
    const channels = this.#allowed(facility, named);
    if (!channels) return this.#deny("channels_denied");
    // Before the identity is looked up: that is the most work (T12).
    const release = context.admit(exchange.countedAs);
    if (!release) return this.#refusals.refuseFull();
    const identityRequest: IdentityRequest = {
      facility,
      channels,
      path: exchange.path,
      query: new URL(request.url).search.slice(1),
      origin: exchange.origin,
      remote: exchange.address,
    };
    return this.#identify({
      request,
      facility,
      tokens,
      channels,
      identityRequest,
      address: exchange.countedAs,
      release,
    });
  }

  /** A request that asks for no websocket, or no longer does since a proxy had it. */
  refusePlain(request: Request): Response {
    const fault = requestFault(request, false) ?? textAnswer(404, "Not found\n");
    return request.method === "GET"
      ? this.#refusals.refusePlain(request, "handshake", fault)
      : this.#refusals.refuse("handshake", fault);
  }

  #identify(handshake: Handshake): Answer | Promise<Answer> {
    const { request, identityRequest, release } = handshake;
    const found = this.#parts.context.identity.identify(request, identityRequest);
    // Most pages show no proof of an identity: their answer needs no wait.
    if (!(found instanceof Promise)) return this.#decide(handshake, found);
    return found.then(
      (identity) => this.#decide(handshake, identity),
      (error: unknown) => {
        release();
        throw error;
      },
    );
  }

  /** A handshake that is refused gives its place back. */
  #decide(handshake: Handshake, identity: IdentityResult): Answer {
    let isAdmitted = false;
    try {
      const answer = this.#judgeIdentity(handshake, identity);
      isAdmitted = !(answer instanceof Response);
      return answer;
    } finally {
      if (!isAdmitted) handshake.release();
    }
  }

  #judgeIdentity(handshake: Handshake, identity: IdentityResult): Answer {
    const { request, facility, identityRequest } = handshake;
    if (identity.kind === "denied") return this.#deny(identity.reason);
    if (identity.kind === "unavailable") {
      const text = "Expected to find out who you are: try again later\n";
      return this.#refusals.refuse(identity.reason, textAnswer(503, text, { "retry-after": "1" }));
    }
    const channels = handshake.channels.filter((name) => this.#isPermitted(name, facility, identity));
    const grant = { facility, channels, identity };
    if (!this.#mayEnter(grant, identityRequest.remote)) return this.#deny("room_denied");
    const fault = websocketFault(request);
    if (fault) return this.#refusals.refuse("handshake", fault);
    // The engine knows 13 alone; the frames of 8 and 7 are the same.
    request.headers.set("sec-websocket-version", "13");
    return this.#admit(handshake, grant);
  }

  #admit(handshake: Handshake, grant: Grant): RawConnection {
    const { context, options, dialect } = this.#parts;
    const { channels, identity } = grant;
    const names = clientNames(grant, options, context);
    for (let count = names.refused; count > 0; count--) context.observe.refused(dialectName, "name_unsafe");
    const echo = options.echo ?? (options.naming === "legacy" ? "always" : "asked");
    const client = new FacilityClient(this.#parts, {
      names,
      address: handshake.address,
      release: handshake.release,
      hasEcho: echo === "always" || handshake.tokens.has("echo"),
      protocol: subprotocol(handshake.request),
      identity,
      recheck: this.#recheckOf(handshake, identity),
      closeReason: isWithoutSession(channels, identity) ? "no_session" : undefined,
    });
    return new RawConnection(dialect, client);
  }

  #recheckOf({ request, identityRequest }: Handshake, identity: FoundIdentity): IdentityRecheck | undefined {
    const { context } = this.#parts;
    const { recheckMs } = context.identity;
    if (recheckMs === undefined) return undefined;
    return new IdentityRecheck(
      context,
      { identity, request, identityRequest, isPublic: isPublic(identityRequest) },
      recheckMs,
    );
  }

  /** Another site's page would speak with the visitor's cookie (W4R-16), or with a password that the browser keeps. */
  #isForged({ headers }: Request, { origin, isOwnOrigin, isOriginAllowed }: Exchange): boolean {
    if (!this.#parts.context.identity.readsCookies || !isSentUnasked(headers)) return false;
    // The origin's name in the versions 8 and 7, which the listener does not judge.
    if (headers.has("sec-websocket-origin")) return true;
    return origin !== undefined && !isOwnOrigin && !isOriginAllowed;
  }

  /** By the source of its identity (W4R-13), by what browsers may publish here at all (W4R-17), and by the rooms' rules. */
  #isPermitted(name: ChannelName, facility: string, identity: FoundIdentity): boolean {
    if (identity.channels && !identity.channels.includes(name)) return false;
    if (!name.startsWith("publish-")) return true;
    const { rules } = this.#parts.context;
    const rooms = roomsOf({ facility, channels: [name], identity }, ["publish"]);
    const isClosed = rooms.some((room) => rules.ruleOf(room).publish === "none");
    if (!isClosed && this.#mayPublish(facility)) return true;
    this.#refusePublish(facility);
    return false;
  }

  #refusePublish(facility: string): void {
    const { observe } = this.#parts.context;
    observe.refused(dialectName, "publish_closed");
    const text =
      "A page asked for publish-* at a facility where clients may not publish, and what it sends is dropped: open it by its" +
      " name in ws4redis.publish (--ws4redis-publish, WS4REDIS_PUBLISH), and by no rule of `rooms` with publish: none";
    observe.hint("publish_closed", { fields: { dialect: dialectName, text }, names: { facility } });
  }

  /** The rooms of a facility are rooms like any other: the rule of rooms decides (SEC-10). */
  #mayEnter(grant: Grant, address: string): boolean {
    const { access } = this.#parts.context;
    const { facility, identity } = grant;
    const request = { namespace: "/", identity, secret: undefined, address, client: this };
    return roomsOf(grant, ["subscribe", "publish"]).every(
      // That of the empty facility is a room of this dialect alone.
      (room) =>
        (facility === "" && room === emptyFacilityRoom) || access.judge({ room, ...request }) === "allowed",
    );
  }

  /** The same words for each reason: they must not tell which facilities and channels exist (T16). */
  #deny(reason: RefusalReason): Response {
    const answer = textAnswer(403, "Expected a facility and channels that you may have\n");
    return this.#refusals.refuse(reason, answer);
  }
}

/** What is wrong before the identity is looked up. */
export function requestFault(request: Request, isUpgrade: boolean): Response | undefined {
  if (request.method !== "GET") return textAnswer(400, "HTTP method must be a GET\n");
  return isUpgrade ? undefined : textAnswer(400, "Client does not wish to upgrade to a websocket\n");
}

/** What is wrong with the websocket part, which is looked at last. */
export function websocketFault({ headers }: Request): Response | undefined {
  const version = headers.get("sec-websocket-version");
  const supported = { "sec-websocket-version": "13", upgrade: "websocket" };
  if (version === null) return textAnswer(426, "Sec-WebSocket-Version header is missing\n", supported);
  if (!versions.has(version)) {
    const shown = /^\d{1,3}$/.test(version) ? `: ${version}` : "";
    return textAnswer(400, `Unsupported WebSocket Version${shown}\n`, { "sec-websocket-version": "13" });
  }
  const key = headers.get("sec-websocket-key")?.trim() ?? "";
  if (key === "") return textAnswer(400, "Sec-WebSocket-Key header is missing/empty\n");
  return /^[A-Za-z0-9+/]{22}==$/.test(key) ? undefined : textAnswer(400, "Invalid key\n");
}

/** The first that the client offers (W4R-11); undefined: none is offered, or it is no name (RFC 6455 section 4.1). */
export function subprotocol({ headers }: Request): string | undefined {
  const first = headers.get("sec-websocket-protocol")?.split(",")[0]?.trim() ?? "";
  return /^[!#$%&'*+.^`|~\w-]{1,256}$/.test(first) ? first : undefined;
}

/** Browsers add these by themselves, whatever page opens the websocket; a Bearer token they never add. */
function isSentUnasked(headers: Headers): boolean {
  const authorization = headers.get("authorization");
  return headers.has("cookie") || (authorization !== null && !/^bearer\b/i.test(authorization));
}

/** It asked for its session's messages alone, and has no session (W4R-15). */
function isWithoutSession(channels: readonly ChannelName[], { session }: Identity): boolean {
  return session === undefined && channels.length > 0 && channels.every((name) => name.endsWith("-session"));
}

/** It asks for nothing but public broadcasts, which need no identity. */
export function isPublic({ facility, channels }: Pick<IdentityRequest, "facility" | "channels">): boolean {
  return !facility.includes("::") && channels.every((name) => name.endsWith("-broadcast"));
}
