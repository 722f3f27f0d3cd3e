// Pages of a room's past, from the log's entries to publications: what `Broker.history` answers.

import type { HistoryPage, HistoryQuery, HistoryRefusal, StoredPublication } from "../core/broker.ts";
import { emptyTag, formatPosition, readPosition } from "./log-store.ts";
import type { Log, LogEntry, LogPosition, LogRange } from "./log.ts";
import type { Publication, RoomName } from "../core/publication.ts";
import type { HistoryRule } from "../vocabulary/room-rules.ts";
import { decodeEnvelope } from "./envelope.ts";

/** What a page may hold, bytes as stored. */
const pageBytes = 1024 * 1024;

interface Query extends HistoryQuery {
  readonly history: HistoryRule;
}

export async function readHistory(
  log: Log,
  name: RoomName,
  { after, before, limit, history }: Query,
): Promise<HistoryPage | HistoryRefusal> {
  const edge = after ?? before;
  const position = edge === undefined ? undefined : readPosition(edge);
  if (edge !== undefined && !position) return "epoch";
  if (position && !(await isStanding(log, name, { position, isEnd: after !== undefined }))) return "epoch";
  const from: LogRange["from"] =
    after === undefined ? { before: position?.offset } : { after: position?.offset ?? 0 };
  const page = await log.read(name, { from, limit, bytes: pageBytes });
  const top = page?.top ?? (await log.top(name, history));
  const entries = page?.entries ?? [];
  if (position && position.epoch !== top.epoch) return "epoch";
  // What stood right behind it is not kept any more: a page without that would look whole.
  const next = entries[0]?.offset ?? top.offset + 1;
  if (position && after !== undefined && next !== position.offset + 1) return "epoch";
  return {
    publications: publicationsOf(entries, top.epoch),
    at: formatPosition(top),
    hasMore: page?.hasMore ?? false,
  };
}

/**
 * Is the entry of this position the one that stands there? A store that lost its last second gives offsets again.
 * @param isEnd what comes behind it is asked for. What is older than all that is kept is not known to be it, and nothing stands before it.
 */
async function isStanding(
  log: Log,
  name: RoomName,
  { position, isEnd }: { readonly position: LogPosition; readonly isEnd: boolean },
): Promise<boolean> {
  const { epoch, offset, tag } = position;
  const page = await log.read(name, { from: { before: offset + 1 }, limit: 1, bytes: 0 });
  if (!page || page.top.epoch !== epoch || offset > page.top.offset) return false;
  if (offset === 0) return tag === emptyTag;
  if (offset === page.top.offset) return tag === page.top.tag;
  const [entry] = page.entries;
  return entry?.offset === offset ? entry.tag === tag : !isEnd;
}

/** What entries of the log say; what cannot be read is left out, as it is where it comes live. */
function publicationsOf(entries: readonly LogEntry[], epoch: string): readonly StoredPublication[] {
  return entries.flatMap(({ offset, tag, body }) => {
    const publication = publicationOf(body);
    return publication ? [{ publication, at: formatPosition({ epoch, offset, tag }) }] : [];
  });
}

/** What one entry says; undefined: it cannot be read. */
export function publicationOf(body: string): Publication | undefined {
  const envelope = decodeEnvelope(body);
  return typeof envelope === "string" ? undefined : envelope.publication;
}
