// A profile makes Belfry a drop-in for another system: its environment names, its defaults, its extra flags. It is
// data; layers.ts and the command line do the work.

import type { Config } from "../config.ts";

export interface ProfileVariable {
  /** Name in the environment: `REDIS`. */
  readonly name: string;
  /** The option that it sets; undefined when it is accepted without effect. */
  readonly option?: string;
  /** What an empty value means; without it, an empty value is an unset one. */
  readonly whenEmpty?: unknown;
  readonly description: string;
}

/** A flag of the other system that Belfry has not. It is accepted without effect. */
export interface ProfileFlag {
  /** As commander has it: `--flask-secret <secret>`. */
  readonly flags: string;
  /** `flaskSecret` */
  readonly key: string;
  readonly description: string;
}

export interface Profile {
  /** As in `--as <name>`. */
  readonly name: string;
  readonly description: string;
  readonly variables: readonly ProfileVariable[];
  /** By option name. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly flags: readonly ProfileFlag[];
  /** Unsafe behaviour of the other system that is not reproduced, with its compat ID. */
  readonly notReproduced: readonly string[];
  /** What a newly migrated user should know about this very start. */
  notices(config: Config): readonly string[];
}
