// One line of the table of dialects (registry.ts): the dialect, which a gateway opens (dialect.ts), and what it adds to
// the config and the command line, which are made from the table.

import type { ZodObject } from "zod";
import type { Dialect } from "./dialect.ts";
import type { Described } from "../vocabulary/operation.ts";
import type { CommandParts } from "./command-parts.ts";
import type { Profile, SharedView, StartWarning } from "./profile.ts";

export interface DialectEntry<Options> extends Dialect<Options> {
  /** Its section of the config. */
  readonly options: ZodObject;
  /** Listeners that do not say what they speak speak it. @default false */
  readonly isDefault?: boolean;
  /** Pages of every origin may connect, unless an option of its own says otherwise. @default false */
  readonly isForAllPages?: boolean;
  /** Does the publish secret open a door of it? A short one is warned of then. @default false */
  takesSecret?(options: Options): boolean;
  /** Settings of it that work and are dangerous, or do nothing: said at every start. */
  warnings?(options: Options, shared: SharedView): readonly StartWarning[];
  /** The system that it comes from: `--as <profile>`. */
  readonly profile?: Profile<Options>;
  /** Its HTTP doors, for the OpenAPI document. @default none */
  readonly described?: Described;
  /** Its part of the command line beside its options. */
  readonly commands?: CommandParts<Options>;
}
