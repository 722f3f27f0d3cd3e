// Options that several dialects have, each under names of its own: what values they take, and what is said of others.

import { z } from "zod";

/** With the 32 segments of a channel below it (WSC-04), what the listener takes. */
const maxSegments = 8;

/** For `Expected x to be ...`. */
const mountPathText = `a path of at most ${maxSegments} segments, none of them dots, that is not the gateway's own /-/`;

/** Can a request ever come there? No path with segments of dots does, and `/-/` is the gateway's own (RTE-10). */
function isMountPath(path: string): boolean {
  const segments = path.split("/").filter((segment) => segment !== "");
  const isReachable = segments.every((segment) => segment !== "." && segment !== "..");
  return isReachable && segments.length <= maxSegments && segments[0] !== "-";
}

/** Where the dialect is on a listener. @param form a narrower one */
export function mountPath(
  fallback: string,
  text: string,
  form = /^\/[\w./-]{0,255}$/,
): z.ZodDefault<z.ZodString> {
  return z.string().regex(form).refine(isMountPath, mountPathText).default(fallback).describe(text);
}

/** The largest message of a client, bytes. */
export function messageBytes(
  fallback: number,
  text: string,
  [least, most] = [1, 100_000_000],
): z.ZodDefault<z.ZodNumber> {
  return z.number().int().min(least).max(most).default(fallback).describe(text);
}
