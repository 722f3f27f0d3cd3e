// The users of a room as JSON, for the dialects that tell of them: infos stay the JSON text that they are.

import type { PresentUser } from "../vocabulary/presence-news.ts";
import { isJson } from "./json.ts";

export function usersText(users: readonly PresentUser[]): string {
  return `[${users.map(userText).join(",")}]`;
}

/** Another program may have written the info. */
function userText({ user, info }: PresentUser): string {
  const name = JSON.stringify(user);
  return info === undefined || !isJson(info) ? `{"user":${name}}` : `{"user":${name},"info":${info}}`;
}
