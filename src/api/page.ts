// Pages over all gateways: each gives its first rows behind a place, in one order that all have, and the first of all these are
// the page. No gateway sends more than a page, however much it has, and none is held up by a long list.

import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import { requestInvalid } from "./operation.ts";

/** Rows of a page. */
const maxRows = 1_000;
export const limitField = z
  .int()
  .min(1)
  .max(maxRows)
  .default(100)
  .describe("At most so many; 100 without it");
export const afterField = z.string().min(1).max(8_192).optional().describe("`next` of the page before");
export const nextField = z
  .string()
  .optional()
  .describe("For `after` of the next page; absent on the last one");

/** Between two rows: below 0 where the first comes first. */
export type Compare<Place> = (a: Place, b: Place) => number;

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** There are more behind the last of them. */
  readonly hasMore: boolean;
}

/** After so many rows, others have their turn. */
const rowsPerTurn = 2_000;
/** A page of one gateway ends early above this, bytes of JSON; one row is given in any case. */
const maxPageBytes = 256 * 1024;

export interface Wanted<Place> {
  readonly limit: number;
  readonly compare: Compare<Place>;
}

/** The first of many, in their order. @param show makes a row of one of them */
export async function firstOf<Item, Row>(
  items: Iterable<Item>,
  {
    limit,
    compare,
    isMeant,
    show,
  }: Wanted<Item> & {
    readonly isMeant: (item: Item) => boolean;
    readonly show: (item: Item) => Row;
  },
): Promise<Page<Row>> {
  let first: Item[] = [];
  let worst: Item | undefined;
  let hasMore = false;
  let looked = 0;
  for (const item of items) {
    if (++looked % rowsPerTurn === 0) await setImmediate();
    if (worst !== undefined && compare(item, worst) > 0) hasMore ||= isMeant(item);
    else if (isMeant(item)) first.push(item);
    if (first.length < 2 * limit) continue;
    first = inOrder(first, compare).slice(0, limit);
    worst = first.at(-1);
    hasMore = true;
  }
  first = inOrder(first, compare);
  const rest = first.splice(limit);
  return withinBytes({ rows: first.map(show), hasMore: hasMore || rest.length > 0 });
}

/** Each place once: what ended and began again meanwhile was met twice, and the later one counts. */
function inOrder<Item>(items: Item[], compare: Compare<Item>): Item[] {
  const sorted = items.sort(compare);
  return sorted.filter((item, index) => {
    const next = sorted[index + 1];
    return next === undefined || compare(item, next) !== 0;
  });
}

function withinBytes<Row>(page: Page<Row>): Page<Row> {
  let bytes = 0;
  const end = page.rows.findIndex((row) => {
    bytes += Buffer.byteLength(JSON.stringify(row));
    return bytes > maxPageBytes;
  });
  if (end === -1 || page.rows.length === 1) return page;
  return { rows: page.rows.slice(0, Math.max(1, end)), hasMore: true };
}

/**
 * One page of those of all gateways. Behind the last row of a gateway that has more, nothing is known of it: the page ends there.
 * @param join makes one row of two at the same place; without it, rows are of one gateway each.
 */
export function merge<Row>(
  pages: Iterable<Page<Row>>,
  { limit, compare, join }: Wanted<Row> & { readonly join?: (a: Row, b: Row) => Row },
): Page<Row> {
  const all = [...pages];
  const ends = all.flatMap(({ rows, hasMore }) => (hasMore ? rows.slice(-1) : [])).sort(compare);
  const [end] = ends;
  const rows: Row[] = [];
  for (const row of all.flatMap((page) => page.rows).sort(compare)) {
    const last = rows.at(-1);
    if (join && last !== undefined && compare(last, row) === 0) rows[rows.length - 1] = join(last, row);
    else if (end === undefined || compare(row, end) <= 0) rows.push(row);
  }
  return { rows: rows.slice(0, limit), hasMore: end !== undefined || rows.length > limit };
}

/** A place as `next` and `after` have it. */
export function writePlace(place: object): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

export function readPlace<Place extends z.ZodType>(
  text: string | undefined,
  schema: Place,
): z.output<Place> | undefined {
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(text, "base64url").toString()));
  } catch {
    throw requestInvalid("Expected `after` to be `next` of a page before, got something else");
  }
}

/** By UTF-16 code units, as `<` does. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
