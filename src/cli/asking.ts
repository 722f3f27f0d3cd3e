// What the commands that rule gateways ask of one of them by its HTTP API, page by page, and how they print it.

import { z } from "zod";
import { columns } from "../config/table.ts";
import { printable } from "../observe/printable.ts";
import { askApi } from "./api-request.ts";
import type { AskedGateway } from "./api-request.ts";
import { CommandError } from "./failure.ts";
import type { GatewayFlags } from "./gateway-flags.ts";
import type { Io } from "./io.ts";

export type Query = Readonly<Record<string, string>>;

export interface AskingFlags extends GatewayFlags {
  readonly json?: true;
  readonly limit: string;
}

/** What every answer for the cluster has: the gateways from which nothing came. */
export const gateways = z.object({ silent: z.array(z.string()) });

interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What is said where there are none. */
  readonly none: string;
}

interface List {
  readonly path: string;
  readonly query: Query;
  /** The member of the answer with the rows. */
  readonly name: string;
}

/** Rows of a page. */
const pageRows = 1_000;

/** One command's requests to one gateway, and what it prints. */
export class Asking<Flags extends AskingFlags> {
  readonly flags: Flags;
  readonly #io: Io;
  readonly #gateway: AskedGateway;

  constructor(io: Io, flags: Flags, gateway: AskedGateway) {
    this.#io = io;
    this.flags = flags;
    this.#gateway = gateway;
  }

  async get(path: string, query: Query): Promise<unknown> {
    return askApi(this.#gateway, { method: "GET", path: withQuery(path, query) });
  }

  async order(path: string, query: Query): Promise<unknown> {
    return askApi(this.#gateway, { method: "POST", path: withQuery(path, query) });
  }

  /** The rows of all pages, up to `--limit`; standard error says what is missing. */
  async list<Row>({ path, query, name }: List, row: z.ZodType<Row>): Promise<readonly Row[]> {
    const limit = limitOf(this.flags);
    const page = gateways.extend({ next: z.string().optional() });
    const rows: Row[] = [];
    const silent = new Set<string>();
    let next: string | undefined;
    do {
      const count = String(Math.min(pageRows, limit - rows.length));
      const answer = await this.get(path, {
        ...query,
        limit: count,
        ...(next !== undefined && { after: next }),
      });
      const told = page.parse(answer);
      rows.push(...z.array(row).parse((answer as Readonly<Record<string, unknown>>)[name]));
      for (const gateway of told.silent) silent.add(gateway);
      ({ next } = told);
    } while (next !== undefined && rows.length < limit);
    this.warn({ silent: [...silent] });
    if (next !== undefined) this.#io.complain(`There are more than ${limit}: --limit shows them.`);
    return rows;
  }

  /** Says which gateways did not answer: what they know is missing. */
  warn({ silent }: z.infer<typeof gateways>): void {
    if (silent.length === 0) return;
    const names = silent.map(printable).join(", ");
    this.#io.complain(`belfry: no answer from ${names}: what is there is missing here`);
  }

  print(rows: readonly unknown[], { head, rows: cells, none }: Table): void {
    if (this.flags.json) for (const row of rows) this.#io.print(JSON.stringify(row));
    else this.#io.print(rows.length === 0 ? none : table([head, ...cells]));
  }
}

function limitOf({ limit }: AskingFlags): number {
  if (/^[1-9]\d{0,6}$/.test(limit)) return Number(limit);
  throw new CommandError("Expected --limit as a number from 1 to 9999999");
}

function withQuery(path: string, query: Query): string {
  const text = new URLSearchParams({ ...query }).toString();
  return text === "" ? path : `${path}?${text}`;
}

/** Names come from clients. */
export function table(rows: readonly (readonly string[])[]): string {
  return columns(rows.map((row) => row.map((cell) => printable(cell))));
}
