// What every broker is given and gives: one factory, told apart by the scheme of its URL. A broker is a folder and
// one line in registry.ts.

import type { Bus } from "../core/bus.ts";
import type { Limits } from "../core/limits.ts";
import type { Observe } from "../core/observe.ts";

export interface BusOptions {
  /** Where the bus is, secrets included; undefined is this process's own memory. */
  readonly url: string | undefined;
  readonly observe: Observe;
  readonly limits: Pick<Limits, "busMessageBytes">;
  /** Trust on TLS connections. What the URL says of it wins. */
  readonly tls?: TlsOptions;
  /** The keys that a memory bus holds. @default none */
  readonly keys?: ReadonlyMap<string, string>;
}

export interface TlsOptions {
  /** File with the certificates to trust, PEM. @default the system's */
  readonly ca?: string | undefined;
  /** Accept any certificate: for tests alone. @default false */
  readonly insecure?: boolean | undefined;
}

export interface Broker {
  /** The URL schemes that mean this broker, without the colon. */
  readonly schemes: readonly string[];
  /**
   * Makes a connected bus. Rejects with GatewayError `config_invalid` (the URL, the TLS files) or `start_failed`
   * (nobody there, wrong password, ...): a bus that does not work at start is not made. From then on it keeps itself
   * alive.
   */
  createBus(options: BusOptions): Promise<Bus>;
}
