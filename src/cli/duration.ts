// Times as commands take them: `90s`, `15m`, `12h`, `30d`.

import { CommandError } from "./failure.ts";

const unitSeconds = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** @param flag as the message names it. Throws CommandError. */
export function secondsOf(flag: string, text: string): number {
  const [, count = "", unit = ""] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * unitSeconds[unit as keyof typeof unitSeconds];
  if (Number.isSafeInteger(seconds)) return seconds;
  throw new CommandError(
    `Expected ${flag} as a number and s, m, h or d, such as 15m, got ${JSON.stringify(text)}`,
  );
}
