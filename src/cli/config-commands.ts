// `belfry config ...`: what is set, from where, and whether it is right.

import { Command } from "commander";
import { configurationPage, showDefault } from "../config/docs.ts";
import { configJsonSchema } from "../config/json-schema.ts";
import type { LoadedConfig } from "../config/load.ts";
import { configOptions, fileVariableOf } from "../config/options.ts";
import type { ConfigOption } from "../config/options.ts";
import { maskUrl } from "../config/problems.ts";
import { profiles } from "../config/profiles/registry.ts";
import { columns } from "../config/table.ts";
import { valueAt } from "../config/tree-path.ts";
import { findWarnings } from "../config/warnings.ts";
import type { Io } from "./io.ts";
import { printable } from "./printable.ts";
import { addServeFlags, loadServed } from "./serve.ts";
import type { ServeFlags } from "./serve.ts";

const examples = `
Examples:
  belfry config check -c belfry.yaml
  belfry config print --as ws-emit
  belfry config schema > belfry.schema.json
  belfry config env | grep SOCKETIO`;

export function configCommand(io: Io): Command {
  return new Command("config")
    .description("Look at the configuration")
    .addHelpText("after", examples)
    .addCommand(printCommand(io))
    .addCommand(checkCommand(io))
    .addCommand(textCommand(io, "env", ["List the environment names, with defaults", environmentList]))
    .addCommand(textCommand(io, "schema", ["Print the JSON Schema of a config file", schemaText]))
    .addCommand(textCommand(io, "docs", ["Print docs/configuration.md", configurationPage]));
}

function printCommand(io: Io): Command {
  const command = new Command("print")
    .description("Show the values in force and where each came from; secrets are masked")
    .addHelpText(
      "after",
      "\nExample:\n  BELFRY_DRAIN=5 belfry config print -c belfry.yaml --log-level debug",
    );
  addServeFlags(command);
  return command.action(async (flags: ServeFlags) => {
    io.print(effectiveValues((await loadServed(command, flags, io)).loaded));
  });
}

function checkCommand(io: Io): Command {
  const command = new Command("check")
    .description("Check the configuration; exit code 1 when something is wrong")
    .addHelpText("after", "\nExample:\n  belfry config check -c belfry.yaml");
  addServeFlags(command);
  return command.action(async (flags: ServeFlags) => {
    const { config, warnings } = (await loadServed(command, flags, io)).loaded;
    for (const text of [...warnings, ...findWarnings(config).map((warning) => warning.text)]) {
      io.complain(`warning: ${printable(text)}`);
    }
    io.print("The configuration is right.");
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

function environmentList(): string {
  const own = configOptions().flatMap(({ variable, name, default: value, fileForm }) => {
    const row = [variable, name, showDefault(value)];
    // The publish secret's is an option of its own.
    return fileForm === undefined || name === "secret"
      ? [row]
      : [row, [fileVariableOf(variable), `the file that holds ${name}`, ""]];
  });
  const others = profiles.flatMap((profile) =>
    profile.variables.map(({ name, option = "-" }) => [
      name,
      `${option} (--as ${profile.name})`,
      showDefault(profile.defaults[option]),
    ]),
  );
  return columns([
    ["VARIABLE", "OPTION", "DEFAULT"],
    ["BELFRY_CONFIG", "the config file", ""],
    ...own,
    ...others,
  ]);
}

function schemaText(): string {
  return JSON.stringify(configJsonSchema(), undefined, 2);
}
