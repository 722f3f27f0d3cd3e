// The config's schema as plain JSON Schema: what an editor can check a file against, and what options.ts and
// problems.ts read instead of a validator's insides.

import { z } from "zod";

/** The parts of JSON Schema that the config uses. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  /** For the sentence that refuses another value. JSON Schema's `examples` is left out beside a default. */
  readonly example?: unknown;
  /** A secret: never shown. */
  readonly writeOnly?: boolean;
  /** A list of sections that is one option: JSON text in a flag and in the environment. */
  readonly isJson?: boolean;
}

/** JSON Schema (draft 2020-12) of a config file. */
export function jsonSchemaOf(schema: z.ZodType): SchemaNode {
  return z.toJSONSchema(schema, { io: "input" }) as SchemaNode;
}

/** The node that describes the value at `path`; undefined where no such option exists. */
export function nodeAt(root: SchemaNode, path: readonly PropertyKey[]): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const step of path) {
    if (!node) return undefined;
    node = typeof step === "number" ? listOf(node)?.items : memberOf(node, String(step));
  }
  return node;
}

/** The list form of a node that is one, or may be one. */
export function listOf(node: SchemaNode): SchemaNode | undefined {
  return node.type === "array" ? node : node.anyOf?.find((choice) => choice.type === "array");
}

function memberOf(node: SchemaNode, key: string): SchemaNode | undefined {
  if (node.properties && Object.hasOwn(node.properties, key)) return node.properties[key];
  return typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
}

/** What a value must be, for `Expected x to be ...`. */
export function expectation(node: SchemaNode): string {
  if (node.enum) return `one of ${node.enum.map((value) => `"${value}"`).join(", ")}`;
  if (node.anyOf) return node.anyOf.map(expectation).join(" or ");
  if (node.type === "boolean") return "true or false";
  if (node.type === "number" || node.type === "integer") return expectedNumber(node);
  if (node.type === "string") return expectedText(node);
  if (node.type === "array") return expectedList(node);
  if (node.properties) return `a section with ${Object.keys(node.properties).join(", ")}`;
  return "a section of names and values";
}

function expectedNumber({ type, minimum, maximum, exclusiveMinimum }: SchemaNode): string {
  const kind = type === "integer" ? "a whole number" : "a number";
  if (exclusiveMinimum !== undefined) return `${kind} above ${exclusiveMinimum}, at most ${maximum}`;
  return minimum === undefined ? kind : `${kind} from ${minimum} to ${maximum}`;
}

function expectedText({ minLength = 0, maxLength, pattern }: SchemaNode): string {
  const form = pattern === undefined ? "text" : `text that matches ${pattern}`;
  if (maxLength !== undefined) return `${form} of ${minLength}-${maxLength} characters`;
  return minLength > 0 ? `${form} of ${minLength} or more characters` : form;
}

function expectedList({ items, minItems = 0, maxItems, example }: SchemaNode): string {
  if (items?.properties) {
    const size = minItems > 0 ? `${minItems}-${maxItems}` : `up to ${maxItems}`;
    return `a list of ${size} sections${example === undefined ? "" : `, such as ${JSON.stringify(example)}`}`;
  }
  const size = minItems > 0 ? `a list of ${minItems} or more: ` : "a list of: ";
  return size + (items ? expectation(items) : "anything");
}
