// Reads the newest part of a room's log for clients that show these positions: at most two reads, however many they are.

import { emptyTag } from "../brokers/log-store.ts";
import type { Log, LogEntry, LogPage, LogPosition } from "../brokers/log.ts";
import type { RoomName } from "../core/publication.ts";
import type { HistoryRule } from "../vocabulary/room-rules.ts";
import { publicationOf } from "../brokers/history.ts";
import { entryOf } from "./log-live.ts";
import { RoomWindow } from "./room-window.ts";
import type { WindowBounds, WindowEntry } from "./room-window.ts";

export interface LoadParts {
  readonly name: RoomName;
  readonly history: HistoryRule;
  readonly log: Log;
  readonly bounds: WindowBounds;
}

/** So many entries are read in any case: the next client of a storm stands a little further back. */
const leastRead = 200;

/** A window that ends where the log ends; it reaches back as far as a position needs it and the log has it. */
export async function loadWindow(
  { name, history, log, bounds }: LoadParts,
  positions: readonly LogPosition[],
): Promise<RoomWindow> {
  const now = await log.read(name, { from: { before: undefined }, limit: 0, bytes: 0 });
  const top = now?.top ?? (await log.top(name, history));
  const offsets = positions
    .filter(({ epoch, offset }) => epoch === top.epoch && offset < top.offset)
    // Further back is too old in any case: no client makes us read all of it.
    .filter(({ offset }) => top.offset - offset <= Math.min(bounds.entries, history.size))
    .map(({ offset }) => offset);
  if (offsets.length === 0) return new RoomWindow(top, bounds);
  // The entry that a client has, too: it must be the one that stands there.
  const limit = Math.max(top.offset - Math.min(...offsets) + 1, leastRead);
  const page = await log.read(name, { from: { before: top.offset + 1 }, limit, bytes: bounds.bytes });
  // Made anew between the two: the positions are of the old one.
  if (!page || page.top.epoch !== top.epoch) return loadWindow({ name, history, log, bounds }, []);
  const entries = newest(page.entries, top);
  const offset = top.offset - entries.length;
  const tag = entries.length === 0 ? top.tag : offset === 0 ? emptyTag : undefined;
  const window = new RoomWindow({ epoch: top.epoch, offset, tag }, bounds);
  for (const entry of entries.toReversed()) window.push(entry);
  return window;
}

/** Down from the top, as far as there is no hole. */
function newest(entries: readonly LogEntry[], top: LogPosition): readonly WindowEntry[] {
  const found: WindowEntry[] = [];
  for (const { offset, tag, body } of entries) {
    const publication = offset === top.offset - found.length ? publicationOf(body) : undefined;
    if (!publication) break;
    found.push(
      entryOf({ place: { epoch: top.epoch, offset, tag }, publication, at: {}, bytes: body.length }),
    );
  }
  return found;
}

/** What stands behind a window; undefined: it does not follow on it, or is too much. */
export async function readBehind(
  window: RoomWindow,
  { name, log, bounds }: Omit<LoadParts, "history">,
): Promise<LogPage | undefined> {
  const { epoch, top } = window;
  // With the last one that is here: it must be the one that stands there still.
  const after = Math.max(0, top - 1);
  const page = await log.read(name, { from: { after }, limit: bounds.entries, bytes: bounds.bytes });
  if (page?.top.epoch !== epoch || page.hasMore) return undefined;
  const last = top === page.top.offset ? page.top : page.entries[0];
  const isSame = top === 0 || (last?.offset === top && last.tag === window.topTag);
  return isSame ? page : undefined;
}
