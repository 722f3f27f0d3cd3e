// The name of a gateway as people read it in answers of the API and in logs: its host, and a part of its own, because one
// host may run several and a gateway that starts again is another.

import { hostname } from "node:os";
import { randomId } from "../base/random-id.ts";

/** So much of the host's name is shown. */
const hostLength = 40;
const ownLength = 8;

/** A new name: letters, digits, dots and dashes, at most 49. */
export function createGatewayName(host: string = hostname()): string {
  const shown = host.replaceAll(/[^A-Za-z0-9.-]+/g, "-").slice(0, hostLength);
  // It begins and ends with a letter or a digit.
  const readable = /[A-Za-z0-9]+(?:[.-]+[A-Za-z0-9]+)*/.exec(shown)?.[0] ?? "gateway";
  return `${readable}-${randomId(ownLength)}`;
}
