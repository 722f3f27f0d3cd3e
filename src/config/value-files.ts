// Values that are kept in files of their own, as secrets are in /run/secrets: one line is the value. layers.ts asks for
// them when the option is not said in a stronger way.

import { describeFileError, readNamedFile } from "../files/named-file.ts";

/** `lines`: several are fine, as in a PEM. */
export type FileForm = "line" | "lines";

export interface ValueFile {
  readonly path: string;
  readonly form: FileForm;
  /** For people: `environment BELFRY_SECRET_FILE`. */
  readonly from: string;
}

export type FileValue =
  | { readonly isOk: true; readonly text: string }
  | { readonly isOk: false; readonly problem: string };

const maxCharacters = 4_096;
/** So much is read, to say how long it is instead. */
const maxBytes = 64 * 1024;

/** The text of the file, without the line break at its end. */
export function readValueFile({ path, form, from }: ValueFile): FileValue {
  const place = `in the file ${path} (${from})`;
  let text: string;
  try {
    text = readNamedFile(path, maxBytes)
      .toString("utf8")
      .replace(/\r?\n$/, "");
  } catch (error) {
    return { isOk: false, problem: `Expected a secret ${place}, got ${describeFileError(error)}` };
  }
  const isWhole = form === "lines" || !/[\r\n]/.test(text);
  if (text.length >= 1 && text.length <= maxCharacters && isWhole) return { isOk: true, text };
  const expected = `${form === "line" ? "one line of " : ""}1-${maxCharacters} characters`;
  const got = text === "" ? "an empty file" : `${text.length} characters`;
  return { isOk: false, problem: `Expected ${expected} ${place}, got ${got}` };
}
