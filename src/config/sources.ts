// What each source of the config says of one option. Each may say the value itself, or name the file that holds it
// (secrets, as in /run/secrets): the strongest source that says either wins, and one that says both is asked to decide.

import type { OptionValues, Profile, ProfileFlag } from "../dialects/profile.ts";
import { describeFileError, readNamedFile } from "../files/named-file.ts";
import { valueAt } from "./file.ts";
import type { Tree } from "./file.ts";
import { fileVariableOf, readFlag, readVariable } from "./options.ts";
import type { ConfigOption, FileForm, FlagValue } from "./options.ts";

export interface Source {
  /** Strongest first. A profile's own environment names yield to BELFRY_*. */
  readonly kind: "flag" | "environment" | "profile environment" | "file" | "profile" | "default";
  /** For people: `flag --drain`, `environment BELFRY_DRAIN`, `file belfry.yaml`, `default`. */
  readonly label: string;
}

export interface SourceInput {
  readonly options: readonly ConfigOption[];
  /** By option name. */
  readonly flags: ReadonlyMap<string, FlagValue>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file?: { readonly path: string; readonly tree: Tree } | undefined;
  readonly profile?: Profile | undefined;
  /** Those flags of the profile that were given. */
  readonly profileFlags?: readonly ProfileFlag[] | undefined;
}

export interface Given {
  readonly value: unknown;
  readonly source: Source;
}

/** Stands in for a value that cannot be had. */
export interface Failed {
  readonly problem: string;
}

interface Said {
  readonly value: Given | undefined;
  /** The path of the file that holds the value. */
  readonly holder: Given | undefined;
  /** Reads the text of that file. */
  readonly read: (text: string) => unknown;
}

/** What the strongest source says beside the values that stand in the config file. */
export function strongest(option: ConfigOption, input: SourceInput): Given | Failed | undefined {
  for (const said of [flagsSay, environmentSays, profileVariableSays, fileSays]) {
    const given = settle(option, said(option, input));
    if (given) return given;
  }
  return undefined;
}

/** What holds where nothing else is said. */
export function profileDefault(
  { name }: ConfigOption,
  { profile, profileFlags = [] }: SourceInput,
): Given | undefined {
  if (!profile) return undefined;
  const flag = profileFlags.find(({ defaults }) => has(defaults, name));
  const value = (flag?.defaults ?? profile.defaults)[name];
  const label = `profile ${profile.name}${flag ? ` ${flagName(flag)}` : ""}`;
  return value === undefined ? undefined : { value, source: { kind: "profile", label } };
}

function settle(option: ConfigOption, { value, holder, read }: Said): Given | Failed | undefined {
  if (!holder || option.fileForm === undefined) return value;
  const { value: path, source } = holder;
  if (value) {
    const holding = `the file that holds it (${source.label})`;
    return { problem: `Expected one of \`${option.name}\` (${value.source.label}) and ${holding}, got both` };
  }
  // A path that is none is the schema's to refuse.
  if (typeof path !== "string" || path === "") return undefined;
  const result = readValueFile({ path, form: option.fileForm, from: source.label });
  return result.isOk ? { value: read(result.text), source } : { problem: result.problem };
}

function flagsSay(option: ConfigOption, { flags, options, profileFlags = [] }: SourceInput): Said {
  const given = (wanted: ConfigOption | undefined): Given | undefined => {
    const value = wanted && flags.get(wanted.name);
    if (!wanted || value === undefined) return undefined;
    return { value: readFlag(wanted, value), source: { kind: "flag", label: `flag ${wanted.flag}` } };
  };
  return {
    value: given(option) ?? profileFlagSets(option, profileFlags),
    holder: given(holderOf(option, options)),
    read: (text) => readVariable(option, text),
  };
}

function profileFlagSets({ name }: ConfigOption, flags: readonly ProfileFlag[]): Given | undefined {
  const flag = flags.find(({ sets }) => has(sets, name));
  return flag && { value: flag.sets?.[name], source: { kind: "flag", label: `flag ${flagName(flag)}` } };
}

function environmentSays(option: ConfigOption, { env }: SourceInput): Said {
  const read = (text: string): unknown => readVariable(option, text);
  return variableSays(option, env, { name: option.variable, kind: "environment", read });
}

function profileVariableSays(option: ConfigOption, { env, profile }: SourceInput): Said {
  const variable = profile?.variables.find(({ option: name }) => name === option.name);
  const read = variable?.read ?? ((text: string): unknown => readVariable(option, text));
  if (!variable) return { value: undefined, holder: undefined, read };
  const { name, whenEmpty } = variable;
  const said = variableSays(option, env, { name, kind: "profile environment", read });
  if (env[name] !== "" || whenEmpty === undefined) return said;
  return { ...said, value: { value: whenEmpty, source: fromVariable("profile environment", name) } };
}

interface Reading {
  /** Of the variable. */
  readonly name: string;
  readonly kind: Source["kind"];
  readonly read: Said["read"];
}

/** `NAME`, and where the option may be kept in a file, `NAME_FILE` beside it. An empty variable is an unset one. */
function variableSays(
  { fileForm }: ConfigOption,
  env: SourceInput["env"],
  { name, kind, read }: Reading,
): Said {
  const text = env[name] || undefined;
  const value = text === undefined ? undefined : { value: read(text), source: fromVariable(kind, name) };
  if (fileForm === undefined) return { value, holder: undefined, read };
  const holder = fileVariableOf(name);
  const path = env[holder] || undefined;
  return {
    value,
    holder: path === undefined ? undefined : { value: path, source: fromVariable(kind, holder) },
    read,
  };
}

/** A value that stands there is in the tree already; here it matters only beside the file that holds it. */
function fileSays(option: ConfigOption, { file, options }: SourceInput): Said {
  const given = (wanted: ConfigOption): Given | undefined => {
    const value = valueAt(file?.tree, wanted.path);
    return value === undefined ? undefined : { value, source: { kind: "file", label: `file ${file?.path}` } };
  };
  const holder = holderOf(option, options);
  return {
    value: holder && given(option),
    holder: holder && given(holder),
    read: (text) => readVariable(option, text),
  };
}

/** `secretFile` of `secret`. */
function holderOf(option: ConfigOption, options: readonly ConfigOption[]): ConfigOption | undefined {
  const wanted = `${option.name}File`;
  return option.fileForm && options.find(({ name }) => name === wanted);
}

function fromVariable(kind: Source["kind"], name: string): Source {
  return { kind, label: `environment ${name}` };
}

function has(values: OptionValues | undefined, name: string): boolean {
  return values !== undefined && Object.hasOwn(values, name);
}

/** `--flask-secret` of `--flask-secret <secret>`. */
export function flagName({ flags }: ProfileFlag): string {
  return flags.replace(/ .*/, "");
}

interface ValueFile {
  readonly path: string;
  readonly form: FileForm;
  /** For people: `environment BELFRY_SECRET_FILE`. */
  readonly from: string;
}

type FileValue =
  | { readonly isOk: true; readonly text: string }
  | { readonly isOk: false; readonly problem: string };

const maxCharacters = 4_096;
/** So much is read, to say how long it is instead. */
const maxBytes = 64 * 1024;

/** The text of the file, without the line break at its end. */
function readValueFile({ path, form, from }: ValueFile): FileValue {
  const place = `in the file ${path} (${from})`;
  let text: string;
  try {
    text = readNamedFile(path, maxBytes)
      .toString("utf8")
      .replace(/\r?\n$/, "");
  } catch (error) {
    return { isOk: false, problem: `Expected a secret ${place}, got ${describeFileError(error)}` };
  }
  const isWhole = form === "lines" || !/[\r\n]/.test(text);
  if (text.length >= 1 && text.length <= maxCharacters && isWhole) return { isOk: true, text };
  const expected = `${form === "line" ? "one line of " : ""}1-${maxCharacters} characters`;
  const got = text === "" ? "an empty file" : `${text.length} characters`;
  return { isOk: false, problem: `Expected ${expected} ${place}, got ${got}` };
}
