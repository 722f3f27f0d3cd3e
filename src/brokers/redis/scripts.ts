// Lua scripts on Redis, which carries out each as one command: nothing comes between its steps.

import { createHash } from "node:crypto";
import { ErrorReply } from "@redis/client";
import { GatewayError } from "../../vocabulary/errors.ts";
import type { Commands } from "./commands.ts";
import { isDenied } from "./failure.ts";

export interface Script {
  readonly source: string;
  /** By which Redis finds it again. */
  readonly sha: string;
}

export function script(source: string): Script {
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}

export interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
  /** Strings of the reply; `line`: it is one status. @default "text" */
  readonly replies?: "text" | "bytes" | "line";
}

/**
 * Runs a script by its digest, and by its source where Redis has forgotten it, in a restart or a flush. Rejects as
 * {@link Commands.run} does.
 */
export async function runScript(
  commands: Commands,
  { sha, source }: Script,
  { keys, args, replies }: ScriptCall,
): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...args.map(String)];
  const run = (command: readonly string[]): Promise<unknown> =>
    replies === "line" ? commands.line(command) : commands.run(command, replies);
  try {
    return await run(["EVALSHA", sha, ...rest]);
  } catch (error) {
    if (!isForgotten(error)) throw error;
    return run(["EVAL", source, ...rest]);
  }
}

/** Does Redis not know the script any more? */
export function isForgotten(error: unknown): boolean {
  return refusalOf(error)?.startsWith("NOSCRIPT") === true;
}

/** What Redis said to a command that it refused; undefined: it was not reached. */
export function refusalOf(error: unknown): string | undefined {
  const cause = error instanceof GatewayError ? error.cause : undefined;
  return cause instanceof ErrorReply ? cause.message : undefined;
}

/**
 * Is it about what the keys of a script hold, so that it would come again however often the script runs? Not where Redis
 * takes no writes (OOM, READONLY), the user has no right to it now, or a person ended the script.
 */
export function isOfData(refusal: string): boolean {
  if (/killed/i.test(refusal) || isDenied(refusal)) return false;
  return refusal.startsWith("WRONGTYPE ") || (refusal.startsWith("ERR ") && refusal.includes("user_script"));
}

/** Does Redis refuse all writes, or everything, for some time? */
export function isPassing(refusal: string): boolean {
  return passing.test(refusal);
}

/** Redis 6.2 puts what a script met behind words of its own. */
const passing =
  /^(?:ERR Error running script .*: -?)?(?:BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY) /;
