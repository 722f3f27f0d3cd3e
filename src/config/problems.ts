// The schema's complaints as sentences: which option, where its value came from, what was expected and what came.
// A secret's value is never shown, nor is the value of an unknown key.

import type { z } from "zod";
import { valueAt } from "./file.ts";
import { expectation, nodeAt } from "./json-schema.ts";
import type { SchemaNode } from "./json-schema.ts";
import type { Layers } from "./layers.ts";
import { isSecret } from "./options.ts";
import { hint } from "./suggest.ts";

const shownCharacters = 60;
const shownNames = 8;

/** One sentence per issue; an unknown key gives one of its own. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  layers: Layers,
  schema: SchemaNode,
): readonly string[] {
  return issues.flatMap((issue) => {
    if (issue.code !== "unrecognized_keys") return [describeIssue(issue, layers, schema)];
    const known = Object.keys(nodeAt(schema, issue.path)?.properties ?? {});
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const near = hint(key, known) || namesThere(known);
      return `Unknown option \`${optionName(path)}\` (${layers.sourceOf(path).label})${near}`;
    });
  });
}

/** Of a short section all names: none of them is near to the one that came. */
function namesThere(known: readonly string[]): string {
  return known.length > 0 && known.length <= shownNames
    ? `: expected one of ${known.map((name) => `\`${name}\``).join(", ")}`
    : "";
}

/** A value for people: short, and without the password of a URL. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "a section";
  if (value === undefined) return "nothing";
  if (typeof value === "string" && mayHoldPassword(value)) return showHidden(value);
  const text = JSON.stringify(typeof value === "string" ? maskUrl(value) : value);
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}...` : text;
}

const urlPassword = /^([a-z][a-z0-9+.-]*:\/\/[^:@/]*:)[^/?]*@/i;

/** Hides the password of a URL. */
export function maskUrl(text: string): string {
  return text.replace(urlPassword, "$1***@").replace(/([?&]password=)[^&]*/gi, "$1***");
}

/** A URL with a mistake: where its password ends cannot be told. */
function mayHoldPassword(text: string): boolean {
  return text.includes("@") && !urlPassword.test(text);
}

/** `listeners[0].origins` */
function optionName(path: readonly PropertyKey[]): string {
  return path.map((step, index) => nameStep(step, index)).join("");
}

function nameStep(step: PropertyKey, index: number): string {
  if (typeof step === "number") return `[${step}]`;
  return index === 0 ? String(step) : `.${String(step)}`;
}

function describeIssue(issue: z.core.$ZodIssue, layers: Layers, schema: SchemaNode): string {
  const source = layers.sourceOf(issue.path);
  const name = optionName(issue.path) || "the config";
  const hasSentence = issue.message.startsWith("Expected ");
  // A sentence of its own, from the code that will use the value.
  if (issue.code === "custom" && hasSentence) return `${issue.message} (\`${name}\`, ${source.label})`;
  const value = valueAt(layers.tree, issue.path);
  const node = nodeAt(schema, issue.path);
  const got = isHidden(issue.path, schema) ? showHidden(value) : showFor(node, value);
  if (hasSentence) return `${issue.message}, got ${got} (\`${name}\`, ${source.label})`;
  const expected = expectedBy(issue, node);
  return `Expected \`${name}\` to be ${expected}, got ${got} (${source.label})`;
}

/** A list that is one option is JSON in a flag: text there is what could not be read. */
function showFor(node: SchemaNode | undefined, value: unknown): string {
  if (node?.isJson === true && typeof value === "string") return `text that is no JSON: ${show(value)}`;
  return node?.type === "array" && show(value) === "a section" ? "one section without a list" : show(value);
}

function expectedBy(issue: z.core.$ZodIssue, node: SchemaNode | undefined): string {
  if (issue.code === "custom") return issue.message;
  if (issue.code === "invalid_key") return "a name of at most 256 characters";
  return node ? expectation(node) : "something else";
}

/** The secret itself, or anything around or below it. */
function isHidden(path: readonly PropertyKey[], schema: SchemaNode): boolean {
  return path.some((_, index) => {
    const node = nodeAt(schema, path.slice(0, index + 1));
    return node !== undefined && isSecret(node);
  });
}

/** Enough to find the mistake, nothing of the value. */
function showHidden(value: unknown): string {
  if (typeof value === "string") return `a text of ${value.length} characters, not shown`;
  if (typeof value === "number" || typeof value === "boolean") return `a ${typeof value}: put it in quotes`;
  return show(value);
}
