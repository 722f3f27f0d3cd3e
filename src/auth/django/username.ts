// From a session to a user name: a Django session knows only the user's primary key (DJS-09). Stands behind
// sessions.ts; a visitor without a key in the session is not logged in and has no name.

import type { KeyStore } from "../../core/keys.ts";
import { readUtf8 } from "../../codec/utf8.ts";
import { isSafeName } from "../../base/safe-name.ts";
import type { SessionFields } from "./session-value.ts";

/** Where user names are found. */
export type UsernameMapping =
  | { readonly kind: "pk" }
  | { readonly kind: "session"; readonly field: string }
  | { readonly kind: "hash"; readonly key: string }
  /** One Redis string for each user; `{id}` in its name stands for the primary key. */
  | { readonly kind: "keys"; readonly template: string };

const placeholder = "{id}";

/** Reads `pk`, `session:<key>`, `hash:<redis key>` and `hash:<redis key with {id}>`; undefined for anything else. */
export function readUsernameMapping(text: string | undefined): UsernameMapping | undefined {
  if (text === "pk") return { kind: "pk" };
  const end = text?.indexOf(":") ?? -1;
  const rest = text?.slice(end + 1) ?? "";
  if (text === undefined || end === -1 || rest === "") return undefined;
  const kind = text.slice(0, end);
  if (kind === "session") return { kind: "session", field: rest };
  if (kind !== "hash") return undefined;
  return rest.includes(placeholder) ? { kind: "keys", template: rest } : { kind: "hash", key: rest };
}

/** What every Redis name of the mapping begins with: the hash itself, or all before `{id}`; undefined: it has none. */
export function usernameKeyPrefix(mapping: UsernameMapping | undefined): string | undefined {
  if (mapping?.kind === "hash") return mapping.key;
  return mapping?.kind === "keys"
    ? mapping.template.slice(0, mapping.template.indexOf(placeholder))
    : undefined;
}

/** The primary key of the user who is logged in, as text (`_auth_user_id`). */
export function userId(fields: SessionFields): string | undefined {
  const id = fields("_auth_user_id");
  if (typeof id === "bigint") return `${id}`;
  return typeof id === "string" && id !== "" ? id : undefined;
}

export interface NamedBy {
  readonly mapping: UsernameMapping | undefined;
  readonly store: Pick<KeyStore, "getBytes" | "getField">;
}

/**
 * The name of the user with this primary key; undefined: none is known, and the user audience stays closed.
 * Rejects with GatewayError `bus_unavailable` when the store cannot be reached.
 */
export async function findUsername(
  id: string,
  fields: SessionFields,
  { mapping, store }: NamedBy,
): Promise<string | undefined> {
  switch (mapping?.kind) {
    case undefined:
      return undefined;
    case "pk":
      return id;
    case "session": {
      const name = fields(mapping.field);
      return typeof name === "string" && name !== "" ? name : undefined;
    }
    case "hash":
      return readName(await store.getField(mapping.key, id));
    case "keys": {
      // A primary key that a user chose must not end its part of the name (SEC-03).
      if (!isSafeName(id)) return undefined;
      const [value] = await store.getBytes([mapping.template.replaceAll(placeholder, () => id)]);
      return readName(value);
    }
    default:
      return mapping satisfies never;
  }
}

function readName(bytes: Buffer | undefined): string | undefined {
  return (bytes && readUtf8(bytes)) || undefined;
}
