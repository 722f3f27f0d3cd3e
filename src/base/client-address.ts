// Who counts as one client when limits go by address. An IPv6 client owns a whole /64, so its addresses count
// together; otherwise every limit per address could be walked around for free (T12, T13).

import { isIPv4 } from "node:net";
import { ipv6Groups, mappedIpv4 } from "./ip-address.ts";

/** Longest text that is kept for an address that is none (a unix socket's name). */
const maxOther = 64;

/** What limits per address count by: the IPv4 address, or the first 64 bits of the IPv6 one. */
export function addressKey(address: string): string {
  if (isIPv4(address)) return address;
  const groups = ipv6Groups(address);
  if (!groups) return address.slice(0, maxOther);
  return mappedIpv4(groups) ?? groups.slice(0, 4).map(hex).join(":");
}

/** No address begins so. */
const sharedMark = "shared ";

/** What limits know an address by that many clients share: none of them counts it (SEC-15). */
export function sharedAddress(address: string): string {
  return sharedMark + address;
}

export function isShared(countedAs: string): boolean {
  return countedAs.startsWith(sharedMark);
}

/** The address behind what limits count it by, for people. */
export function addressOf(countedAs: string): string {
  return isShared(countedAs) ? countedAs.slice(sharedMark.length) : countedAs;
}

/** 127.0.0.0/8 and ::1: a proxy or backend on this machine, never one client (SEC-15). */
export function isLoopback(address: string): boolean {
  const groups = ipv6Groups(address);
  if (!groups) return isIPv4(address) && address.startsWith("127.");
  const ipv4 = mappedIpv4(groups);
  if (ipv4 !== undefined) return ipv4.startsWith("127.");
  return groups.every((group, index) => group === (index === 7 ? 1 : 0));
}

function hex(group: number): string {
  return group.toString(16);
}
