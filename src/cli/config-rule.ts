// `belfry config rule <room>`: which rule a room has, and what follows from it: who may join, what browsers may say, what is
// kept, and whether it is told who is there.

import { Command } from "commander";
import type { LoadedConfig } from "../config/load.ts";
import { isRoomName, isRoomTooLong, roomSpace } from "../core/room-name.ts";
import { compileGlobs } from "../base/glob.ts";
import { createRoomRules } from "../config/room-rules.ts";
import type { JoinWay, RoomRule } from "../vocabulary/room-rules.ts";
import { CommandError } from "./failure.ts";
import type { Cli } from "./io.ts";
import { printable } from "../observe/printable.ts";
import { addServeFlags, loadServed } from "./serve.ts";
import type { ServeFlags } from "./serve.ts";

const examples = `
Examples:
  belfry config rule orders::42 -c belfry.yaml
  belfry config rule /chat,lobby          room \`lobby\` of the namespace \`/chat\``;

export function ruleCommand(cli: Cli): Command {
  const command = new Command("rule")
    .description("Say which rule a room has: who may join, what browsers may say, what is kept")
    .addHelpText("after", examples);
  addServeFlags(command.argument("<room>", "The room's name"), cli.model);
  return command.action(async (room: string) => {
    const { loaded } = await loadServed(command, command.opts<ServeFlags>(), cli);
    cli.io.print(printableLines(explainRule(room, loaded)));
  });
}

function printableLines(lines: readonly string[]): string {
  return lines.map(printable).join("\n");
}

/** Lines for people. @param label `R`, or `/chat,R` for room `R` of a namespace. */
function explainRule(
  label: string,
  { config, sourceOf }: Pick<LoadedConfig, "config" | "sourceOf">,
): readonly string[] {
  checkName(inNamespace(label), config.limits.nameBytes);
  const rule = createRoomRules(config.rooms, config.openRooms).ruleOf(label);
  const isByOldName = rule.publish === "members" && isWithoutPublish(rule, config.rooms);
  const open = isByOldName ? config.openRooms.find((glob) => compileGlobs([glob])(label)) : undefined;
  return [
    `Room:    ${label}`,
    `Rule:    ${whichRule(rule, config.rooms, (index) => sourceOf(["rooms", index]).label)}`,
    `Join:    ${whoJoins(rule, inNamespace(label))}`,
    `Publish: ${publishWords[rule.publish]}${open === undefined ? "" : ` (openRooms has \`${open}\`)`}`,
    `Kept:    ${whatIsKept(rule, config.tape)}`,
    `Present: ${rule.presence ? "members are told who is there" : "members are not told who is there"}`,
  ];
}

/** A name that every way in refuses has no rule, though a glob matches it. */
function checkName(room: string, maxBytes: number): void {
  if (isRoomName(room) && !isRoomTooLong(room, maxBytes)) return;
  throw new CommandError(
    `Expected the name of a room: 1 to ${maxBytes} bytes of UTF-8 (limits.nameBytes), in its room-space and behind it each,` +
      " without control characters. No client may join and no backend may publish to this one",
  );
}

type Written = LoadedConfig["config"]["rooms"];

function isWithoutPublish({ index }: RoomRule, rooms: Written): boolean {
  return index === undefined || rooms[index]?.publish === undefined;
}

function whichRule({ index }: RoomRule, rooms: Written, sourceOf: (index: number) => string): string {
  if (index !== undefined)
    return `rooms[${index}], match \`${rooms[index]?.match ?? ""}\` (${sourceOf(index)})`;
  const none = rooms.length === 0 ? "there are no rules" : `none of the ${rooms.length} in \`rooms\` matches`;
  return `none: ${none}, the room's name decides`;
}

const publishWords: Readonly<Record<RoomRule["publish"], string>> = {
  backends: "backends; what browsers say stays in their dialect",
  members: "backends and members; messages of browsers reach every dialect",
  none: "backends; browsers say nothing there",
};

/** The room's own name, which its room-space is read from. */
function inNamespace(label: string): string {
  return label.startsWith("/") && label.includes(",") ? label.slice(label.indexOf(",") + 1) : label;
}

function whoJoins({ join }: RoomRule, room: string): string {
  const space = roomSpace(room);
  const ways = join ?? defaultWays(space);
  return ways.map((way) => wayWords(way, space)).join("; ");
}

function defaultWays(space: string | undefined): readonly (JoinWay | "owner")[] {
  if (space === undefined) return ["anyone"];
  return isOwned(space) ? ["owner", "secret"] : ["secret"];
}

function isOwned(space: string | undefined): space is string {
  return space !== undefined && /^(?:user|group|session):./.test(space);
}

function wayWords(way: JoinWay | "owner", space: string | undefined): string {
  switch (way) {
    case "anyone":
      return "anyone";
    case "grant":
      return "clients that a backend puts there";
    case "token":
      return "clients with a token or a ticket that names the room";
    case "owner":
      return `visitors that \`${space}\` names`;
    case "user":
      return isOwned(space) ? `the user that \`${space}\` names` : "visitors with a user name";
    case "secret":
      return space === undefined
        ? "no client by secret: the name has no room-space (no `::`)"
        : `clients that show the secret of the room-space \`${space}\``;
    default:
      return `members of the group \`${way.slice("group:".length)}\``;
  }
}

function whatIsKept({ history }: RoomRule, { seconds }: LoadedConfig["config"]["tape"]): string {
  if (!history && seconds === 0) return "nothing: no log of its own, and no tape (tape.seconds is 0)";
  if (!history) return `no log of its own; the tape of each gateway has the last ${seconds} s`;
  return `a log of the last ${history.size} publications, until ${history.seconds} s after the last one`;
}
