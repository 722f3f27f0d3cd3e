// What a person sees on the terminal when a gateway starts.

import type { Profile } from "../dialects/profile.ts";
import { columns } from "../config/table.ts";
import { terminalColumns, wrap } from "./wrap.ts";

export interface StartedGateway {
  readonly version: string;
  readonly listeners: readonly {
    readonly url: string;
    readonly dialects: readonly string[];
    /** As the config has them. */
    readonly origins?: "*" | readonly string[] | undefined;
    /** Does a dialect of it let in pages of these origins alone? */
    readonly asksOrigin: boolean;
  }[];
  readonly broker: string;
  /** The ways in for backends; without them, nothing is said of pages and publishing. */
  readonly ways?: PublishWays | undefined;
}

export interface PublishWays {
  readonly hasSecret: boolean;
  readonly hasRedis: boolean;
}

/** Address, dialects, broker, which pages may connect, how backends publish; then `more`, a line each. */
export function gatewayBanner(
  { version, listeners, broker, ways }: StartedGateway,
  more: readonly string[] = [],
): string {
  const pages = [
    ...new Set(listeners.flatMap(({ origins, asksOrigin }) => (asksOrigin ? [pagesOf(origins)] : []))),
  ];
  const rows = [
    ...listeners.map(({ url, dialects }) => ["  listening", `${url} (${dialects.join(", ")})`]),
    ["  broker", broker],
    ...(ways ? [...pages.map((text) => ["  pages", text]), ["  publish", publishText(ways)]] : []),
  ];
  return [`Belfry ${version}`, columns(rows), ...more].join("\n");
}

function pagesOf(origins: "*" | readonly string[] | undefined): string {
  if (origins === undefined) return "of the gateway's own origin alone; --cors adds others";
  if (origins === "*") return "of every origin";
  return origins.length === 0 ? "none" : `of ${origins.join(", ")}`;
}

function publishText({ hasSecret, hasRedis }: PublishWays): string {
  if (hasRedis)
    return `on Redis${hasSecret ? ", and over HTTP with the publish secret" : "; over HTTP with --secret-file"}`;
  return hasSecret
    ? "over HTTP with the publish secret; on Redis with --redis"
    : "no backend can: --secret-file lets them over HTTP, --redis on Redis";
}

/** What is emulated, and what of it on purpose is not (WSE-01). */
export function profileBanner({ description, notReproduced }: Profile): string {
  const title = `Stands in for ${description}. Unsafe behaviour of the original that is left out:`;
  const hanging = notReproduced.flatMap((line) =>
    wrap(line, terminalColumns - 4).map((part, index) => (index === 0 ? `  ${part}` : `    ${part}`)),
  );
  return [...wrap(title, terminalColumns), ...hanging].join("\n");
}

/** The one place where a secret is shown: without it, publishing would be impossible. */
export function secretBanner(secret: string): string {
  return `No publish secret is given. The secret of this start is: ${secret} (set your own with --secret-file)`;
}
