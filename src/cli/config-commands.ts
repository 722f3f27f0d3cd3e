// `belfry config ...`: what is set, from where, and whether it is right.

import { Command } from "commander";
import { configurationPage, showDefault } from "../config/docs.ts";
import { configJsonSchema } from "../config/json-schema.ts";
import type { LoadedConfig } from "../config/load.ts";
import { configOptions, fileVariableOf } from "../config/options.ts";
import type { ConfigOption } from "../config/options.ts";
import { maskUrl } from "../config/problems.ts";
import type { Profile } from "../config/profiles/profile.ts";
import { profileNamed, profiles } from "../config/profiles/registry.ts";
import { columns } from "../config/table.ts";
import { valueAt } from "../config/tree-path.ts";
import { findWarnings } from "../config/warnings.ts";
import { CommandError } from "./failure.ts";
import type { Io } from "./io.ts";
import { printable } from "./printable.ts";
import { addServeFlags, loadServed, profileFlag } from "./serve.ts";
import type { ServeFlags } from "./serve.ts";

const examples = `
Examples:
  belfry config check belfry.yaml
  belfry config print --as ws-emit
  belfry config schema > belfry.schema.json
  belfry config env --as ws-emit
  belfry config env | grep SOCKETIO`;

const checkExamples = `
Examples:
  belfry config check belfry.yaml
  belfry config check --as ws-hub config.yaml`;

export function configCommand(io: Io): Command {
  return new Command("config")
    .description("Look at the configuration")
    .addHelpText("after", examples)
    .addCommand(printCommand(io))
    .addCommand(checkCommand(io))
    .addCommand(envCommand(io))
    .addCommand(textCommand(io, "schema", ["Print the JSON Schema of a config file", schemaText]))
    .addCommand(textCommand(io, "docs", ["Print docs/configuration.md", configurationPage]));
}

function printCommand(io: Io): Command {
  const command = new Command("print")
    .description("Show the values in force and where each came from; secrets are masked")
    .addHelpText("after", "\nExample:\n  BELFRY_DRAIN=5 belfry config print -c belfry.yaml");
  addServeFlags(command);
  return command.action(async (flags: ServeFlags) => {
    io.print(effectiveValues((await loadServed(command, flags, io)).loaded));
  });
}

function checkCommand(io: Io): Command {
  const command = new Command("check")
    .description("Check the configuration; exit code 1 when something is wrong")
    .addHelpText("after", checkExamples);
  addServeFlags(command);
  // Last: lists take several values here as they do in `serve`.
  return command
    .argument("[file]", "The config file, as with --config")
    .action(async (file: string | undefined) => {
      const flags = withFile(command.opts<ServeFlags>(), file);
      const { config, notes, warnings } = (await loadServed(command, flags, io)).loaded;
      for (const text of [...notes, ...warnings, ...findWarnings(config).map(({ text: said }) => said)]) {
        io.complain(`warning: ${printable(text)}`);
      }
      io.print("The configuration is right.");
    });
}

/** `check FILE` is `check --config FILE`; two files are none. */
function withFile(flags: ServeFlags, file: string | undefined): ServeFlags {
  if (file === undefined) return flags;
  if (flags.config === undefined) return { ...flags, config: file };
  throw new CommandError("Expected one config file, got one as an argument and one by --config");
}

/** The names of all, or those that count under one profile. */
function envCommand(io: Io): Command {
  return new Command("env")
    .description("List the environment names, with defaults")
    .addOption(profileFlag())
    .action(({ as }: ServeFlags) => {
      io.print(environmentList(as === undefined ? undefined : profileNamed(as)));
    });
}

function textCommand(io: Io, name: string, [description, text]: readonly [string, () => string]): Command {
  return new Command(name).description(description).action(() => {
    io.print(text().trimEnd());
  });
}

function effectiveValues(loaded: LoadedConfig): string {
  const options = configOptions().flatMap((option) => perListener(option, loaded.config.listeners.length));
  const rows = options.map((option) => [
    option.name,
    shownValue(option, valueAt(loaded.config, option.path)),
    printable(loaded.sourceOf(option.path).label),
  ]);
  return columns([["OPTION", "VALUE", "FROM"], ...rows]);
}

/** With several listeners, each has its own lines. */
function perListener(option: ConfigOption, count: number): readonly ConfigOption[] {
  if (option.path[0] !== "listeners" || count === 1) return [option];
  return Array.from({ length: count }, (_, index) => ({
    ...option,
    name: `listeners[${index}].${option.name}`,
    path: option.path.with(1, index),
  }));
}

function shownValue(option: ConfigOption, value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return "-";
  if (option.isSecret) return option.kind === "map" ? shownNames(value) : "***";
  return printable(maskUrl(showDefault(value)));
}

function shownNames(map: unknown): string {
  const names = Object.keys(map ?? {});
  return names.length === 0 ? "-" : printable(names.map((name) => `${name}=***`).join(" "));
}

function environmentList(chosen: Profile | undefined): string {
  const own = configOptions().flatMap(({ variable, name, default: value, fileForm }) => {
    const row = [variable, name, showDefault(chosen?.defaults[name] ?? value)];
    // The publish secret's is an option of its own.
    return fileForm === undefined || name === "secret"
      ? [row]
      : [row, [fileVariableOf(variable), `the file that holds ${name}`, ""]];
  });
  const others = (chosen ? [chosen] : profiles).flatMap((profile) =>
    profile.variables.map(({ name, option = "-" }) => [
      name,
      `${option} (--as ${profile.name})`,
      showDefault(profile.defaults[option]),
    ]),
  );
  return columns([
    ["VARIABLE", "OPTION", "DEFAULT"],
    ["BELFRY_CONFIG", "the config file", chosen?.file?.places.join(", ") ?? ""],
    // What was asked for comes first.
    ...(chosen ? [...others, ...own] : [...own, ...others]),
  ]);
}

function schemaText(): string {
  return JSON.stringify(configJsonSchema(), undefined, 2);
}
