// Pages of a room's past, from the log's entries to publications: what `Broker.history` answers.

import type { HistoryPage, HistoryQuery, HistoryRefusal, StoredPublication } from "../core/broker.ts";
import { formatPosition, readPosition } from "./log-store.ts";
import type { Log, LogEntry, LogRange } from "./log.ts";
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
  const from: LogRange["from"] =
    after === undefined ? { before: position?.offset } : { after: position?.offset ?? 0 };
  const page = await log.read(name, { from, limit, bytes: pageBytes });
  const top = page?.top ?? (await log.top(name, history));
  if (position && position.epoch !== top.epoch) return "epoch";
  return {
    publications: publicationsOf(page?.entries ?? [], top.epoch),
    at: formatPosition(top),
    hasMore: page?.hasMore ?? false,
  };
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
