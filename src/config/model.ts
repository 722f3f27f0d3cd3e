// Everything that follows from a table of dialects: the schema of the config, its options, the profiles. It is made once
// by the command line, and again by a test that has another table.

import type { z } from "zod";
import type { Profile } from "../dialects/profile.ts";
import { dialects as registry } from "../dialects/registry.ts";
import type { Dialects } from "../dialects/registry.ts";
import { jsonSchemaOf } from "./json-schema.ts";
import type { SchemaNode } from "./json-schema.ts";
import { configOptions } from "./options.ts";
import type { ConfigOption } from "./options.ts";
import { createConfigSchema } from "./schema.ts";
import type { Config } from "./schema.ts";

export interface ConfigModel {
  readonly dialects: Dialects;
  readonly schema: z.ZodType<Config>;
  /** The schema as JSON Schema. */
  readonly json: SchemaNode;
  readonly options: readonly ConfigOption[];
  readonly profiles: readonly Profile[];
}

/** @param dialects those of this Belfry, unless a test brings its own. */
export function createConfigModel(dialects: Dialects = registry): ConfigModel {
  const schema = createConfigSchema(dialects);
  const json = jsonSchemaOf(schema);
  return {
    dialects,
    schema: schema as z.ZodType as z.ZodType<Config>,
    json,
    options: configOptions(json, dialects),
    profiles: Object.values(dialects).flatMap(({ profile }) => profile ?? []),
  };
}

/** The profile of `--as <name>`; undefined without one. */
export function profileNamed({ profiles }: ConfigModel, name: string | undefined): Profile | undefined {
  return profiles.find((profile) => profile.name === name);
}
