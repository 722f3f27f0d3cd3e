// Reads a config file: YAML, of which JSON is a part. What comes out is a plain tree that the schema then judges.
// Nothing of the file's text gets into a message: it may hold secrets.

import { LineCounter, parseDocument } from "yaml";
import { describeFileError, readNamedFile } from "../files/named-file.ts";

export type Tree = Record<string, unknown>;
export type FileResult =
  | { readonly isOk: true; readonly tree: Tree }
  | { readonly isOk: false; readonly problem: string };

const maxFileBytes = 1024 * 1024;

/** Never throws: a file that cannot be read is a problem too. */
export function readConfigFile(path: string): FileResult {
  let bytes: Buffer;
  try {
    bytes = readNamedFile(path, 16 * maxFileBytes);
  } catch (error) {
    return failed(`Expected a config file at ${path}, got ${describeFileError(error)}`);
  }
  if (bytes.length > maxFileBytes) {
    return failed(`Expected a config file of at most ${maxFileBytes} bytes at ${path}, got ${bytes.length}`);
  }
  const result = parseConfig(bytes.toString());
  return result.isOk ? result : failed(`Expected YAML or JSON in ${path}, got ${result.problem}`);
}

/** Parses the text of a config file. An empty one sets nothing. */
export function parseConfig(text: string): FileResult {
  try {
    const lines = new LineCounter();
    const document = parseDocument(text, { prettyErrors: false, lineCounter: lines, stringKeys: true });
    const [error] = [...document.errors, ...document.warnings];
    if (error) {
      const { line, col } = lines.linePos(error.pos[0]);
      return failed(`${error.code.toLowerCase().replaceAll("_", " ")} at line ${line}, column ${col}`);
    }
    const tree: unknown = document.toJS({ maxAliasCount: 100 });
    JSON.stringify(tree); // Throws when a level holds itself.
    if (tree === null) return { isOk: true, tree: {} };
    return isTree(tree) ? { isOk: true, tree } : failed("something else than a section at its top");
  } catch {
    return failed("aliases or levels without end"); // The library gave up on expanding it.
  }
}

/** A section, as opposed to a list or a single value. */
export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function failed(problem: string): FileResult {
  return { isOk: false, problem };
}
