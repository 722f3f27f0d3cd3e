// `belfry rooms`, `room`, `who` and `kick`: what goes on on all gateways, and an end to connections, by the HTTP API of one of them
// (docs/api.md).

import { Command } from "commander";
import { z } from "zod";
import { roomLabel } from "../vocabulary/room-rules.ts";
import type { JoinWay } from "../vocabulary/room-rules.ts";
import { printable } from "../observe/printable.ts";
import { Asking, gateways, table } from "./asking.ts";
import type { AskingFlags, Query } from "./asking.ts";
import { CommandError } from "./failure.ts";
import { addGatewayFlags, gatewayOf } from "./gateway-flags.ts";
import type { Cli } from "./io.ts";
import { logWords, whoJoins, whoPublishes } from "./rule-words.ts";

interface RulingFlags extends AskingFlags {
  readonly namespace: string;
  readonly user?: string;
  readonly room?: string;
  readonly connection?: string;
}

export function rulingCommands(cli: Cli): readonly Command[] {
  return [roomsCommand(cli), roomCommand(cli), whoCommand(cli), kickCommand(cli)];
}

function roomsCommand(cli: Cli): Command {
  const command = withList(new Command("rooms"))
    .description("List the rooms that have members, on all gateways")
    .argument("[glob]", "Only rooms with such a name (`*`, `?`, `[...]`)");
  return withGateway(command, cli, roomsExamples).action(async (glob: string | undefined) => {
    const asked = await openAsking(command, cli);
    const query = { ...(glob !== undefined && { match: glob }) };
    const rows = await asked.list({ path: "/api/rooms", query, name: "rooms" }, roomRow);
    const shown = rows.map(({ room, namespace, connections, dialects }) => [
      roomLabel(room, namespace),
      String(connections),
      countsOf(dialects),
    ]);
    asked.print(rows, {
      head: ["ROOM", "CONNECTIONS", "DIALECTS"],
      rows: shown,
      none: "No room has members.",
    });
  });
}

const roomsExamples = `
Rooms of another namespace than \`/\` are written \`/chat,room\`.

Examples:
  belfry rooms --secret-file secret
  belfry rooms 'shop::*' -c belfry.yaml
  belfry rooms --json | jq .connections`;

function roomCommand(cli: Cli): Command {
  const command = withNamespace(new Command("room"))
    .description("Show one room: its members by dialect, its rule, its place in the log")
    .argument("<room>", "The room");
  return withGateway(command, cli, roomExamples).action(async (room: string) => {
    const asked = await openAsking(command, cli);
    const answer = await asked.get(`/api/rooms/${segment(room)}`, { namespace: asked.flags.namespace });
    const { connections, dialects, rule, at, ...told } = oneRoom.parse(answer);
    asked.warn(told);
    if (asked.flags.json) cli.io.print(JSON.stringify(answer));
    else {
      const lines = [
        ["Room:", roomLabel(room, asked.flags.namespace)],
        ["Connections:", connections === 0 ? "0" : `${connections} (${countsOf(dialects)})`],
        ["Rule:", rule.index === null ? "none, the room's name decides" : `rooms[${rule.index}]`],
        ["Join:", whoJoins(rule.join ?? undefined, room)],
        ["Publish:", whoPublishes[rule.publish]],
        ["Log:", rule.history ? logWords(rule.history) : "none (docs/recovery.md)"],
        ["Log ends at:", at ?? "-"],
      ];
      cli.io.print(table(lines));
    }
  });
}

const roomExamples = `
Examples:
  belfry room shop::orders --secret-file secret
  belfry room lobby --namespace /chat -c belfry.yaml`;

function whoCommand(cli: Cli): Command {
  const command = withNamespace(withList(new Command("who")))
    .description("List the connections in a room, on all gateways")
    .argument("<room>", "The room");
  return withGateway(command, cli, whoExamples).action(async (room: string) => {
    const asked = await openAsking(command, cli);
    const query = { room, namespace: asked.flags.namespace };
    const rows = await asked.list({ path: "/api/connections", query, name: "connections" }, connectionRow);
    const shown = rows.map(({ id, user, dialect, transport, address, since }) => [
      id,
      user ?? "-",
      dialect,
      transport ?? "-",
      address ?? "-",
      since,
    ]);
    const head = ["CONNECTION", "USER", "DIALECT", "TRANSPORT", "ADDRESS", "SINCE"];
    asked.print(rows, { head, rows: shown, none: "The room has no members." });
    if (asked.flags.json !== true && (await hasPresence(asked, room)))
      cli.io.print(await whoIsPresent(asked, room));
  });
}

async function hasPresence(asked: Asking<RulingFlags>, room: string): Promise<boolean> {
  const answer = await asked.get(`/api/rooms/${segment(room)}`, { namespace: asked.flags.namespace });
  return oneRoom.parse(answer).rule.presence;
}

/** What the members of a room with presence are told of each other: each user once. */
async function whoIsPresent(asked: Asking<RulingFlags>, room: string): Promise<string> {
  const query = { namespace: asked.flags.namespace, limit: String(shownUsers) };
  const { users, total, anonymous } = present.parse(
    await asked.get(`/api/rooms/${segment(room)}/presence`, query),
  );
  const names = users.map(({ user }) => printable(user)).join(", ");
  const rest = total > users.length ? `, and ${total - users.length} more` : "";
  return `Users present: ${total}${total === 0 ? "" : ` (${names}${rest})`}; connections without a user: ${anonymous}`;
}

const shownUsers = 100;
const present = z.object({
  users: z.array(z.object({ user: z.string() })),
  total: z.int(),
  anonymous: z.int(),
});

const whoExamples = `
Of a room with \`presence: true\` in its rule the users are named, too: each once.

Examples:
  belfry who shop::orders --secret-file secret
  belfry who lobby --namespace /chat --json | jq .user`;

function kickCommand(cli: Cli): Command {
  const command = withNamespace(new Command("kick"))
    .description("End connections: of a user, in a room, or one, on all gateways")
    .option("--user <name>", "Those of this user")
    .option("--room <room>", "Those in this room, with all their other rooms")
    .option("--connection <id>", "This one, by its id in `belfry who`");
  return withGateway(command, cli, kickExamples).action(async () => {
    const asked = await openAsking(command, cli);
    const { path, query } = orderOf(asked.flags);
    const answer = await asked.order(path, query);
    const { disconnected, ...told } = ended.parse(answer);
    asked.warn(told);
    cli.io.print(asked.flags.json ? JSON.stringify(answer) : `Connections that were ended: ${disconnected}`);
  });
}

const kickExamples = `
Their clients may come back: \`belfry revoke\` takes rights back.

Examples:
  belfry kick --user john --secret-file secret
  belfry kick --room shop::orders -c belfry.yaml
  belfry kick --connection web-1-5f2c81d0:17 --url http://gateway.example:8899`;

function orderOf({ user, room, connection, namespace }: RulingFlags): { path: string; query: Query } {
  const orders = [
    ...(user === undefined ? [] : [{ path: `/api/users/${segment(user)}/disconnect`, query: {} }]),
    ...(room === undefined ? [] : [{ path: `/api/rooms/${segment(room)}/disconnect`, query: { namespace } }]),
    ...(connection === undefined
      ? []
      : [{ path: `/api/connections/${segment(connection)}/disconnect`, query: {} }]),
  ];
  const [first] = orders;
  if (first && orders.length === 1) return first;
  throw new CommandError(`Expected one of --user, --room and --connection, got ${orders.length}`);
}

/** A name as one part of a path. */
function segment(name: string): string {
  if (name === "") throw new CommandError("Expected a name of 1 or more characters, got an empty one");
  if (name === "." || name === "..")
    throw new CommandError("Expected another name than `.` and `..`: the path of a URL cannot have them");
  if (!name.isWellFormed()) throw new CommandError("Expected a name in UTF-8, got something else");
  return encodeURIComponent(name);
}

const roomRow = z.looseObject({
  room: z.string(),
  namespace: z.string(),
  connections: z.int(),
  dialects: z.record(z.string(), z.int()),
});
const oneRoom = roomRow.extend({
  at: z.string().nullable(),
  rule: z.object({
    index: z.int().nullable(),
    join: z.array(z.custom<JoinWay>((way) => typeof way === "string")).nullable(),
    publish: z.enum(["backends", "members", "none"]),
    history: z.object({ size: z.int(), seconds: z.number() }).nullable(),
    presence: z.boolean(),
  }),
  silent: z.array(z.string()),
});
const connectionRow = z.looseObject({
  id: z.string(),
  user: z.string().nullable(),
  dialect: z.string(),
  transport: z.string().nullable(),
  address: z.string().nullable(),
  since: z.string(),
});
const ended = gateways.extend({ disconnected: z.int() });

function withList(command: Command): Command {
  return command.option("--limit <count>", "How many are listed at most", "1000");
}

function withNamespace(command: Command): Command {
  return command.option("--namespace <namespace>", "The namespace of the room", "/");
}

function withGateway(command: Command, cli: Cli, examples: string): Command {
  command
    .option("--json", "JSON: one object for each line of a list, or the answer of the gateway")
    .addHelpText("after", examples);
  addGatewayFlags(command, cli.model);
  return command;
}

async function openAsking(command: Command, cli: Cli): Promise<Asking<RulingFlags>> {
  return new Asking(cli.io, command.opts<RulingFlags>(), await gatewayOf(command, cli));
}

function countsOf(dialects: Readonly<Record<string, number>>): string {
  return Object.entries(dialects)
    .map(([dialect, count]) => `${dialect} ${count}`)
    .join(", ");
}
