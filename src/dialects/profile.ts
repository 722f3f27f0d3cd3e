// What a dialect says about a start: the profile that makes Belfry a drop-in for the system that the dialect comes from
// (its config file, environment names, defaults, flags), and the settings that are dangerous. It is data; config/ and
// cli/ do the work.

/** Values by option name. */
export type OptionValues = Readonly<Record<string, unknown>>;

/** The config beside the dialect's own section, as far as a dialect may look at it. */
export interface SharedView {
  /** Is there a publish secret? */
  readonly hasSecret: boolean;
  /** Is there a Redis? Otherwise messages stay in this process. */
  readonly hasRedis: boolean;
  /** Is what was said kept for some time, for clients that come back (`tape.seconds`)? */
  readonly hasTape: boolean;
  /** Those that speak the dialect. */
  readonly listeners: readonly ListenerView[];
  readonly identity: IdentityView;
}

export interface ListenerView {
  /** As in the config; undefined on a unix socket. */
  readonly address: string | undefined;
  /** Can other machines reach it? */
  readonly isPublic: boolean;
}

export interface IdentityView {
  /** Are visitors looked up in Django's sessions? */
  readonly hasSessions: boolean;
  /** Does anything tell what users are called? */
  readonly hasUsernames: boolean;
}

/** A setting that works and is dangerous, or works and does nothing (T32). */
export interface StartWarning {
  readonly code: string;
  /** A sentence, without secrets. */
  readonly text: string;
}

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
  /** The system, for people: `WS-HUB`. */
  readonly system: string;
  /** Where it is looked for without --config; the first that exists is read. */
  readonly places: readonly string[];
  /** Throws GatewayError `config_invalid`, a line per problem. */
  read(tree: Readonly<Record<string, unknown>>): ProfileFileContent;
}

export interface ProfileFileContent {
  readonly values: OptionValues;
  /** For people: settings of the other system that have no effect here, and need none. */
  readonly notes: readonly string[];
  /** For people: what is in the file and is no setting of that system. */
  readonly warnings: readonly string[];
}

/** Stands in for another system: `belfry serve --as <name>`. */
export interface Profile<Options = unknown> {
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
  /** One of the examples of `belfry serve --help`: what stands behind `--as <name>`, and what that is. */
  readonly example?: { readonly flags: string; readonly meaning: string };
  /** Is a publish secret made and printed when none is given? */
  generatesSecret?(options: Options, shared: SharedView): boolean;
  /** What a newly migrated user should know about this very start. */
  notices(options: Options, shared: SharedView): readonly string[];
}
