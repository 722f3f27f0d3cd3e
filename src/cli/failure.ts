// What a failed command says: a sentence, and the stack only with --verbose.

import { GatewayError } from "../vocabulary/errors.ts";
import { printable } from "../observe/printable.ts";

/** A command that cannot do what was asked; the message is all that its user needs. */
export class CommandError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
  }
}

/** The lines for standard error. */
export function describeFailure(error: unknown, isVerbose: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  const lines = message.split("\n").map((line) => `belfry: ${printable(line)}`);
  if (isVerbose) return [...lines, ...stackLines(error)].join("\n");
  if (!isExpected(error)) lines.push("belfry: this was not expected; --verbose shows where it happened");
  return lines.join("\n");
}

function isExpected(error: unknown): boolean {
  return error instanceof GatewayError || error instanceof CommandError;
}

function stackLines(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const lines = (error.stack ?? "").split("\n").map(printable);
  return error.cause === undefined ? lines : [...lines, "caused by:", ...stackLines(error.cause)];
}
