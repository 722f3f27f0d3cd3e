// What sections of the config say about requests of the gateway: URLs, the secrets that sign, and addresses that are allowed.

import { isIP } from "node:net";
import { z } from "zod";
import { isAddressRange } from "../base/ip-address.ts";
import { createAddressRule } from "./address-rule.ts";
import { readSigningSecret, secretRecipe } from "./signature.ts";

/** A fixed URL, without secrets that would stand in plain sight. */
export const outboundUrl = z
  .url({ protocol: /^https?$/, error: "Expected an http or https URL" })
  .max(2_048)
  .refine((text) => {
    const { username, password, hash } = URL.parse(text) ?? {};
    return !username && !password && !hash;
  }, "Expected a URL without user, password and fragment");

/** Never shown: `writeOnly` is JSON Schema's word for it. */
export const signingSecret = z
  .string()
  .max(256)
  .refine((text) => readSigningSecret(text) !== undefined, `Expected a signing secret: ${secretRecipe}`)
  .meta({ writeOnly: true });

/** Where requests may go beside the public Internet. */
export const privateRanges = z
  .array(z.string().refine(isAddressRange, "an address or a range such as 10.0.0.0/8"))
  .max(100)
  .default([])
  .describe("Addresses and ranges that requests may go to though they are not public, there by http too");

/** Why requests to this URL would be refused whatever its name means, as far as that is known without asking for its address. */
export function outboundProblem(url: string, allowPrivate: readonly string[]): string | undefined {
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const address = /(^|\.)localhost$/.test(host) ? "127.0.0.1" : host;
  const refusal = isIP(address) === 0 ? undefined : createAddressRule(allowPrivate)(address, protocol);
  if (refusal === "address_blocked") {
    return `Expected a public address, or one that is listed in \`allowPrivate\`, got ${address}`;
  }
  if (refusal === "insecure" || (protocol === "http:" && allowPrivate.length === 0)) {
    return "Expected https; http is for the addresses in `allowPrivate` alone";
  }
  return undefined;
}
