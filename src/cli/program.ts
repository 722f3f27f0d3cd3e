// The command line: every subcommand, its help, and what becomes of its errors. main.ts gives it a process.

import { Command, CommanderError } from "commander";
import { createConfigModel } from "../config/model.ts";
import type { ConfigModel } from "../config/model.ts";
import type { Dialects } from "../dialects/registry.ts";
import { configCommand } from "./config-commands.ts";
import { demoCommand } from "./demo-command.ts";
import { describeFailure } from "./failure.ts";
import { fullName, helpStyle } from "./help.ts";
import type { Cli, Io } from "./io.ts";
import { publishCommand } from "./publish.ts";
import { revokeCommand } from "./revoke.ts";
import { rulingCommands } from "./ruling.ts";
import { serveCommand } from "./serve.ts";
import { tailCommand } from "./tail.ts";
import { tokenCommand } from "./token.ts";
import { webhooksCommand } from "./webhooks.ts";
import { version } from "./version.ts";

const examples = ({ profiles: [first] }: ConfigModel): string => `
Examples:
  belfry demo                                       see it work, without Redis
  belfry serve --redis redis://localhost:6379/0     the real thing
${first ? `  ${`belfry serve --as ${first.name}`.padEnd(49)} in the place of ${first.name}\n` : ""}  belfry publish time update '{"time": 1}' --secret-file secret
  belfry tail --room 'dir::*'                       what is published now

Nothing arrives? docs/troubleshooting.md. All pages: docs/README.md, in the
folder where Belfry is installed.`;

/**
 * Runs one command line.
 * @param dialects all of this Belfry, unless a test brings its own.
 * @returns the exit code.
 */
export async function runProgram(args: readonly string[], io: Io, dialects?: Dialects): Promise<number> {
  try {
    const model = createConfigModel(dialects);
    await createProgram({ io, model }).parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    io.complain(describeFailure(error, args.includes("-v") || args.includes("--verbose")));
    return 1;
  }
}

function createProgram(cli: Cli): Command {
  const program = new Command("belfry")
    // An option is for the command that it stands behind.
    .enablePositionalOptions()
    .description("Belfry, a realtime gateway: publish once, and every browser in the room receives it.")
    .version(version, "-V, --version", "Print the version")
    .addHelpText("after", examples(cli.model));
  const commands = [
    serveCommand(cli),
    demoCommand(cli),
    ...publishCommand(cli),
    tailCommand(cli),
    configCommand(cli),
    tokenCommand(cli),
    ...rulingCommands(cli),
    webhooksCommand(cli),
    revokeCommand(cli),
  ];
  for (const command of commands) program.addCommand(command);
  settle(program, cli);
  return program;
}

/** Every command that does something can show where it failed. */
function addVerbose(command: Command): void {
  const isKnown = command.options.some(({ long }) => long === "--verbose");
  if (command.commands.length === 0 && !isKnown) command.option("-v, --verbose", "Show stacks of errors");
}

/** What other servers call our options: too far from our names for commander's own guess. */
const usualNames: Readonly<Record<string, string>> = {
  "--port": "--address",
  "--host": "--address",
  "--listen": "--address",
  "--origin": "--cors",
  "--origins": "--cors",
};

/** Says our name of an unknown option where the command has it. */
function withUsualName(text: string, { options }: Command): string {
  const [, given = ""] = /^error: unknown option '([^'=]+)/.exec(text) ?? [];
  const ours = options.find(({ long }) => long !== undefined && long === usualNames[given])?.long;
  return ours === undefined ? text : `error: unknown option '${given}'\n(Did you mean ${ours}?)`;
}

/** Commander neither ends the process nor writes past `io`; the same for every level of commands. */
function settle(command: Command, cli: Cli): void {
  const { io, model } = cli;
  addVerbose(command);
  command.configureHelp(helpStyle(command, model)).helpOption("-h, --help", "Show this help");
  if (command.commands.length > 0) command.helpCommand("help [command]", "Show the help of a command");
  command.exitOverride().configureOutput({
    writeOut: (text) => {
      io.print(text.trimEnd());
    },
    writeErr: (text) => {
      io.complain(text.trimEnd());
    },
    outputError: (text, write) => {
      write(withUsualName(text, command).replace(/^error: /, "belfry: "));
    },
  });
  command.showHelpAfterError(`Run \`${fullName(command)} --help\` for what it takes.`);
  for (const child of command.commands) settle(child, cli);
}
