// How help looks: 80 columns on every terminal and in every pipe, choices and defaults in the description, and under
// `--as` only what matters for that system. What it says comes from the schema and the profiles.

import { Help } from "commander";
import type { Command, Option } from "commander";
import { showDefault } from "../config/docs.ts";
import { configOptions } from "../config/options.ts";
import type { ConfigOption } from "../config/options.ts";
import type { Profile, ProfileVariable } from "../config/profiles/profile.ts";
import { profileNamed } from "../config/profiles/registry.ts";
import { needsIdentity } from "../config/redis-names.ts";
import { dialects } from "../dialects/registry.ts";
import type { DialectName } from "../dialects/registry.ts";
import { terminalColumns as columns, wrap } from "./wrap.ts";

/** Descriptions begin here; an option that is longer has a line of its own. */
const termColumns = 30;
const margin = "  ";

/** What commander asks for when it writes the help of a command. */
export function helpStyle(command: Command): Partial<Help> {
  return {
    visibleOptions(shown) {
      const all = new Help().visibleOptions(shown);
      const profile = chosenProfile(command);
      return profile ? all.filter((option) => matters(option, profile)) : all;
    },
    optionDescription: (option) => describe(option, chosenProfile(command)),
    styleTitle: (title) => wrap(title, columns).join("\n"),
    padWidth: () => termColumns,
    formatItem: (term, _, description) => item(term, description),
  };
}

/** The profile of `--as`, once the command line is parsed. */
function chosenProfile(command: Command): Profile | undefined {
  const { as } = command.opts<{ readonly as?: string }>();
  return as === undefined ? undefined : profileNamed(as);
}

/** What stands below the options: the profile's own names, or what is said of all. */
export function helpEnd(command: Command, otherwise: string): string {
  const profile = chosenProfile(command);
  if (!profile) return otherwise;
  const names = profile.variables.map((variable) => item(variable.name, variableText(variable)));
  const environment = ["", `Names of ${profile.name} in the environment:`, ...names];
  return [
    ...(names.length === 0 ? [] : environment),
    "",
    ...wrap(
      `All options, with those of the other dialects and the limits: \`${fullName(command)} --help\`. Coming from ${profile.name}: docs/migrate/${profile.name}.md`,
      columns,
    ),
  ].join("\n");
}

/** `belfry config check` */
export function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

/** Over the flags that only one profile has. */
export function profileHeading(name: string): string {
  return `Only with --as ${name}:`;
}

function variableText({ option, description }: ProfileVariable): string {
  const flag = configOptions().find(({ name }) => name === option)?.flag;
  return flag === undefined ? description : `${description} (${flag})`;
}

function configOptionOf({ long }: Option): ConfigOption | undefined {
  return configOptions().find(({ flag }) => flag === long);
}

/** Its dialect, the listener, Redis and the log; bounds and the other dialects are for the help of all. */
function matters(option: Option, { name, defaults }: Profile): boolean {
  const known = configOptionOf(option);
  const { helpGroupHeading: heading } = option;
  if (!known) return heading === undefined || heading === profileHeading(name);
  const spoken = (defaults["dialects"] ?? []) as readonly DialectName[];
  const [section] = known.path;
  if (section === "limits" || section === "redisTls") return false;
  if (section === "identity") return spoken.some(needsIdentity);
  return !Object.hasOwn(dialects, String(section)) || spoken.some((dialect) => dialect === section);
}

function describe(option: Option, profile: Profile | undefined): string {
  const known = configOptionOf(option);
  const choices = known?.choices ?? option.argChoices;
  const fallback = showDefault(
    known ? (profile?.defaults[known.name] ?? known.default) : option.defaultValue,
  );
  const notes = [
    ...(choices ? [`one of ${choices.join(", ")}`] : []),
    ...(fallback === "" ? [] : [`default: ${fallback}`]),
  ];
  return notes.length === 0 ? option.description : `${option.description} (${notes.join("; ")})`;
}

function item(term: string, description: string): string {
  const [first = "", ...rest] = wrap(description, columns - margin.length - termColumns);
  const below = (text: string): string => margin + " ".repeat(termColumns) + text;
  // At least two spaces between them.
  return term.length + margin.length > termColumns
    ? [margin + term, below(first), ...rest.map(below)].join("\n")
    : [margin + term.padEnd(termColumns) + first, ...rest.map(below)].join("\n").trimEnd();
}
