// `belfry config rule <room>`: which rule a room has, and what follows from it: who may join, what browsers may say, what is
// kept, and whether it is told who is there.

import { Command } from "commander";
import type { LoadedConfig } from "../config/load.ts";
import { isRoomName, isRoomTooLong } from "../core/room-name.ts";
import { compileGlobs } from "../base/glob.ts";
import { createRoomRules } from "../config/room-rules.ts";
import type { RoomRule } from "../vocabulary/room-rules.ts";
import { CommandError } from "./failure.ts";
import type { Cli } from "./io.ts";
import { printable } from "../observe/printable.ts";
import { logWords, whoJoins, whoPublishes } from "./rule-words.ts";
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
    `Join:    ${whoJoins(rule.join, inNamespace(label))}`,
    `Publish: ${whoPublishes[rule.publish]}${open === undefined ? "" : ` (openRooms has \`${open}\`)`}`,
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

/** The room's own name, which its room-space is read from. */
function inNamespace(label: string): string {
  return label.startsWith("/") && label.includes(",") ? label.slice(label.indexOf(",") + 1) : label;
}

function whatIsKept({ history }: RoomRule, { seconds }: LoadedConfig["config"]["tape"]): string {
  if (!history && seconds === 0) return "nothing: no log of its own, and no tape (tape.seconds is 0)";
  if (!history) return `no log of its own; the tape of each gateway has the last ${seconds} s`;
  return `a log of ${logWords(history)}`;
}
