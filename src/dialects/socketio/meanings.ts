// Which events of a page mean something to the gateway; all others are its own affair.

import type { SocketIoContext } from "./context.ts";

/** Names of the pages of redis2websocket. */
const aliases = { watch: "join", stopwatch: "leave", my_ping: "ping" } as const;

/** What an event of this name asks for. */
export function meaningOf(
  name: string,
  { options, credentials }: Pick<SocketIoContext, "options" | "credentials">,
): "join" | "leave" | "ping" | "token" | "presence" | undefined {
  if (name === "join" || name === "leave") return name;
  if (name === options.presenceEvent) return "presence";
  if (name === "token" && credentials.acceptsTokens) return name;
  return options.aliases && Object.hasOwn(aliases, name) ? aliases[name as keyof typeof aliases] : undefined;
}
