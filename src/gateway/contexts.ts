// What each dialect is given: the ports of one gateway, put together from its config. Part of the composition root
// (gateway.ts); `belfry tail` uses it too, for dialects that only listen.

import { voiceOf } from "../brokers/voice.ts";
import type { SecretGuard } from "../auth/secret-guard.ts";
import type { Backplanes } from "./backplanes.ts";
import { foreignNames } from "../config/house-rules.ts";
import { sectionOf } from "../config/schema.ts";
import type { Config } from "../config/schema.ts";
import type { ChannelFilter, Feed, Subscription } from "../core/bus.ts";
import type { DialectContext, OpenDialect } from "../dialects/dialect.ts";
import type { Hub } from "../core/hub.ts";
import type { Observe } from "../core/observe.ts";
import { randomId } from "../base/random-id.ts";
import { covers } from "../base/redis-name.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";
import type { Presence } from "../presence/presence.ts";
import type { Recovery } from "../recovery/recovery.ts";
import type { GatewayAuth } from "./auth.ts";
import type { Dialects } from "../dialects/registry.ts";

export interface ContextParts {
  readonly config: Config;
  /** All that there are. */
  readonly dialects: Dialects;
  readonly observe: Observe;
  readonly backplanes: Backplanes;
  readonly hub: Hub;
  readonly rules: RoomRules;
  readonly recovery: Recovery;
  readonly auth: GatewayAuth;
  readonly presence: Presence;
  /** Counts wrong secrets, by whichever door they came. */
  readonly guard: SecretGuard;
  /** Monotonic clock, ms. */
  readonly now: () => number;
  /** As `DialectContext.admit`. */
  admit(countedAs: string): (() => void) | undefined;
  /** As `DialectContext.mayJudge`. */
  mayJudge(now: number): boolean;
  /** Hears a feed of a dialect. */
  subscribe(dialect: string, feed: Feed<ChannelFilter>): Promise<Subscription>;
}

/** A dialect that is spoken on some listener. */
export interface SpokenDialect extends OpenDialect {
  readonly name: string;
}

/** Opens these dialects, each with its section of the config. */
export function openDialects(names: Iterable<string>, parts: ContextParts): readonly SpokenDialect[] {
  const { config, dialects } = parts;
  const shared = sharedContext(parts);
  return [...new Set(names)].flatMap((name) => {
    const dialect = dialects[name];
    if (!dialect) return [];
    const foreign = foreignNames(config, name, dialects);
    const context: DialectContext = {
      ...shared,
      listen: async (feed) => parts.subscribe(name, feed),
      isForeignName: (redisName) => foreign.some((owned) => covers(owned, redisName)),
    };
    return Object.assign({ name }, dialect.open(context, sectionOf(config, name)));
  });
}

/** What all dialects share: one count of failed joins, by whichever dialect they came. */
function sharedContext(parts: ContextParts): Omit<DialectContext, "listen" | "isForeignName"> {
  const { config, observe, backplanes, hub, recovery, presence, rules, auth, guard, now } = parts;
  const { bus, keys, broker } = backplanes.main;
  const { limits, secret } = config;
  const { access, identity, credentials, tickets, revoker } = auth;
  return {
    hub,
    bus,
    keys,
    voice: voiceOf(backplanes.main),
    broker,
    recovery,
    access,
    presence,
    guardSecret: (candidate) => guard.checkOf(candidate),
    checkSecret: secret === undefined ? undefined : guard.checkOf(secret),
    identity,
    credentials,
    tickets,
    revoker,
    observe,
    limits,
    now,
    admit: (countedAs) => parts.admit(countedAs),
    mayJudge: (at) => parts.mayJudge(at),
    isLogged: (room) => rules.hasLog(room),
    isOpenRoom: (room) => rules.ruleOf(room).publish === "members",
    rules,
    gatewayId: randomId(),
  };
}
