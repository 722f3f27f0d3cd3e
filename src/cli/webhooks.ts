// `belfry webhooks`: what waits for each webhook, and the events that were given up, by `GET /api/webhooks` of a gateway.

import { Command } from "commander";
import { z } from "zod";
import { columns } from "../config/table.ts";
import { printable } from "../observe/printable.ts";
import { askApi } from "./api-request.ts";
import { CommandError } from "./failure.ts";
import { addGatewayFlags, gatewayOf } from "./gateway-flags.ts";
import type { GatewayFlags } from "./gateway-flags.ts";
import type { Cli } from "./io.ts";

const examples = `
Examples:
  belfry webhooks --secret-file secret
  belfry webhooks --letters 100 -c belfry.yaml
  belfry webhooks --json --url http://gateway.example:8899`;

interface WebhooksFlags extends GatewayFlags {
  readonly letters: string;
  readonly json?: true;
}

const event = z.object({ type: z.string(), room: z.string(), user: z.string().optional(), seq: z.int() });
const letter = z.object({ id: z.string(), text: z.string(), event: event.optional() });
const list = z.object({
  webhooks: z.array(
    z.object({ url: z.string(), waiting: z.int(), deadLetters: z.int(), newest: z.array(letter) }),
  ),
});
type Webhook = z.infer<typeof list>["webhooks"][number];

export function webhooksCommand(cli: Cli): Command {
  const command = new Command("webhooks")
    .description("Show what waits for each webhook, and the events that were given up")
    .option("--letters <count>", "How many of these events are shown for each URL", "20")
    .option("--json", "Print the answer of the gateway")
    .addHelpText("after", examples);
  addGatewayFlags(command, cli.model);
  return command.action(async () => {
    const flags = command.opts<WebhooksFlags>();
    const path = `/api/webhooks?letters=${lettersOf(flags)}`;
    const answer = await askApi(await gatewayOf(command, cli), { method: "GET", path });
    cli.io.print(flags.json ? JSON.stringify(answer) : pageOf(list.parse(answer).webhooks));
  });
}

function lettersOf({ letters }: WebhooksFlags): string {
  if (/^\d{1,4}$/.test(letters) && Number(letters) <= 1_000) return letters;
  throw new CommandError("Expected --letters as a number from 0 to 1000");
}

function pageOf(webhooks: readonly Webhook[]): string {
  if (webhooks.length === 0) return "The gateway has no webhooks.";
  const rows = webhooks.map(({ url, waiting, deadLetters }) => [url, String(waiting), String(deadLetters)]);
  const letters = webhooks.flatMap(({ newest }) => newest.map(rowOf));
  const tables = [columns([["URL", "WAITING", "DEAD LETTERS"], ...rows].map(cells))];
  if (letters.length > 0) {
    tables.push(columns([["ID", "EVENT", "ROOM", "USER", "SEQ", "GIVEN UP"], ...letters].map(cells)));
  }
  return tables.join("\n\n");
}

function rowOf({ id, text, event: of }: Webhook["newest"][number]): readonly string[] {
  return [id, of?.type ?? "-", of?.room ?? "-", of?.user ?? "-", String(of?.seq ?? "-"), text];
}

/** Names come from clients. */
function cells(row: readonly string[]): readonly string[] {
  return row.map((cell) => printable(cell));
}
