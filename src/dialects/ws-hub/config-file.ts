// WS-HUB's own config file, for `--as ws-hub`: from the parsed YAML, with keys written in any case, to our
// settings. Pure. No sentence repeats a value, because one of them may be the password.

import { GatewayError } from "../../vocabulary/errors.ts";
import type { ProfileFileContent } from "../profile.ts";
import { wsHubOptions } from "./options.ts";

/** One key of the file. */
interface Field<Value> {
  /** As people write it: `redis.db`. */
  readonly name: string;
  /** Another place where it may stand. */
  readonly alias?: string;
  readonly expected: string;
  /** @returns undefined when the value is wrong. */
  read(value: unknown): Value | undefined;
}

/** A number; WS-HUB takes digits in quotes too. */
function asNumber(value: unknown): unknown {
  return typeof value === "string" && /^\d{1,9}(\.\d{1,9})?$/.test(value) ? Number(value) : value;
}

function asBoolean(value: unknown): unknown {
  const words: Readonly<Record<string, boolean>> = { true: true, false: false };
  return typeof value === "string" ? (words[value.toLowerCase()] ?? value) : value;
}

type OptionName = keyof typeof wsHubOptions.shape;

/** A key that is one of the dialect's options: the schema judges it. */
function option(
  name: OptionName,
  expected: string,
  cast = (value: unknown): unknown => value,
): Field<unknown> & { readonly option: OptionName } {
  const read = (value: unknown): unknown => wsHubOptions.shape[name].safeParse(cast(value)).data;
  return { name, expected, read, option: name };
}

/** A number of the section `webSocket:`; at the top of the file it means the same. */
function socketOption(name: OptionName, expected: string): ReturnType<typeof option> {
  return { ...option(name, expected, asNumber), name: `webSocket.${name}`, alias: name };
}

const seconds = "a number of seconds above 0, at most 86,400";

const optionFields = [
  option("clientKey", "1-100 letters, digits or `_.~-`"),
  option("serverUrl", "a path that begins with `/`"),
  socketOption("pongWait", seconds),
  socketOption("writeWait", seconds),
  socketOption("maxMessageSize", "a whole number of bytes from 1 to 16,777,216"),
  option("fromHeader", "true or false", asBoolean),
  { ...option("channelPrefix", "text of at most 100 characters"), name: "redis.channelPrefix" },
] as const;

function hostAndPort(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const [, port] = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[\w.-]{0,253}):(\d{1,5})$/.exec(value) ?? [];
  return port !== undefined && Number(port) <= 65_535 ? value : undefined;
}

function database(value: unknown): number | undefined {
  const number = asNumber(value);
  return typeof number === "number" && Number.isInteger(number) && number >= 0 ? number : undefined;
}

const addressField: Field<string> = {
  name: "address",
  expected: "`host:port` or `:port`",
  read: hostAndPort,
};
const redisAddress: Field<string> = {
  ...addressField,
  name: "redis.address",
  alias: "redis.addr",
  expected: "`host:port`",
};
const redisDb: Field<number> = { name: "redis.db", expected: "a whole number from 0", read: database };
const redisPassword: Field<string> = {
  name: "redis.password",
  expected: "text (a number needs quotes)",
  read: (value) => (typeof value === "string" ? value : undefined),
};

/** Without a meaning here: connections are kept, and kept alive, by the gateway itself. */
const idleKeys = ["redis.timeout", "redis.idleConn"] as const;

/** Keys of sections. */
const sections = ["redis", "webSocket"] as const;

const fields: readonly Field<unknown>[] = [
  ...optionFields,
  addressField,
  redisAddress,
  redisDb,
  redisPassword,
];
const known: ReadonlySet<string> = new Set(
  fields
    .flatMap(({ name, alias }) => [name, alias ?? name])
    .concat(idleKeys)
    .map((name) => name.toLowerCase()),
);

/** Throws GatewayError `config_invalid` with a line for each wrong value. */
export function readHubFile(file: unknown): ProfileFileContent {
  const { values, problems } = flatten(file);
  const take = <Value>(field: Field<Value>): Value | undefined => {
    const given = givenIn({ values, problems }, field);
    if (given === undefined) return undefined;
    const value = field.read(given.value);
    if (value === undefined) problems.push(`Expected \`${given.name}\` to be ${field.expected}`);
    return value;
  };
  const settings: readonly (readonly [string, unknown])[] = [
    ...optionFields.map((field) => [`ws-hub.${field.option}`, take(field)] as const),
    ["address", take(addressField)],
    ["redis", redisUrl({ server: take(redisAddress), db: take(redisDb), password: take(redisPassword) })],
  ];
  if (problems.length > 0) throw new GatewayError("config_invalid", problems.join("\n"));
  return {
    values: Object.fromEntries(settings.filter(([, value]) => value !== undefined)),
    notes: idleKeys
      .filter((name) => values.has(name.toLowerCase()))
      .map((name) => `\`${name}\` is accepted without effect`),
    warnings: [...values.keys()]
      .filter((name) => !known.has(name))
      .slice(0, 20)
      .map((name) => `${shown(name)} is no setting of WS-HUB: without effect`),
  };
}

interface Flat {
  /** By the key in small letters, `redis.db` for one of a section. Unset ones are left out. */
  readonly values: ReadonlyMap<string, unknown>;
  readonly problems: string[];
}

/** What the file says of a field, and the name that it says it under. */
function givenIn(
  { values, problems }: Flat,
  { name, alias = name }: Field<unknown>,
): { readonly name: string; readonly value: unknown } | undefined {
  const places = [...new Set([name, alias])].filter((place) => values.has(place.toLowerCase()));
  if (places.length > 1) problems.push(`Expected \`${name}\` or \`${alias}\`, got both`);
  const [place] = places;
  return place === undefined ? undefined : { name: place, value: values.get(place.toLowerCase()) };
}

function flatten(file: unknown): Flat {
  const values = new Map<string, unknown>();
  const problems: string[] = [];
  const add = (section: object, prefix: string): void => {
    for (const [key, value] of Object.entries(section) as [string, unknown][]) {
      const name = prefix + key.toLowerCase();
      if (value === null || value === undefined) continue;
      const section = sections.find((one) => one.toLowerCase() === name);
      if (values.has(name)) problems.push(`Expected ${shown(name)} once, got it twice in different case`);
      else if (section !== undefined && isSection(value)) add(value, `${name}.`);
      else if (section !== undefined) problems.push(`Expected \`${section}\` to be a section`);
      else values.set(name, value);
    }
  };
  if (isSection(file)) add(file, "");
  else if (file !== null && file !== undefined) problems.push("Expected a file of keys and values");
  return { values, problems };
}

function isSection(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

interface HubRedis {
  readonly server: string | undefined;
  readonly db: number | undefined;
  readonly password: string | undefined;
}

/** What the file leaves out is as in WS-HUB's sample. */
function redisUrl({ server, db, password }: HubRedis): string | undefined {
  if (server === undefined && db === undefined && password === undefined) return undefined;
  const login =
    password === undefined || password === "" ? "" : `:${encodeURIComponent(password.toWellFormed())}@`;
  const place = server ?? "localhost:6379";
  return `redis://${login}${place.startsWith(":") ? "localhost" : ""}${place}/${db ?? 0}`;
}

/** A name out of the file, safe for one line. */
function shown(name: string): string {
  return `\`${name.slice(0, 60).replace(/[^\w.-]/g, "?")}\``;
}
