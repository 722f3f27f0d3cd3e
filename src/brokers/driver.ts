// What stands between gateways, as one driver makes it: the bus, the keys beside it, and the broker over them. A driver
// is a folder and one line in registry.ts, told apart from the others by the scheme of its URL.

import type { Broker } from "../core/broker.ts";
import type { Bus, LineObserver } from "../core/bus.ts";
import type { KeyStore } from "../core/keys.ts";
import type { Log } from "../core/log.ts";
import type { Limits } from "../vocabulary/limits.ts";
import type { Observe } from "../core/observe.ts";
import type { RoomRules } from "../core/room-rules.ts";
import type { Voice } from "../core/voice.ts";

export interface BackplaneOptions {
  /** Where it is, secrets included; undefined is this process's own memory. */
  readonly url: string | undefined;
  readonly observe: Observe;
  readonly limits: Pick<Limits, "busMessageBytes">;
  /** Told of everything on the line of the bus. @default it is told to none */
  readonly line?: LineObserver | undefined;
  /** Trust on TLS connections. What the URL says of it wins. */
  readonly tls?: TlsOptions;
  /** What is kept of which room. @default nothing */
  readonly rules?: RoomRules;
  /** Clients speak through its voice: it is worth a connection of its own. @default false */
  readonly hasVoice?: boolean;
  /** The keys that a backplane in memory holds at first. @default none */
  readonly keys?: ReadonlyMap<string, string>;
}

export interface TlsOptions {
  /** File with the certificates to trust, PEM. @default the system's */
  readonly ca?: string | undefined;
  /** Accept any certificate: for tests alone. @default false */
  readonly insecure?: boolean | undefined;
}

/** What one URL gives: ports over the same connections. */
export interface Backplane {
  readonly bus: Bus;
  readonly keys: KeyStore;
  readonly voice: Voice;
  readonly broker: Broker;
  /** What is kept of rooms with `history` in their rule. */
  readonly log: Log;
  /** Ends all of them. */
  readonly close: () => Promise<void>;
}

/** Opens a backplane, as `Driver.open` does. */
export type OpenBackplane = (options: BackplaneOptions) => Promise<Backplane>;

export interface Driver {
  /** The URL schemes that mean this driver, without the colon. */
  readonly schemes: readonly string[];
  /**
   * Checks a URL without connecting. Throws GatewayError `config_invalid`, a sentence without the URL's secrets.
   * @returns the secrets in it, which no log line may show.
   */
  check(url: string): readonly string[];
  /**
   * Makes a connected backplane. Rejects with GatewayError `config_invalid` (the URL, the TLS files) or `start_failed`
   * (no server there, a wrong password, ...): one that does not work at start is not made. From then on it keeps itself
   * alive.
   */
  open(options: BackplaneOptions): Promise<Backplane>;
}
