// Who may come in, and with which rights: the handshake's way from its request to a client, in the order of the original
// (W4R-04, W4R-10). Whatever cannot be decided keeps the visitor out (SEC-02).

import type { Exchange } from "../../core/dialect.ts";
import { compileGlobs } from "../../core/glob.ts";
import { textAnswer } from "../../core/http.ts";
import { hasLostUpgrade, hintAtOrigin, hintAtUpgrade } from "../../core/hints.ts";
import type { Asked, Identity, IdentityResult } from "../../core/identity.ts";
import { RawConnection } from "../raw/raw-connection.ts";
import type { RawDialect } from "../raw/raw-connection.ts";
import { compileAllowed } from "./allowed.ts";
import type { AllowedChannels } from "./allowed.ts";
import { channelNames, isFacility, readTokens } from "./channels.ts";
import type { ChannelName } from "./channels.ts";
import { requestFault, subprotocol, websocketFault } from "./handshake.ts";
import { dialectName, roomOf } from "./names.ts";
import { Recheck } from "./recheck.ts";
import type { Known } from "./recheck.ts";
import { askedRooms, rightsOf } from "./rights.ts";
import type { Visit } from "./rights.ts";
import { Visitor } from "./visitor.ts";
import type { House } from "./visitor.ts";

/** Where the broadcasts of the empty facility are heard. */
const ownRoom = roomOf("broadcast", { name: undefined, facility: "" });

interface AdmissionParts extends House {
  readonly dialect: RawDialect;
}

/** What a handshake asks for. */
interface Wish {
  readonly facility: string;
  readonly tokens: ReadonlySet<string>;
  readonly channels: readonly ChannelName[];
  /** Gives back its place. */
  readonly release: () => void;
}

type Answer = RawConnection | Response;

export class Admission {
  readonly #parts: AdmissionParts;
  readonly #allowed: AllowedChannels;
  readonly #mayPublish: (facility: string) => boolean;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#allowed = compileAllowed(parts.options.allowedChannels);
    this.#mayPublish = compileGlobs(parts.options.publish);
  }

  judge(request: Request, exchange: Exchange, facility: string): Answer | Promise<Answer> {
    const fault = requestFault(request, true);
    if (fault) return this.refuse("handshake", fault);
    const { limits } = this.#parts.context;
    if (!isFacility(facility, limits.nameBytes)) {
      const text = `Expected a facility in UTF-8 of at most ${limits.nameBytes} bytes\n`;
      return this.refuse("facility_invalid", textAnswer(400, text));
    }
    if (this.#isForged(request, exchange)) return this.#refuseOrigin(exchange);
    const tokens = readTokens(exchange.query);
    const asked = channelNames.filter((name) => tokens.has(name));
    const channels = this.#allowed(facility, asked);
    if (!channels) return this.#deny("channels_denied");
    // Before anybody is asked who it is: that is the most work (T12).
    const release = this.#parts.context.admit(exchange.countedAs);
    if (!release) return textAnswer(503, "Expected fewer connections\n", { "retry-after": "1" });
    return this.#identify(request, exchange, { facility, tokens, channels, release });
  }

  /** What asks for no websocket, or does no more since a proxy had it. */
  refusePlain(request: Request): Response {
    const isLost = request.method === "GET" && hasLostUpgrade(request);
    if (isLost) hintAtUpgrade(this.#parts.context.observe, dialectName);
    const answer = requestFault(request, false) ?? textAnswer(404, "Not found\n");
    return this.refuse(isLost ? "upgrade_missing" : "handshake", answer);
  }

  /** Counts a refusal on its way out. */
  refuse(reason: string, answer: Response): Response {
    this.#parts.context.observe.refused(dialectName, reason);
    return answer;
  }

  #identify(request: Request, exchange: Exchange, wish: Wish): Answer | Promise<Answer> {
    const asked: Asked = {
      facility: wish.facility,
      channels: wish.channels,
      path: exchange.path,
      query: new URL(request.url).search.slice(1),
      origin: exchange.origin,
      remote: exchange.address,
    };
    const visit = { ...wish, asked };
    const found = this.#parts.context.identity.identify(request, asked);
    // Most pages show nothing, and need not wait for anybody.
    if (!(found instanceof Promise)) return this.#decide(request, found, visit);
    return found.then(
      (identity) => this.#decide(request, identity, visit),
      (error: unknown) => {
        wish.release();
        throw error;
      },
    );
  }

  /** Whoever does not come in gives the place back. */
  #decide(request: Request, identity: IdentityResult, visit: Wish & Pick<Known, "asked">): Answer {
    let isAdmitted = false;
    try {
      const answer = this.#judgeIdentity(request, identity, visit);
      isAdmitted = !(answer instanceof Response);
      return answer;
    } finally {
      if (!isAdmitted) visit.release();
    }
  }

  #judgeIdentity(request: Request, identity: IdentityResult, visit: Wish & Pick<Known, "asked">): Answer {
    const { facility, channels } = visit;
    if (identity.kind === "denied") return this.#deny(identity.reason);
    if (identity.kind === "unavailable") {
      const text = "Expected to find out who you are: try again later\n";
      return this.refuse(identity.reason, textAnswer(503, text, { "retry-after": "1" }));
    }
    const permitted = channels.filter((name) => this.#isPermitted(name, facility, identity));
    const wanted = { facility, channels: permitted, identity };
    if (!this.#mayEnter(wanted, visit.asked.remote)) return this.#deny("room_denied");
    const fault = websocketFault(request);
    if (fault) return this.refuse("handshake", fault);
    // The engine knows 13 alone; the frames of 8 and 7 are the same.
    request.headers.set("sec-websocket-version", "13");
    return this.#admit(request, { ...visit, ...wanted });
  }

  #admit(request: Request, visit: Visit & Wish & Pick<Known, "asked">): RawConnection {
    const { context, options, dialect } = this.#parts;
    const rights = rightsOf(visit, options, context);
    for (let count = rights.refused; count > 0; count--) context.observe.refused(dialectName, "name_unsafe");
    const { channels, identity, tokens, asked, release } = visit;
    const { recheckMs } = context.identity;
    const isAlways = (options.echo ?? (options.naming === "legacy" ? "always" : "asked")) === "always";
    const visitor = new Visitor(this.#parts, {
      rights,
      release,
      hearsItself: isAlways || tokens.has("echo"),
      protocol: subprotocol(request),
      expiresAt: context.now() + (identity.expiresAtMs ?? Number.POSITIVE_INFINITY) - Date.now(),
      recheck:
        recheckMs === undefined ? undefined : new Recheck(context, { request, asked, identity }, recheckMs),
      farewell: isWithoutSession(channels, identity) ? "no_session" : undefined,
    });
    return new RawConnection(dialect, visitor);
  }

  /** Another site's page would speak with the visitor's cookie (W4R-16), or with a password that the browser keeps. */
  #isForged({ headers }: Request, { origin, isOwnOrigin, isOriginAllowed }: Exchange): boolean {
    if (!this.#parts.context.identity.readsCookies || !isSentUnasked(headers)) return false;
    // Its name in the versions 8 and 7: nobody judged that one.
    if (headers.has("sec-websocket-origin")) return true;
    return origin !== undefined && !isOwnOrigin && !isOriginAllowed;
  }

  #refuseOrigin(exchange: Exchange): Response {
    hintAtOrigin(this.#parts.context.observe, dialectName, exchange);
    return this.refuse("origin", textAnswer(403, "Expected an origin that may connect\n"));
  }

  /** By the source of its identity (W4R-13), by what browsers may publish here at all (W4R-17), and by the rooms' rules. */
  #isPermitted(name: ChannelName, facility: string, identity: Identity): boolean {
    if (identity.channels && !identity.channels.includes(name)) return false;
    if (!name.startsWith("publish-")) return true;
    const { rules } = this.#parts.context;
    const rooms = askedRooms({ facility, channels: [name], identity }, ["publish"]);
    const isSilent = rooms.some((room) => rules.ruleOf(room).publish === "none");
    if (!isSilent && this.#mayPublish(facility)) return true;
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
  #mayEnter(visit: Visit, address: string): boolean {
    const { access } = this.#parts.context;
    const shown = { namespace: "/", identity: visit.identity, secret: undefined, address, client: this };
    return askedRooms(visit, ["subscribe", "publish"]).every(
      // The broadcasts of the empty facility are a room of this dialect alone.
      (room) => (visit.facility === "" && room === ownRoom) || access.enter({ room, ...shown }) === "allowed",
    );
  }

  /** The same words for all of them: which it was is nobody's business (T16). */
  #deny(reason: string): Response {
    return this.refuse(reason, textAnswer(403, "Expected a facility and channels that you may have\n"));
  }
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
