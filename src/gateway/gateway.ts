// The composition root: config in, a running gateway out. It makes the bus, the hub, access, the two sides of each
// dialect and the listeners. Start and stop order live here and nowhere else.

import { ConnectionLimits } from "./connection-limits.ts";
import type { Readiness } from "../api/app.ts";
import type { ApiContext } from "../api/operation.ts";
import { answerPeers } from "../api/operations.ts";
import { apiRoutes } from "../api/routes.ts";
import { isShared } from "../base/client-address.ts";
import { SecretGuard } from "../auth/secret-guard.ts";
import { busesProved, openBackplanes } from "./backplanes.ts";
import type { Backplanes } from "./backplanes.ts";
import type { Backplane, OpenBackplane } from "../brokers/driver.ts";
import { openBackplane } from "../brokers/registry.ts";
import type { Config, ListenerConfig } from "../config/schema.ts";
import { openDialects } from "./contexts.ts";
import type { SpokenDialect } from "./contexts.ts";
import type { Route } from "../server/route.ts";
import type { Hub } from "../core/hub.ts";
import { Deliveries } from "./deliveries.ts";
import { createHub } from "./gateway-hub.ts";
import { Pauses, tickMs } from "./pauses.ts";
import { BusPeers } from "../peers/bus-peers.ts";
import { Queues } from "./queues.ts";
import { createRoomRules } from "../config/room-rules.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";
import { webhookStates } from "../webhooks/state.ts";
import { listenOn } from "./listen.ts";
import { GatewayPresence } from "../presence/gateway-presence.ts";
import { createTracking } from "../presence/tracking.ts";
import type { Tracking } from "../brokers/presence.ts";
import { KeptPublications, createTape } from "./kept-publications.ts";
import type { TapeRecovery } from "../recovery/tape-recovery.ts";
import { createAuth } from "./auth.ts";
import type { GatewayAuth } from "./auth.ts";
import { dialects as registry } from "../dialects/registry.ts";
import type { Dialects } from "../dialects/registry.ts";
import type { Telemetry } from "../observe/observe.ts";
import { closeAll, lastWords } from "../server/drain.ts";
import type { Listener } from "../server/listener.ts";

/** What is left of the answers and close frames after the drain may take this long. */
const flushMs = 100;
/** A publish is answered within this time, also while Redis is away, ms. */
const longestAnswerMs = 2_500;

export interface GatewayParts {
  readonly observe: Telemetry;
  /** Routes beside the dialects', on every listener: the demo page. */
  readonly routes?: readonly Route[];
  /** Those that there are. @default all of this Belfry */
  readonly dialects?: Dialects;
  /** A monotonic clock of the caller's own, ms: then only its calls of `tick` move the gateway on. @default the system's */
  readonly now?: () => number;
  /** Opens what the gateway is connected to. @default the drivers by URL */
  readonly open?: OpenBackplane;
}

const monotonic = (): number => performance.now();

/**
 * Starts a gateway. Rejects with GatewayError `start_failed` or `config_invalid`, a sentence for people, when Redis
 * or an address cannot be had; nothing is left running then.
 */
export async function createGateway(config: Config, parts: GatewayParts): Promise<Gateway> {
  const { observe, dialects = registry, open = openBackplane } = parts;
  const rules = createRoomRules(config.rooms, config.openRooms);
  const tape = createTape(config, parts.now ?? monotonic);
  const tracking = createTracking(config, rules);
  const backplanes = await openBackplanes(config, { observe, dialects, open, rules, tracking, line: tape });
  const gateway = new Gateway(config, { ...parts, rules, tracking, tape }, backplanes);
  try {
    await gateway.start();
  } catch (error) {
    await gateway.stop(0);
    throw error;
  }
  return gateway;
}

/** What is made before the bus, because the bus is told of it. */
interface EarlyParts {
  readonly rules: RoomRules;
  readonly tracking: Tracking | undefined;
  readonly tape: TapeRecovery;
}

export class Gateway {
  readonly #config: Config;
  readonly #observe: Telemetry;
  readonly #extraRoutes: readonly Route[];
  readonly #main: Backplane;
  readonly #sessions: Backplane;
  readonly #rules: RoomRules;
  readonly #hub: Hub;
  readonly #kept: KeptPublications;
  readonly #deliveries: Deliveries;
  readonly #auth: GatewayAuth;
  readonly #presence: GatewayPresence;
  readonly #connectionLimits: ConnectionLimits;
  readonly #guard: SecretGuard;
  readonly #table: Dialects;
  readonly #now: () => number;
  readonly #ticksItself: boolean;
  readonly #pauses: Pauses;
  readonly #dialects: readonly SpokenDialect[];
  readonly #queues: Queues;
  readonly #peers: BusPeers;
  readonly #listeners: Listener[] = [];
  #ticker: ReturnType<typeof setInterval> | undefined;
  #state: "starting" | "running" | "draining" | "stopped" = "starting";

  /** Use {@link createGateway}. */
  constructor(config: Config, parts: GatewayParts & EarlyParts, { main, sessions }: Backplanes) {
    const { observe, rules, tracking, tape } = parts;
    this.#config = config;
    this.#observe = observe;
    this.#extraRoutes = parts.routes ?? [];
    this.#table = parts.dialects ?? registry;
    this.#now = parts.now ?? monotonic;
    this.#ticksItself = parts.now === undefined;
    this.#pauses = new Pauses(this.#now());
    this.#main = main;
    this.#sessions = sessions;
    this.#rules = rules;
    const { presence: store, bus } = main;
    const shared = { config, observe, rules, bus, now: this.#now };
    this.#peers = new BusPeers({ ...shared, limits: config.limits });
    this.#presence = new GatewayPresence({ ...shared, store, tracking, hub: () => this.#hub });
    const { events } = this.#presence;
    const hub = createHub({ ...shared, events, listeners: this.#listeners });
    this.#hub = hub;
    this.#kept = new KeptPublications(tape, { ...shared, backplane: main, hub, peers: this.#peers });
    this.#deliveries = new Deliveries({ ...shared, hub, kept: this.#kept });
    this.#auth = createAuth({ ...shared, backplanes: { main, sessions }, hub, peers: this.#peers });
    this.#connectionLimits = new ConnectionLimits({
      ...this.#addressParts(),
      observe,
      isDraining: () => this.#state === "draining",
    });
    this.#guard = new SecretGuard(this.#addressParts());
    this.#dialects = this.#openDialects();
    this.#queues = new Queues(this.#dialects, { backplane: main, observe, webhooks: config.webhooks });
    this.#measure();
  }

  #measure(): void {
    this.#observe.gauge("belfry_rooms", "Rooms with members on this gateway", () => this.#hub.roomCount);
    this.#observe.gauge(
      "belfry_bus_ready",
      "1 while the bus is connected and its subscriptions are proved alive",
      () => (this.#main.bus.state().isReady ? 1 : 0),
    );
    this.#observe.gauge(
      "belfry_peers",
      "Other gateways on the same bus that showed themselves lately",
      () => this.#peers.others.length,
    );
  }

  /** Where it listens, one URL per listener. */
  get urls(): readonly string[] {
    return this.#listeners.map((listener) => listener.url);
  }

  /** The bus, without secrets: `memory` or `redis://host:6379/0`. */
  get busLabel(): string {
    return this.#main.bus.label;
  }

  readiness(): Readiness {
    const states = [...new Set([this.#main, this.#sessions])].map(({ bus }) => bus.state());
    const reasons = states.flatMap((state) => (state.isReady ? [] : [state.reason]));
    if (this.#state !== "running") reasons.unshift(`The gateway is ${this.#state}`);
    const warnings = this.#queues.held;
    return { isReady: reasons.length === 0, reasons, ...(warnings.length > 0 && { warnings }) };
  }

  /** Looks at heartbeats and deadlines. The gateway does so by itself, but where its clock is the caller's. */
  tick(): void {
    const now = this.#now();
    this.#kept.tick();
    this.#presence.tick();
    if (!this.#pauses.ticked(now)) return;
    this.#peers.tick(now);
    for (const { browser } of this.#dialects) browser?.tick(now);
    this.#auth.tick(now);
    this.#hub.visitors.tick(Date.now(), (identity) => this.#auth.access.isRevoked(identity));
  }

  /** Listens: first to the bus, then to clients. */
  async start(): Promise<void> {
    for (const { name, backend } of this.#dialects) {
      for (const feed of backend?.feeds ?? []) await this.#deliveries.subscribe(name, feed);
    }
    const isUsed = this.#dialects.some(({ name }) => this.#table[name]?.publishesToBroker === true);
    if (isUsed || this.#rules.hasHistory) {
      await this.#main.broker.open((publication, carried) => this.#deliveries.carried(publication, carried));
    }
    await this.#auth.start();
    await this.#presence.start();
    await busesProved({ main: this.#main, sessions: this.#sessions });
    const api = this.#openApi();
    // In memory there are no others.
    if (this.#config.peers && this.#main.bus.carriesMeaning !== true) await this.#peers.open();
    await this.#kept.takeOver();
    for (const listener of this.#config.listeners) this.#listeners.push(await this.#listen(listener, api));
    if (this.#ticksItself) this.#ticker = setInterval(this.tick.bind(this), tickMs(this.#dialects));
    this.#queues.start();
    this.#state = "running";
  }

  /**
   * Readiness turns red, newcomers are refused, everyone is closed over the drain time, then all ends (SEC-14).
   * @param drainMs 0 closes everyone at once.
   */
  async stop(drainMs = this.#config.drain * 1000): Promise<void> {
    if (this.#state === "draining" || this.#state === "stopped") return;
    this.#state = "draining";
    const until = monotonic() + drainMs;
    for (const listener of this.#listeners) listener.drain();
    const queuesDone = this.#queues.stop();
    await closeAll(this.#clients(), drainMs);
    const hadUnsaid = await lastWords(this.#dialects.map(({ browser }) => browser ?? {}));
    if (drainMs > 0 || hadUnsaid) await Bun.sleep(flushMs);
    // A publisher without an answer would have to publish again.
    const answersMs = Math.min(longestAnswerMs, until - monotonic());
    await Promise.all(this.#listeners.map(async (listener) => listener.finish(answersMs)));
    clearInterval(this.#ticker);
    for (const listener of this.#listeners) await listener.stop();
    await queuesDone;
    await this.#presence.stop();
    await this.#kept.handedOver(until - monotonic());
    await this.#peers.close();
    await this.#kept.close();
    for (const backplane of new Set([this.#main, this.#sessions])) await backplane.close();
    this.#state = "stopped";
  }

  #addressParts() {
    return { limits: this.#config.limits, now: this.#now, isExempt: isShared };
  }

  #openDialects(): readonly SpokenDialect[] {
    const spoken = this.#config.listeners.flatMap((listener) => listener.dialects);
    return openDialects(spoken, {
      ...this.#addressParts(),
      config: this.#config,
      dialects: this.#table,
      observe: this.#observe,
      backplanes: { main: this.#main, sessions: this.#sessions },
      hub: this.#hub,
      rules: this.#rules,
      recovery: this.#kept.recovery,
      auth: this.#auth,
      presence: this.#presence,
      guard: this.#guard,
      admit: (countedAs) => this.#connectionLimits.admit(countedAs),
      mayJudge: (now) => this.#pauses.mayJudge(now),
      subscribe: async (dialect, feed) => this.#deliveries.subscribe(dialect, feed),
    });
  }

  #openApi(): ApiContext {
    const { limits, webhooks: hooks } = this.#config;
    const { broker, events } = this.#main;
    const webhooks: ApiContext["webhooks"] = async (letters) => webhookStates(hooks.urls, events, letters);
    const [hub, rules, presence, peers] = [this.#hub, this.#rules, this.#presence, this.#peers];
    const api = { hub, broker, rules, presence, limits, peers, webhooks };
    answerPeers(api);
    return api;
  }

  async #listen(listener: ListenerConfig, api: ApiContext): Promise<Listener> {
    const { secret, limits } = this.#config;
    const checkSecret = secret === undefined ? undefined : this.#guard.checkOf(secret);
    return listenOn(listener, {
      dialects: this.#dialects,
      table: this.#table,
      ownRoutes: apiRoutes({
        observe: this.#observe,
        metrics: () => this.#observe.metrics(),
        readiness: () => this.readiness(),
        checkSecret,
        count: (addressed) => this.#hub.audience(addressed),
      }),
      extraRoutes: this.#extraRoutes,
      api,
      checkSecret,
      limits,
      observe: this.#observe,
    });
  }

  *#clients(): Iterable<{ close(reason: "shutdown"): void }> {
    for (const { browser } of this.#dialects) if (browser) yield* browser.clients();
  }
}
