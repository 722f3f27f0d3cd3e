// What an HTTP operation takes and answers, as people and programs read it: docs/openapi.json and docs/api.md are printed from
// such tables (api/openapi.ts), those of dialects and those of the gateway alike. Imports nothing of ours.

import { z } from "zod";

/** A refusal that an operation can answer with. */
export interface DescribedRefusal {
  readonly status: number;
  /** For programs; a reason of the metrics (reasons.ts). */
  readonly code: string;
  readonly when: string;
}

export type Fields = Readonly<Record<string, z.ZodType>>;

export interface DescribedOperation {
  readonly method: "GET" | "POST";
  /** `/api/rooms/{room}`: each `{name}` is one segment, percent-encoded. */
  readonly path: string;
  /** Of the OpenAPI document. */
  readonly id: string;
  readonly summary: string;
  readonly description: string;
  /** What stands in the place of the `{name}`s. @default none */
  readonly names?: Fields;
  /** @default none */
  readonly query?: Fields;
  /** `any`: a body without a form. @default none */
  readonly body?: "any" | readonly z.ZodType[];
  /** The members of the body, for people. @default those of the first of its forms, an object */
  readonly bodyFields?: Fields;
  /** A 200 is one of these. */
  readonly answers: readonly z.ZodType[];
  readonly refusals: readonly DescribedRefusal[];
  /** What is said behind the tables. @default nothing */
  readonly remark?: string;
}

/** Operations, and the names that their schemas have in the OpenAPI document. */
export interface Described {
  readonly operations: readonly DescribedOperation[];
  readonly schemas: Fields;
}

export const errorSchema = z.strictObject({
  code: z.string().describe("For programs"),
  message: z.string().describe("A sentence for people, which repeats nothing of the request"),
  retry: z.boolean().describe("May the same work later?"),
});

export const problemSchema = z
  .strictObject({
    type: z.literal("about:blank"),
    title: z.string().describe("The status in words"),
    status: z.int(),
    detail: z.string().describe("`error.message`"),
    error: errorSchema,
  })
  .describe("It was refused (RFC 9457)");
