// `belfry config ...`: what is set, from where, and whether it is right.

import { Command } from "commander";
import { configurationPage, showDefault } from "../config/docs.ts";
import type { LoadedConfig } from "../config/load.ts";
import { valueAt } from "../config/file.ts";
import { profileNamed } from "../config/model.ts";
import type { ConfigModel } from "../config/model.ts";
import { fileVariableOf } from "../config/options.ts";
import type { ConfigOption } from "../config/options.ts";
import { maskUrl } from "../config/problems.ts";
import { columns } from "../config/table.ts";
import { findWarnings } from "../config/warnings.ts";
import type { Profile } from "../dialects/profile.ts";
import { ruleCommand } from "./config-rule.ts";
import { CommandError } from "./failure.ts";
import type { Cli } from "./io.ts";
import { printable } from "../observe/printable.ts";
import { addServeFlags, loadServed } from "./serve.ts";
import { profileFlag } from "./config-flags.ts";
import type { ServeFlags } from "./serve.ts";

const examples = ({ dialects, profiles }: ConfigModel): string => {
  const as = profiles[0] ? ` --as ${profiles[0].name}` : "";
  const [dialect = ""] = Object.keys(dialects);
  return `
Examples:
  belfry config check belfry.yaml
  belfry config print${as}
  belfry config schema > belfry.schema.json
  belfry config env${as}
  belfry config env | grep ${dialect.toUpperCase()}`;
};

const checkExamples = ({ profiles }: ConfigModel): string => {
  const own = profiles.find(({ file }) => file);
  return `
Examples:
  belfry config check belfry.yaml${own ? `\n  belfry config check --as ${own.name} config.yaml` : ""}`;
};

export function configCommand(cli: Cli): Command {
  const { model } = cli;
  const schemaText = (): string => JSON.stringify(model.json, undefined, 2);
  return new Command("config")
    .description("Look at the configuration")
    .addHelpText("after", examples(model))
    .addCommand(printCommand(cli))
    .addCommand(checkCommand(cli))
    .addCommand(ruleCommand(cli))
    .addCommand(envCommand(cli))
    .addCommand(textCommand(cli, "schema", ["Print the JSON Schema of a config file", schemaText]))
    .addCommand(textCommand(cli, "docs", ["Print docs/configuration.md", () => configurationPage(model)]));
}

function printCommand(cli: Cli): Command {
  const command = new Command("print")
    .description("Show the values in force and where each came from; secrets are masked")
    .addHelpText("after", "\nExample:\n  BELFRY_DRAIN=5 belfry config print -c belfry.yaml");
  addServeFlags(command, cli.model);
  return command.action(async (flags: ServeFlags) => {
    const { loaded } = await loadServed(command, flags, cli);
    cli.io.print(effectiveValues(loaded, cli.model));
  });
}

function checkCommand(cli: Cli): Command {
  const { io, model } = cli;
  const command = new Command("check")
    .description("Check the configuration; exit code 1 when something is wrong")
    .addHelpText("after", checkExamples(model));
  addServeFlags(command, model);
  // Last: lists take several values here as they do in `serve`.
  return command
    .argument("[file]", "The config file, as with --config")
    .action(async (file: string | undefined) => {
      const flags = withFile(command.opts<ServeFlags>(), file);
      const { config, notes, warnings } = (await loadServed(command, flags, cli)).loaded;
      const found = findWarnings(config, model.dialects).map(({ text }) => text);
      for (const text of [...notes, ...warnings, ...found]) {
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
function envCommand({ io, model }: Cli): Command {
  return new Command("env")
    .description("List the environment names, with defaults")
    .addOption(profileFlag(model))
    .action(({ as }: ServeFlags) => {
      io.print(environmentList(model, profileNamed(model, as)));
    });
}

function textCommand(
  { io }: Cli,
  name: string,
  [description, text]: readonly [string, () => string],
): Command {
  return new Command(name).description(description).action(() => {
    io.print(text().trimEnd());
  });
}

function effectiveValues(loaded: LoadedConfig, { options }: ConfigModel): string {
  const count = loaded.config.listeners.length;
  const rows = options
    .flatMap((option) => perListener(option, count))
    .map((option) => [
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
  if (option.kind === "json") return printable(JSON.stringify(value));
  return printable(maskUrl(showDefault(value)));
}

function shownNames(map: unknown): string {
  const names = Object.keys(map ?? {});
  return names.length === 0 ? "-" : printable(names.map((name) => `${name}=***`).join(" "));
}

function environmentList({ options, profiles }: ConfigModel, chosen: Profile | undefined): string {
  const own = options.flatMap(({ variable, name, default: value, fileForm }) => {
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
