// What a person sees on the terminal when a gateway starts.

import type { Profile } from "../dialects/profile.ts";
import { columns } from "../config/table.ts";
import { terminalColumns, wrap } from "./wrap.ts";

export interface StartedGateway {
  readonly version: string;
  readonly listeners: readonly { readonly url: string; readonly dialects: readonly string[] }[];
  readonly broker: string;
}

/** Address, dialects, broker; then `more`, a line each. */
export function gatewayBanner(
  { version, listeners, broker }: StartedGateway,
  more: readonly string[] = [],
): string {
  const rows = [
    ...listeners.map(({ url, dialects }) => ["  listening", `${url} (${dialects.join(", ")})`]),
    ["  broker", broker],
  ];
  return [`Belfry ${version}`, columns(rows), ...more].join("\n");
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
