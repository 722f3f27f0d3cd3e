// Who clients are and what they may, as one gateway judges it: the parts of auth/ put together from its config, and what takes
// rights back on all gateways. Part of the composition root (gateway.ts).

import { isShared } from "../base/client-address.ts";
import { createCredentials } from "../auth/credentials.ts";
import { createIdentity } from "../auth/django/identity.ts";
import { ConnectHook } from "../auth/hook/hook.ts";
import type { HookOptions } from "../auth/hook/options.ts";
import { createTokenVerifier } from "../auth/jwt/issuers.ts";
import { RevocationBook, withRevocations } from "../auth/revocations.ts";
import type { Lost } from "../auth/revocations.ts";
import { RoomAccess } from "../auth/room-access.ts";
import { RoomSecrets } from "../auth/room-secrets.ts";
import { Tickets } from "../auth/tickets.ts";
import { withTokens } from "../auth/token-identity.ts";
import type { Backplanes } from "./backplanes.ts";
import type { Config } from "../config/schema.ts";
import type { DialectContext } from "../dialects/dialect.ts";
import type { Hub } from "../core/hub.ts";
import type { Observe } from "../core/observe.ts";
import { Outbound } from "../outbound/outbound.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";
import { Revoking } from "./revoking.ts";
import type { Peers } from "../peers/peers.ts";

export interface AuthParts {
  readonly config: Config;
  readonly observe: Observe;
  readonly backplanes: Backplanes;
  readonly hub: Hub;
  readonly rules: RoomRules;
  readonly peers: Pick<Peers, "ask" | "answer">;
  /** Monotonic clock, ms. */
  readonly now: () => number;
}

/** What dialects are given of it. */
type AuthPorts = Pick<DialectContext, "access" | "identity" | "credentials" | "tickets" | "revoker">;

export interface GatewayAuth extends AuthPorts {
  /** Learns what was taken back before. Never rejects. */
  start(): Promise<void>;
  tick(now: number): void;
}

export function createAuth(parts: AuthParts): GatewayAuth {
  const { config, observe, backplanes, hub, rules, now } = parts;
  const { keys, revocations: store } = backplanes.main;
  const secrets = new RoomSecrets({
    keys,
    keyPrefixes: config.secretKeys,
    configured: new Map(Object.entries(config.roomSecrets)),
    limits: config.limits,
    observe,
    now,
    isExempt: isShared,
  });
  const carryOut = (lost: Lost): Promise<number> => revoking.carryOut(lost);
  const book = new RevocationBook({ store, observe, now, nowMs: Date.now, carryOut });
  const access = new RoomAccess({ hub, secrets, rules, revocations: book });
  const revoking = new Revoking({ hub, access, secrets, book, store, peers: parts.peers });
  return {
    access,
    ...sourcesOf(parts, book),
    revoker: revoking,
    start: async () => book.read(),
    tick(at) {
      book.tick(at);
      revoking.tick(at);
    },
  };
}

/** What says who a client is. */
function sourcesOf(
  { config, backplanes, observe }: AuthParts,
  revocations: RevocationBook,
): Pick<AuthPorts, "identity" | "credentials" | "tickets"> {
  const { identity: options, auth } = config;
  const nowMs = Date.now;
  const tickets = new Tickets({ keys: backplanes.main.keys, observe, nowMs });
  const verify = createTokenVerifier(auth, { fetch, nowMs });
  const hook = auth.hook && hookOf(auth.hook, revocations);
  const credentials = createCredentials({ options: auth, tickets, verify, hook, revocations });
  const { keys: store } = backplanes.sessions;
  const django = createIdentity({ options, store, fetch, now: nowMs, observe });
  // Tokens of its own come before those of all dialects.
  const identity = options.jwt ? django : withTokens(django, { credentials, options: auth });
  return { identity: withRevocations(identity, { revocations, nowMs }), credentials, tickets };
}

function hookOf(options: HookOptions, revocations: RevocationBook): ConnectHook {
  const { allowPrivate, timeout } = options;
  return new ConnectHook({
    options,
    outbound: new Outbound({ allowPrivate, timeoutMs: timeout * 1_000 }),
    revocations,
    nowMs: Date.now,
  });
}
