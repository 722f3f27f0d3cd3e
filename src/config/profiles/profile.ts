// A profile makes Belfry a drop-in for another system: its config file, its environment names, its defaults, its flags.
// It is data; file-source.ts, layers.ts and the command line do the work.

import type { Config } from "../config.ts";
import type { Tree } from "../file.ts";

/** Values by option name. */
export type OptionValues = Readonly<Record<string, unknown>>;

export interface ProfileVariable {
  /** Name in the environment: `REDIS`. */
  readonly name: string;
  /** The option that it sets; undefined when it is accepted without effect. */
  readonly option?: string;
  /** What an empty value means; without it, an empty value is an unset one. */
  readonly whenEmpty?: unknown;
  /** Where its text is not written as that of the option's own variable. */
  readonly read?: (text: string) => unknown;
  readonly description: string;
}

/** A setting of the other system that has no counterpart: a value for it refuses to start. */
export interface RefusedVariable {
  readonly name: string;
  /** A sentence: what replaces it. */
  readonly instead: string;
}

/** A flag that only this profile has. Without `sets` it is accepted without effect. */
export interface ProfileFlag {
  /** As commander has it: `--flask-secret <secret>`. */
  readonly flags: string;
  /** `flaskSecret` */
  readonly key: string;
  readonly sets?: OptionValues;
  /** Defaults that hold in the place of the profile's when it is given. */
  readonly defaults?: OptionValues;
  readonly description: string;
}

/** A config file in the other system's own form. */
export interface ProfileFile {
  /** Where it is looked for without --config; the first that exists is read. */
  readonly places: readonly string[];
  /** Throws GatewayError `config_invalid`, a line per problem. */
  read(tree: Tree): ProfileFileContent;
}

export interface ProfileFileContent {
  readonly values: OptionValues;
  /** For people: settings of the other system that have no effect here, and need none. */
  readonly notes: readonly string[];
  /** For people: what is in the file and is no setting of that system. */
  readonly warnings: readonly string[];
}

export interface Profile {
  /** As in `--as <name>`. */
  readonly name: string;
  readonly description: string;
  /** What --config names then, instead of a file of Belfry's. */
  readonly file?: ProfileFile;
  readonly variables: readonly ProfileVariable[];
  readonly refused: readonly RefusedVariable[];
  readonly defaults: OptionValues;
  readonly flags: readonly ProfileFlag[];
  /** Unsafe behaviour of the other system that is not reproduced, with its compat ID. */
  readonly notReproduced: readonly string[];
  /** Is a publish secret made and printed when none is given? */
  readonly generatesSecret?: (config: Config) => boolean;
  /** What a newly migrated user should know about this very start. */
  notices(config: Config): readonly string[];
}
