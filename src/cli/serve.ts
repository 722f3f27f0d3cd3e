// `belfry serve`: the gateway with the config from flags, environment and file.

import { Command, Option } from "commander";
import { loadConfig } from "../config/load.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Profile, ProfileFlag } from "../config/profiles/profile.ts";
import { profileNamed, profiles } from "../config/profiles/registry.ts";
import { flagName } from "../config/sources.ts";
import type { FlagValue } from "../config/text.ts";
import { addConfigFlags, givenFlags } from "./config-flags.ts";
import { createSecret } from "./demo/demo.ts";
import { helpEnd, profileHeading } from "./help.ts";
import type { Io } from "./io.ts";
import { runGateway } from "./run-gateway.ts";
import { CommandError } from "./failure.ts";

export interface ServeFlags {
  readonly config?: string;
  readonly as?: string;
  readonly verbose?: true;
}

const examples = `
Examples:
  belfry serve                              on 127.0.0.1:8899, without Redis
  belfry serve --redis redis://localhost:6379/0 --secret-file secret
  belfry serve -a 0.0.0.0:8899 --cors https://shop.example https://a.example
  belfry serve -c belfry.yaml --log-format json
  belfry serve --as ws-emit                 with its environment and defaults
  belfry serve --as ws-hub -c config.yaml   with WS-HUB's own config file
  belfry serve --as ws4redis --help         what matters for ws4redis

Every option can be set by a flag, the environment (\`belfry config env\` lists
the names) or a config file; a flag wins over the environment, the environment
over the file. SIGTERM, SIGINT or SIGHUP drains and ends; a second one ends at
once.`;

export function serveCommand(io: Io): Command {
  const command = new Command("serve").description("Run the gateway");
  command.addHelpText("after", () => helpEnd(command, examples));
  addServeFlags(command);
  return command.action(async (flags: ServeFlags) => {
    const { loaded, profile } = await loadServed(command, flags, io);
    const { config } = loaded;
    const isSecretMissing = config.secret === undefined && profile?.generatesSecret?.(config) === true;
    const generatedSecret = isSecretMissing ? createSecret() : undefined;
    const notices = ineffective(profile, flags, io);
    await runGateway({ loaded: withSecret(loaded, generatedSecret), profile, notices, generatedSecret, io });
  });
}

/** What `serve` would run with. */
export async function loadServed(
  command: Command,
  flags: ServeFlags,
  { env }: Io,
): Promise<{ readonly loaded: LoadedConfig; readonly profile: Profile | undefined }> {
  const profile = chosenProfile(flags);
  const loaded = await loadConfig({
    flags: withVerbose(givenFlags(command), flags),
    env,
    file: flags.config,
    profile,
    profileFlags: profile?.flags.filter(({ key }) => key in flags),
  });
  return { loaded, profile };
}

function withSecret(loaded: LoadedConfig, secret: string | undefined): LoadedConfig {
  return secret === undefined ? loaded : { ...loaded, config: { ...loaded.config, secret } };
}

/** The flags that make a config: `config print` and `config check` take the same. */
export function addServeFlags(command: Command): void {
  command
    .option(
      "-c, --config <file>",
      "Config file, YAML or JSON; with --as ws-hub, WS-HUB's own [BELFRY_CONFIG]",
    )
    .addOption(profileFlag())
    .option("-v, --verbose", "Log at level debug, and show stacks of errors");
  addConfigFlags(command, ({ description }) => description);
  for (const { name, flags } of profiles) {
    for (const flag of flags) {
      command.addOption(new Option(flag.flags, flag.description).helpGroup(profileHeading(name)));
    }
  }
}

/** `--as <profile>` */
export function profileFlag(): Option {
  return new Option("--as <profile>", "Stand in for another system").choices(
    profiles.map(({ name }) => name),
  );
}

/** @throws CommandError when a flag of another profile was given. */
function chosenProfile(flags: ServeFlags): Profile | undefined {
  for (const { name, flags: own } of profiles) {
    const stray = own.find(({ key }) => name !== flags.as && key in flags);
    if (!stray) continue;
    const flag = flagName(stray);
    throw new CommandError(`Expected \`${flag}\` (flag ${flag}) only with --as ${name}`);
  }
  return flags.as === undefined ? undefined : profileNamed(flags.as);
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
