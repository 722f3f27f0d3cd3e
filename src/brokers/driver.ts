// What stands between gateways, as one driver makes it: the bus, the keys beside it, and the broker over them. A driver
// is a folder and one line in registry.ts, told apart from the others by the scheme of its URL.

import type { Broker } from "../core/broker.ts";
import type { Bus, Voice } from "../core/bus.ts";
import type { LineObserver } from "./marker.ts";
import type { KeyStore } from "../core/keys.ts";
import type { Log } from "./log.ts";
import type { Limits } from "../vocabulary/limits.ts";
import type { Observe } from "../core/observe.ts";
import type { PresenceStore, PresenceTimes, Tracking } from "./presence.ts";
import type { Queue } from "./queue.ts";
import type { RevocationStore } from "../proofs/revocations.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";

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
  /** Of which rooms it is told who is there. @default of none */
  readonly tracking?: Tracking | undefined;
  /** For tests that cannot wait. */
  readonly presenceTimes?: PresenceTimes;
  /** Clients of some dialect speak: a voice of its own is of use. @default false */
  readonly needsVoice?: boolean;
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
  /** Where the bus does not hand a message over within the call by itself, and the driver was told that clients speak. */
  readonly voice?: Voice | undefined;
  readonly broker: Broker;
  /** What is kept of rooms with `history` in their rule. */
  readonly log: Log;
  /** What other programs leave to be published; undefined: none can reach it. */
  readonly queue?: Queue;
  /** What gateways themselves leave there: events of rooms, on their way to webhooks. */
  readonly events: Queue;
  readonly revocations: RevocationStore;
  /** Who is in rooms with presence. */
  readonly presence: PresenceStore;
  /** Ends all of them. */
  readonly close: () => Promise<void>;
}

/** Opens a backplane, as `Driver.open` does. */
export type OpenBackplane = (options: BackplaneOptions) => Promise<Backplane>;

export interface Driver {
  /** The URL schemes that mean this driver, without the colon. */
  readonly schemes: readonly string[];
  /** How its URLs begin, for people. */
  readonly urls: string;
  /** Its messages stay in this process. @default false */
  readonly isLocal?: boolean;
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
