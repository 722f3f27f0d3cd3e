// Which user, group and session names may become part of a Redis name (SEC-03): the last question before a name
// that a client chose is put together with a facility.

/** Longest name, in characters: Django's own bound on the names of users and groups. */
const maxLength = 150;
/** Controls, the separator of Redis names, half surrogates, and U+FFFD: several names would become the same bytes. */
const unsafe = /[\p{Cc}\p{Cs}\u{FFFD}:]/u;

/**
 * May this name stand in a composed Redis name? An empty one, one with `:` or a control character, and the word of
 * the old broadcast channel may not: they yield no channel under any naming (SEC-03).
 */
export function isSafeName(name: string): boolean {
  return name !== "" && name.length <= maxLength && name !== "_broadcast_" && !unsafe.test(name);
}
