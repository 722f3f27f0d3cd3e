// IP addresses as numbers, and lists of ranges of them. For limits per address, trusted proxies, and requests that the
// gateway itself sends.

import { BlockList, isIP, isIPv6 } from "node:net";

/** The eight groups, or undefined when it is no IPv6 address. */
export function ipv6Groups(address: string): number[] | undefined {
  if (!isIPv6(address)) return undefined;
  const [bare = ""] = address.split("%");
  const [head = "", tail] = bare.split("::");
  const first = parseGroups(head);
  const last = parseGroups(tail ?? "");
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => 0);
  return [...first, ...zeros, ...last];
}

/** `::ffff:a.b.c.d`, as a socket that listens on both families names its IPv4 clients. */
export function mappedIpv4(groups: readonly number[]): string | undefined {
  if (groups.slice(0, 5).some((group) => group !== 0) || groups[5] !== 0xffff) return undefined;
  return lastIpv4(groups);
}

/** The last 32 bits as an IPv4 address. */
export function lastIpv4(groups: readonly number[]): string {
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join(".");
}

/** Is it an address (`10.0.0.1`, `::1`) or a range of them (`10.0.0.0/8`)? */
export function isAddressRange(text: string): boolean {
  const slash = text.indexOf("/");
  const family = isIP(slash === -1 ? text : text.slice(0, slash));
  if (family === 0 || slash === -1) return family !== 0;
  const prefix = text.slice(slash + 1);
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

/** @param entries addresses (`10.0.0.1`, `::1`) and ranges (`10.0.0.0/8`); others take nothing. */
export function addressRanges(entries: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", bits] = entry.split("/");
    const family = familyOf(address);
    if (family === undefined) continue;
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const family = familyOf(address);
    return family !== undefined && list.check(address, family);
  };
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const version = isIP(address);
  if (version === 0) return undefined;
  return version === 6 ? "ipv6" : "ipv4";
}

function parseGroups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** `host:port`, `[v6]:port`. */
export function hostAndPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
