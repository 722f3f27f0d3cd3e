// `belfry serve`: the gateway with the config from flags, environment and file.

import { Command, Option } from "commander";
import { loadConfig } from "../config/load.ts";
import type { LoadedConfig } from "../config/load.ts";
import { profileNamed } from "../config/model.ts";
import type { ConfigModel } from "../config/model.ts";
import { flagName } from "../config/sources.ts";
import type { FlagValue } from "../config/options.ts";
import { lacksSecret } from "../config/warnings.ts";
import type { Profile, ProfileFlag } from "../dialects/profile.ts";
import type { ClientFlags } from "./client-config.ts";
import { addConfigFlags, givenFlags, profileFlag } from "./config-flags.ts";
import { createSecret } from "./demo/demo.ts";
import { addHelpAll, profileHeading } from "./help.ts";
import type { Cli, Io } from "./io.ts";
import { runGateway } from "./run-gateway.ts";
import { CommandError } from "./failure.ts";

export interface ServeFlags extends ClientFlags {
  readonly verbose?: true;
}

const examples = (profiles: readonly Profile[]): string => `
Examples:
  belfry serve                              on 127.0.0.1:8899, without Redis
  belfry serve --redis redis://localhost:6379/0 --secret-file secret
  belfry serve -a 0.0.0.0:8899 --cors https://shop.example https://a.example
  belfry serve -c belfry.yaml --log-format json
${profiles.map(profileExample).join("")}
Every option can be set by a flag, the environment (\`belfry config env\` lists
the names) or a config file; a flag wins over the environment, the environment
over the file. SIGTERM, SIGINT or SIGHUP drains and ends; a second one ends at
once.`;

function profileExample({ name, example }: Profile): string {
  if (!example) return "";
  const line = `belfry serve --as ${name} ${example.flags}`;
  return `  ${line.padEnd(41)} ${example.meaning}\n`;
}

export function serveCommand(cli: Cli): Command {
  const { io, model } = cli;
  const command = new Command("serve").description("Run the gateway");
  addServeFlags(command, model);
  command.addHelpText("after", () => (command.opts<ServeFlags>().as ? "" : examples(model.profiles)));
  return command.action(async (flags: ServeFlags) => {
    const { loaded, profile } = await loadServed(command, flags, cli);
    const { config } = loaded;
    const isSecretMissing = profile !== undefined && lacksSecret(profile, config, model.dialects);
    const generatedSecret = isSecretMissing ? createSecret() : undefined;
    const notices = ineffective(profile, flags, io);
    await runGateway({
      ...cli,
      loaded: withSecret(loaded, generatedSecret),
      profile,
      notices,
      generatedSecret,
    });
  });
}

/** What `serve` would run with. */
export async function loadServed(
  command: Command,
  flags: ServeFlags,
  { io, model }: Cli,
): Promise<{ readonly loaded: LoadedConfig; readonly profile: Profile | undefined }> {
  const profile = chosenProfile(flags, model);
  const sources = {
    flags: withVerbose(givenFlags(command, model), flags),
    env: io.env,
    file: flags.config,
    profile,
    profileFlags: profile?.flags.filter(({ key }) => key in flags),
  };
  return { loaded: await loadConfig(sources, model), profile };
}

function withSecret(loaded: LoadedConfig, secret: string | undefined): LoadedConfig {
  return secret === undefined ? loaded : { ...loaded, config: { ...loaded.config, secret } };
}

/** The flags that make a config: `config print` and `config check` take the same. */
export function addServeFlags(command: Command, model: ConfigModel): void {
  const { profiles } = model;
  const others = profiles.flatMap(({ name, file }) =>
    file ? `; with --as ${name}, ${file.system}'s own` : [],
  );
  command
    .option("-c, --config <file>", `Config file, YAML or JSON${others.join("")} [BELFRY_CONFIG]`)
    .addOption(profileFlag(model))
    .option("-v, --verbose", "Log at level debug, and show stacks of errors");
  addHelpAll(command, model);
  addConfigFlags(command, model, ({ description }) => description);
  for (const { name, flags } of profiles) {
    for (const flag of flags) {
      command.addOption(new Option(flag.flags, flag.description).helpGroup(profileHeading(name)));
    }
  }
}

/** @throws CommandError when a flag of another profile was given. */
function chosenProfile(flags: ServeFlags, model: ConfigModel): Profile | undefined {
  for (const { name, flags: own } of model.profiles) {
    const stray = own.find(({ key }) => name !== flags.as && key in flags);
    if (!stray) continue;
    const flag = flagName(stray);
    throw new CommandError(`Expected \`${flag}\` (flag ${flag}) only with --as ${name}`);
  }
  return profileNamed(model, flags.as);
}

export function withVerbose(
  given: ReadonlyMap<string, FlagValue>,
  flags: ServeFlags,
): ReadonlyMap<string, FlagValue> {
  if (flags.verbose !== true || given.has("log.level")) return given;
  return new Map([...given, ["log.level", "debug"]]);
}

/** Names of the profile that were given and do nothing. */
function ineffective(profile: Profile | undefined, given: ServeFlags, { env }: Io): readonly string[] {
  const isIdle = ({ key, sets }: ProfileFlag): boolean => sets === undefined && key in given;
  const flags = profile?.flags.filter(isIdle) ?? [];
  const variables = profile?.variables.filter(({ name, option }) => option === undefined && env[name]) ?? [];
  return [...flags.map(flagName), ...variables.map(({ name }) => name)].map(
    (name) => `${name} has no effect`,
  );
}
