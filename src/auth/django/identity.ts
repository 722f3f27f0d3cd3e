// Who the visitor of a handshake is (DJS-01): the auth callback, then a JSON Web Token, then Django's session; the
// first that is configured and answers is the whole answer. After a failure on the way no visitor is admitted (SEC-02).

import type { KeyStore } from "../../core/keys.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { anonymous } from "../../core/identity.ts";
import type { Identity } from "../../core/identity.ts";
import type { IdentityRequest, IdentityResult, IdentitySource } from "../../proofs/identity-source.ts";
import type { Observe } from "../../core/observe.ts";
import { askCallback } from "./callback.ts";
import { readCookie } from "../cookies.ts";
import { createJwtSource } from "./jwt.ts";
import type { JwtSource } from "./jwt.ts";
import { readsCookies } from "./options.ts";
import type { IdentityOptions } from "./options.ts";
import { boundGroups } from "../result.ts";
import type { Fetch } from "../result.ts";
import { findSession } from "./sessions.ts";
import type { SessionFields } from "./session-value.ts";
import { findUsername, readUsernameMapping, userId } from "./username.ts";

/** As metrics name it. */
const label = "django";

export interface IdentityParts {
  readonly options: IdentityOptions;
  /** Where Django keeps its sessions. */
  readonly store: Pick<KeyStore, "getBytes" | "getField">;
  readonly fetch: Fetch;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly observe: Observe;
}

/** @param parts options that `identityProblem` had nothing against */
export function createIdentity(parts: IdentityParts): IdentitySource {
  const { options, fetch, now } = parts;
  const { jwt } = options;
  const tokens = jwt && createJwtSource({ options: jwt, fetch, nowMs: now });
  return {
    readsCookies: readsCookies(options),
    recheckMs: options.recheck === undefined ? undefined : options.recheck * 60_000,
    identify(request, asked) {
      const isAsked = options.callbackUrl !== undefined || tokens !== undefined;
      return isAsked || hasSession(request, options)
        ? identify(request, asked, { ...parts, tokens })
        : anonymous;
    },
  };
}

type Sources = IdentityParts & { readonly tokens: JwtSource | undefined };

function hasSession({ headers }: Request, { cookieName }: IdentityOptions): boolean {
  return readCookie(headers.get("cookie"), cookieName) !== undefined;
}

async function identify(request: Request, asked: IdentityRequest, sources: Sources): Promise<IdentityResult> {
  const result = await ask(request, asked, sources);
  if (result.kind !== "identity") sources.observe.refused(label, result.reason);
  return result;
}

async function ask(request: Request, asked: IdentityRequest, sources: Sources): Promise<IdentityResult> {
  const { options, fetch, tokens, observe } = sources;
  try {
    if (options.callbackUrl !== undefined) {
      const timeoutMs = options.callbackTimeout * 1_000;
      return await askCallback(request, asked, { url: options.callbackUrl, timeoutMs, fetch });
    }
    return (await tokens?.(request, asked)) ?? (await askSession(request, asked, sources));
  } catch (error) {
    // A lost bus is known already (readiness is red): no line for each of the visitors that come back.
    if (!(error instanceof GatewayError)) observe.report("identity", error);
    return needsIdentity(asked) ? { kind: "unavailable", reason: "session_unavailable" } : anonymous;
  }
}

/** Broadcasts of a public facility are for anybody; a room with a room-space asks who comes (DJS-05). */
function needsIdentity({ channels, facility }: IdentityRequest): boolean {
  return facility.includes("::") || channels.some((channel) => !channel.endsWith("-broadcast"));
}

async function askSession(
  request: Request,
  asked: IdentityRequest,
  { options, store, now, observe }: Sources,
): Promise<IdentityResult> {
  const cookie = readCookie(request.headers.get("cookie"), options.cookieName);
  if (cookie === undefined) return anonymous;
  const session = await findSession(cookie, { options, store, nowSeconds: () => now() / 1_000 });
  if (session.kind === "found") {
    const who = await whoIs(session.fields, { options, store });
    const isNameless = who.user === undefined && userId(session.fields) !== undefined;
    if (isNameless && asked.channels.some((channel) => channel.endsWith("-user"))) sayNameless(observe);
    return { ...who, session: session.key };
  }
  observe.skipped(label, session.reason);
  return anonymous;
}

/** Logged in without a user name: its user channel stays closed (DJS-09). */
function sayNameless(observe: Observe): void {
  observe.refused(label, "user_unnamed");
  const text =
    "A visitor who is logged in asked for messages to its user, and its session names no user: say where names are by" +
    " identity.username (WS4REDIS_USERNAME=session:<key>, hash:<redis key> or pk), or ask Django by" +
    " identity.callbackUrl (WS4REDIS_AUTH_URL)";
  observe.hint("user_unnamed", { fields: { text } });
}

type Who = Pick<Sources, "options" | "store">;

/** Upstream, too, gave user and groups only to whom Django had logged in (W4R-14). */
async function whoIs(fields: SessionFields, { options, store }: Who): Promise<Identity> {
  const id = userId(fields);
  if (id === undefined) return anonymous;
  const groups = fields("ws4redis:memberof");
  return {
    kind: "identity",
    session: undefined,
    user: await findUsername(id, fields, { mapping: readUsernameMapping(options.username), store }),
    groups: Array.isArray(groups) ? boundGroups(groups) : [],
  };
}
