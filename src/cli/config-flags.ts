// The options of the config as flags of a command, derived from the schema: names, help texts and defaults are
// written once, there.

import { Option } from "commander";
import type { Command } from "commander";
import type { ConfigModel } from "../config/model.ts";
import type { ConfigOption, FlagValue } from "../config/options.ts";

const shortFlags: Readonly<Record<string, string>> = { address: "-a, " };

const placeholders: Readonly<Record<ConfigOption["kind"], string>> = {
  text: "<text>",
  number: "<number>",
  boolean: "[true|false]",
  list: "<value>",
  map: "<name=value>",
  json: "<json>",
};

/** Adds a flag for every option that `describe` has a text for. */
export function addConfigFlags(
  command: Command,
  { options }: ConfigModel,
  describe: (option: ConfigOption) => string | undefined,
): void {
  // A flag that takes all that follows would swallow the arguments of a command that has some.
  const isVariadic = command.registeredArguments.length === 0;
  for (const option of options) {
    const description = describe(option);
    if (description === undefined) continue;
    command.addOption(configFlag({ ...option, description }, isVariadic).helpGroup(`${option.section}:`));
  }
}

/** `--as <profile>` */
export function profileFlag({ profiles }: ConfigModel): Option {
  return new Option("--as <profile>", "Stand in for another system").choices(
    profiles.map(({ name }) => name),
  );
}

/** What was given on the command line, by option name. */
export function givenFlags(command: Command, { options }: ConfigModel): ReadonlyMap<string, FlagValue> {
  const values = command.opts<Record<string, FlagValue | undefined>>();
  const given = options.flatMap((option): [string, FlagValue][] => {
    const value = values[attributeOf(option)];
    return value === undefined ? [] : [[option.name, value]];
  });
  return new Map(given);
}

function attributeOf({ flag }: ConfigOption): string {
  return new Option(flag).attributeName();
}

function configFlag(option: ConfigOption, isVariadic: boolean): Option {
  const isMany = option.kind === "list" || option.kind === "map";
  // Choices and the default are said in the description (help.ts).
  const single = option.choices ? "<choice>" : placeholders[option.kind];
  const placeholder = isMany && isVariadic ? single.replace(">", "...>") : single;
  const flag = new Option(
    `${shortFlags[option.name] ?? ""}${option.flag} ${placeholder}`,
    option.description,
  );
  if (!isMany || isVariadic) return flag;
  return flag.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
}
