// Where a dialect may be mounted on a listener: its options say so, and this judges what they say.

/** With the 32 segments of a channel below it (WSC-04), what the listener takes. */
const maxSegments = 8;

/** For `Expected x to be ...`. */
export const mountPathText = `a path of at most ${maxSegments} segments, none of them dots, that is not the gateway's own /-/`;

/** Can a request ever come there? No path with segments of dots does, and `/-/` is the gateway's own (RTE-10). */
export function isMountPath(path: string): boolean {
  const segments = path.split("/").filter((segment) => segment !== "");
  const isReachable = segments.every((segment) => segment !== "." && segment !== "..");
  return isReachable && segments.length <= maxSegments && segments[0] !== "-";
}
