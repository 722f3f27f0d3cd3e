// How help looks: 80 columns on every terminal and in every pipe, choices and defaults in the description. Of a command that
// takes the whole config it shows what most people set, under `--as` what matters for that system, and all with `--help-all`.
// What it says comes from the schema and the profiles.

import { Help } from "commander";
import type { Command, Option } from "commander";
import { showDefault } from "../config/docs.ts";
import { needsIdentity } from "../config/house-rules.ts";
import { nodeAt } from "../config/json-schema.ts";
import { profileNamed } from "../config/model.ts";
import type { ConfigModel } from "../config/model.ts";
import { wordsOf } from "../config/options.ts";
import type { ConfigOption } from "../config/options.ts";
import type { Profile, ProfileVariable } from "../dialects/profile.ts";
import { terminalColumns as columns, wrap } from "./wrap.ts";

/** Descriptions begin here; an option that is longer has a line of its own. */
const termColumns = 30;
const margin = "  ";

/** What commander asks for when it writes the help of a command. */
export function helpStyle(command: Command, model: ConfigModel): Partial<Help> {
  return {
    visibleOptions(shown) {
      const all = new Help().visibleOptions(shown);
      if (!all.some(({ long }) => long === helpAll) || command.getOptionValue("helpAll") === true) return all;
      if (!isServe(command)) return all.filter(({ helpGroupHeading }) => helpGroupHeading === undefined);
      const profile = chosenProfile(command, model);
      return all.filter((option) => (profile ? matters(option, profile, model) : isUsual(option, model)));
    },
    optionDescription: (option) => describe(option, chosenProfile(command, model), model),
    styleTitle: (title) => wrap(plain(title), columns).join("\n"),
    padWidth: () => termColumns,
    formatItem: (term, _, description) => item(term, description),
  };
}

/** The profile of `--as`, once the command line is parsed. */
function chosenProfile(command: Command, model: ConfigModel): Profile | undefined {
  return profileNamed(model, command.opts<{ readonly as?: string }>().as);
}

const helpAll = "--help-all";

/** Adds `--help-all`, and what stands below the options: the profile's own names, or the groups that are not shown. */
export function addHelpAll(command: Command, model: ConfigModel): void {
  command
    .option(helpAll, "Show every option")
    .addHelpText("after", () => {
      if (command.getOptionValue("helpAll") === true) return "";
      if (!isServe(command)) return likeServe(command);
      const profile = chosenProfile(command, model);
      return profile ? profileEnd(command, model, profile) : groupList(command, model);
    })
    .on(`option:${helpAll.slice(2)}`, () => {
      command.help();
    });
}

/** Those of `belfry config ...` look at what `serve` would run with: their own options are the ones to read. */
function isServe(command: Command): boolean {
  return command.name() === "serve";
}

function likeServe(command: Command): string {
  const text = `The options of \`belfry serve\` are taken, too: \`${fullName(command)} ${helpAll}\` lists them.`;
  return ["", ...wrap(text, columns)].join("\n");
}

/** The sections of the config that are for few. */
function groupList(command: Command, model: ConfigModel): string {
  const rest = model.options.filter((option) => !isUsualOption(option));
  const groups = Array.from(new Set(rest.map(({ path }) => String(path[0]))), (section) =>
    item(`--${wordsOf([section]).join("-")}-*`, plain(nodeAt(model.json, [section])?.description ?? "")),
  );
  return ["", `More options (\`${fullName(command)} ${helpAll}\` shows all):`, ...groups].join("\n");
}

function profileEnd(command: Command, model: ConfigModel, profile: Profile): string {
  const names = profile.variables.map((variable) => item(variable.name, variableText(variable, model)));
  const environment = ["", `Names of ${profile.name} in the environment:`, ...names];
  return [
    ...(names.length === 0 ? [] : environment),
    "",
    ...wrap(
      `All options, with those of the other dialects and the limits: \`${fullName(command)} ${helpAll}\`. Coming from ${profile.name}: docs/migrate/${profile.name}.md`,
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

function variableText({ option, description }: ProfileVariable, { options }: ConfigModel): string {
  const flag = options.find(({ name }) => name === option)?.flag;
  return flag === undefined ? description : `${description} (${flag})`;
}

function configOptionOf({ long }: Option, { options }: ConfigModel): ConfigOption | undefined {
  return options.find(({ flag }) => flag === long);
}

/** Those of a listener, of the gateway as a whole, and of logs. */
function isUsualOption({ path: [section], path }: ConfigOption): boolean {
  return path.length === 1 || section === "listeners" || section === "log";
}

/** What is no option of the config is of the command itself, or of one profile. */
function isUsual(option: Option, model: ConfigModel): boolean {
  const known = configOptionOf(option, model);
  return known ? isUsualOption(known) : option.helpGroupHeading === undefined;
}

/** Its dialect, the listener, Redis and the log; bounds and the other dialects are for the help of all. */
function matters(option: Option, { name, defaults }: Profile, model: ConfigModel): boolean {
  const { dialects } = model;
  const known = configOptionOf(option, model);
  const { helpGroupHeading: heading } = option;
  if (!known) return heading === undefined || heading === profileHeading(name);
  const spoken = (defaults["dialects"] ?? []) as readonly string[];
  const [section] = known.path;
  if (section === "limits" || section === "redisTls") return false;
  if (section === "identity") return spoken.some((dialect) => needsIdentity(dialects, dialect));
  return !Object.hasOwn(dialects, String(section)) || spoken.some((dialect) => dialect === section);
}

function describe(option: Option, profile: Profile | undefined, model: ConfigModel): string {
  const known = configOptionOf(option, model);
  const choices = known?.choices ?? option.argChoices;
  const fallback = showDefault(
    known ? (profile?.defaults[known.name] ?? known.default) : option.defaultValue,
  );
  const notes = [
    ...(choices ? [`one of ${choices.join(", ")}`] : []),
    ...(fallback === "" ? [] : [`default: ${fallback}`]),
  ];
  const text = plain(option.description);
  return notes.length === 0 ? text : `${text} (${notes.join("; ")})`;
}

/** Links of the documentation are files here, and what it names behaviours by (SEC-15) stands there alone. */
function plain(text: string): string {
  return text
    .replace(/\[[^[\]]*\]\(([\w.-]+\.md)[^()[\]]*\)/g, "docs/$1")
    .replace(/ \([A-Z\d]{3}-\d{2}(?:, [A-Z\d]{3}-\d{2})*\)/g, "");
}

function item(term: string, description: string): string {
  const [first = "", ...rest] = wrap(description, columns - margin.length - termColumns);
  const below = (text: string): string => margin + " ".repeat(termColumns) + text;
  // At least two spaces between them.
  return term.length + margin.length > termColumns
    ? [margin + term, below(first), ...rest.map(below)].join("\n")
    : [margin + term.padEnd(termColumns) + first, ...rest.map(below)].join("\n").trimEnd();
}
