// The `limits` section of the config, made of the table in vocabulary/limits.ts.

import { z } from "zod";
import { limitTable } from "../vocabulary/limits.ts";
import type { LimitRow, Limits } from "../vocabulary/limits.ts";

function limit(row: LimitRow): z.ZodDefault<z.ZodNumber> {
  return z.number().int().min(row.min).max(row.max).default(row.default).describe(row.description);
}

const shape = Object.fromEntries(Object.entries(limitTable).map(([name, row]) => [name, limit(row)]));

export const limitsSchema = z
  .strictObject(shape as { [Name in keyof Limits]: z.ZodDefault<z.ZodNumber> })
  .refine((limits) => limits.sendQueueMaxBytes >= limits.sendQueueBytes, {
    path: ["sendQueueMaxBytes"],
    message: "at least as large as `limits.sendQueueBytes`",
  })
  .describe("Bounds on everything that a peer can grow");
