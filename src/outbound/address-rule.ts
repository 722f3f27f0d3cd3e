// Which addresses requests of the gateway may go to: those of the public Internet. A URL of the config leads to no other, unless the config allows it: behind
// the others are the machine's own services, its neighbours, and the metadata of clouds (T24).

import { isIPv4 } from "node:net";
import { addressRanges, ipv6Groups, lastIpv4, mappedIpv4 } from "../base/ip-address.ts";

/** The special-purpose registry of IPv4 (RFC 6890), multicast, and what is reserved. */
const special4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
];
/** Within 2000::/3, outside of which no address of IPv6 is public: tunnels that hide another address, and documentation. */
const special6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/** NAT64 (RFC 6052): an IPv4 address in the last 32 bits. */
const nat64 = [0x64, 0xff9b, 0, 0, 0, 0];

/** Why a request may not go to an address: it is not public, or not by https where only private ones may do without. */
export type OutboundRefusal = "address_blocked" | "insecure";

export type AddressRule = (address: string, protocol: string) => OutboundRefusal | undefined;

/** @param allowed addresses and ranges that requests may go to though they are not public, there without TLS too. */
export function createAddressRule(allowed: readonly string[]): AddressRule {
  const isPublic = createPublicCheck();
  const isAllowed = addressRanges(allowed);
  return (address, protocol) => {
    const groups = ipv6Groups(address);
    const ipv4 = groups && embeddedIpv4(groups);
    if (isAllowed(address) || (ipv4 !== undefined && isAllowed(ipv4))) return undefined;
    if (!isPublic(address)) return "address_blocked";
    return protocol === "https:" ? undefined : "insecure";
  };
}

/** Tells addresses of the public Internet from all others. */
function createPublicCheck(): (address: string) => boolean {
  const isSpecial4 = addressRanges(special4);
  const isSpecial6 = addressRanges(special6);
  return (address) => {
    const groups = ipv6Groups(address);
    const ipv4 = groups ? embeddedIpv4(groups) : address;
    if (ipv4 !== undefined) return isIPv4(ipv4) && !isSpecial4(ipv4);
    return ((groups?.[0] ?? 0) & 0xe000) === 0x2000 && !isSpecial6(address);
  };
}

/** The IPv4 address that an IPv6 one stands for, as packets go there. */
function embeddedIpv4(groups: readonly number[]): string | undefined {
  const isNat64 = nat64.every((group, index) => groups[index] === group);
  return isNat64 ? lastIpv4(groups) : mappedIpv4(groups);
}
