// Makes anything safe for one line of a log: secrets go by the field's name, by their place in a text (URLs,
// `name=value`, JSON) and by their value where it is known; nothing that could start a new line, colour a terminal
// or turn the reading direction passes (T17, T26, SEC-04). Last stop of every log field before the logger.

import type { LogFields } from "../core/observe.ts";
import { printable } from "./printable.ts";

/** What stands in the place of a secret. */
export const redacted = "[redacted]";

/** Longest text that is searched, and longest that is printed, in characters. */
const maxSearched = 8_192;
const maxPrinted = 1_000;

/** Masking a known secret of one or two letters would shred every line, and hide nothing. */
const minMasked = 3;

const secretField =
  /secret|token|passw|passphrase|cookie|authori[sz]ation|credential|session_?key|api_?key|private_?key|sids?$/i;
const fieldName = /^[a-z]\w{0,63}$/i;
/** Fields that the logger writes itself. */
const ownFields: ReadonlySet<string> = new Set(["level", "time", "event"]);

const urlCredentials = /([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/]*@/gi;
const authorization = /\b(Bearer|Basic|Digest) [^\s"',;]+/gi;
/** To the end of the text: where a value ends is a guess, and a hostile text makes it a wrong one. */
const namedSecret =
  /((?:secret|token|passw(?:or)?d|passphrase|cookie|authorization|credentials?|session_?key|api_?key|sid)[\\"'\]]{0,6}\s{0,3}[=:]).*/is;

/** Cleans texts and fields; knows the secrets of this gateway's configuration. */
export class Redactor {
  readonly #secrets: readonly string[];

  /** @param secrets values that no line may show, wherever they turn up (also percent-encoded). */
  constructor(secrets: readonly string[] = []) {
    this.#secrets = secrets
      .flatMap((secret) => [secret, encodeURIComponent(secret.toWellFormed())])
      .filter((secret) => secret.length >= minMasked)
      // The longest first: one secret may be a part of another.
      .sort((a, b) => b.length - a.length);
  }

  /** A text of at most 1,000 characters without secrets and unprintable characters. */
  text(text: string): string {
    let clean = text.slice(0, maxSearched);
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, redacted);
    clean = printable(
      clean
        .replace(urlCredentials, `$1${redacted}@`)
        .replace(authorization, `$1 ${redacted}`)
        .replace(namedSecret, `$1${redacted}`),
    );
    return clean.length > maxPrinted ? `${clean.slice(0, maxPrinted).toWellFormed()}...` : clean;
  }

  /** The fields with clean names and values. A field named like a secret keeps its name only. */
  fields(fields: LogFields): Record<string, string | number | boolean> {
    const clean: [string, string | number | boolean][] = [];
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      const isFit = fieldName.test(name) && !ownFields.has(name) && this.text(name) === name;
      clean.push([isFit ? name : "unnamed", secretField.test(name) ? redacted : this.#value(value)]);
    }
    return Object.fromEntries(clean);
  }

  #value(value: string | number | boolean): string | number | boolean {
    return typeof value === "string" ? this.text(value) : value;
  }
}
