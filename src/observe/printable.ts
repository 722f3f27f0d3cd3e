// Untrusted text on a terminal (T26): what could move the cursor, colour the screen, start a line or turn the
// reading direction is shown as an escape.

/** Control and format characters, line and paragraph separators, lone surrogates. */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** One line of text, whatever came. */
export function printable(text: string): string {
  return text.replace(unsafe, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/**
 * The same JSON on one line and without unsafe characters. Line breaks and tabs can stand between the values only,
 * the others inside strings only, where the escape means the same.
 */
export function printableJson(json: string): string {
  return json.replace(/[\t\r\n]/g, " ").replace(unsafe, (character) =>
    Array.from({ length: character.length }, (_, index) => {
      return `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
    }).join(""),
  );
}
