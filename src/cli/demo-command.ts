// `belfry demo`, which `npm start` runs: a gateway on loopback with a page to look at and a publish secret made for
// this start. It reads no config file and no environment: what is set there is for real gateways.

import { Command } from "commander";
import { isLocal, parseAddress } from "../config/address.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { addConfigFlags, givenFlags } from "./config-flags.ts";
import { createSecret, demoRoutes, startClock } from "./demo/demo.ts";
import type { Cli } from "./io.ts";
import { runGateway } from "./run-gateway.ts";
import { withVerbose } from "./serve.ts";
import type { ServeFlags } from "./serve.ts";
import { CommandError } from "./failure.ts";

const demoOptions: ReadonlySet<string> = new Set(["address", "redis", "log.level", "log.format"]);

const examples = `
Examples:
  belfry demo                       then open http://localhost:8899/
  belfry demo --address 127.0.0.1:9000
  belfry demo --redis redis://localhost:6379/0    with your backend

The demo listens on loopback only, reads no config file and no environment, and
makes a new publish secret at every start. For anything else there is
\`belfry serve\`.`;

export function demoCommand(cli: Cli): Command {
  const { model } = cli;
  const command = new Command("demo")
    .description("See it work: a page with a clock, on http://localhost:8899/")
    .option("-v, --verbose", "Log at level debug, and show stacks of errors")
    .addHelpText("after", examples);
  addConfigFlags(command, model, ({ name, description }) =>
    demoOptions.has(name) ? description : undefined,
  );
  return command.action(async (flags: ServeFlags) => {
    const secret = createSecret();
    const given = new Map([...withVerbose(givenFlags(command, model), flags), ["secret", secret] as const]);
    const loaded = await loadConfig({ flags: given }, model);
    checkLocal(loaded.config);
    const routes = await demoRoutes(secret);
    await runGateway({
      ...cli,
      loaded,
      demo: { routes, banner: (url) => demoBanner(url, secret), start: (url) => startClock(url, secret) },
    });
  });
}

/** The page holds the publish secret. */
function checkLocal({ listeners }: Config): void {
  for (const { address } of listeners) {
    if (address === undefined || isLocal(parseAddress(address)?.host ?? "")) continue;
    const text = `Expected \`address\` to be a loopback address, because the page of the demo holds the publish secret, got "${address}" (flag --address)`;
    throw new CommandError(text);
  }
}

function demoBanner(listening: string, secret: string): readonly string[] {
  const url = listening.replace("//127.0.0.1:", "//localhost:");
  const body = JSON.stringify({ event: "message", room: "time", data: "hello", secret });
  return [
    `  publish secret of this start: ${secret}`,
    "",
    `Open ${url}/ and then try:`,
    `  curl -d '${body}' ${url}/emit`,
    "",
  ];
}
