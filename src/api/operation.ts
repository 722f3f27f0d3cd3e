// One operation of the HTTP API that rules a gateway: what it takes and answers, as the documentation prints it, and what it
// does. A new one is a constant of this form and a line in operations.ts. door.ts calls it, behind the publish secret.

import { z } from "zod";
import { isRoomName, isRoomTooLong } from "../core/room-name.ts";
import type { Broker } from "../core/broker.ts";
import type { Hub } from "../core/hub.ts";
import type { Peers } from "../peers/peers.ts";
import type { Presence } from "../presence/presence.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import type { Limits } from "../vocabulary/limits.ts";
import type { WebhookState } from "../webhooks/state.ts";
import type { DescribedOperation, DescribedRefusal, Fields } from "../vocabulary/operation.ts";

/** What operations work on: parts of one gateway. */
export interface ApiContext {
  readonly hub: Hub;
  readonly broker: Broker;
  readonly peers: Peers;
  readonly rules: RoomRules;
  readonly presence: Pick<Presence, "isTold" | "read" | "users">;
  readonly limits: Limits;
  /** @param letters of each webhook that are shown. Rejects with GatewayError `bus_unavailable`. */
  readonly webhooks: (letters: number) => Promise<readonly WebhookState[]>;
}

/** What a request says, checked as the operation describes it. */
export interface Input<Query, Body> {
  /** What stands in the place of the `{name}`s of the path, percent-decoded once. */
  readonly names: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
}

/** An answer that is JSON text already. */
export class JsonText {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

export type Answer = object | JsonText;

export interface Operation extends DescribedOperation {
  /**
   * Throws a GatewayError where it refuses.
   * @param input as it came; `body` is undefined where the operation takes none.
   */
  carryOut(context: ApiContext, input: RawInput): Answer | Promise<Answer>;
}

export interface RawInput {
  readonly names: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Uint8Array | undefined;
}

type Read<Query extends Fields> = z.output<z.ZodObject<Query, z.core.$strict>>;

export interface OperationParts<Query extends Fields, Body> extends Omit<
  DescribedOperation,
  "refusals" | "query"
> {
  readonly query?: Query;
  /** Reads the body. Throws a GatewayError. @default there is none */
  readonly readBody?: (body: Uint8Array) => Body;
  /** Beside those that every operation has. @default none */
  readonly refusals?: readonly DescribedRefusal[];
  readonly run: (context: ApiContext, input: Input<Read<Query>, Body>) => Answer | Promise<Answer>;
}

/** An operation that checks what it is sent. */
export function defineOperation<Query extends Fields = Fields, Body = undefined>(
  parts: OperationParts<Query, Body>,
): Operation {
  const { run, readBody, refusals = [], ...described } = parts;
  const readQuery = queryReader<Query>(parts.query);
  return {
    ...described,
    refusals: [...usualRefusals(parts), ...refusals].sort((a, b) => a.status - b.status),
    carryOut(context, { names, query, body }) {
      checkNames(names, parts.names ?? {}, context.limits);
      return run(context, {
        names,
        query: readQuery(query),
        body: (body && readBody ? readBody(body) : undefined) as Body,
      });
    },
  };
}

function usualRefusals({
  method,
  body,
}: Pick<DescribedOperation, "method" | "body">): readonly DescribedRefusal[] {
  const ofBodies = [
    { status: 400, code: "body_invalid", when: "The body is not understood" },
    { status: 413, code: "body_too_large", when: `Over ${maxBodyBytes / 1_024} KiB` },
    { status: 415, code: "content_encoding", when: "A compressed body" },
  ];
  return [
    { status: 400, code: "request_invalid", when: "A name in the path, or the query, is not understood" },
    { status: 401, code: "secret_wrong", when: "No secret, or a wrong one" },
    { status: 405, code: "method_not_allowed", when: `Another method than ${method}` },
    { status: 429, code: "secret_limited", when: "Too many wrong secrets; try again after `Retry-After`" },
    ...(body === undefined ? [] : ofBodies),
  ];
}

/** Longest body, bytes. */
export const maxBodyBytes = 64 * 1024;

/** The store was asked, and gave no answer in time. */
export const busUnavailableRefusal: DescribedRefusal = {
  status: 503,
  code: "bus_unavailable",
  when: "The store did not answer in time",
};

/** @param expected what was, without a word of the request (SEC-05). */
export function requestInvalid(expected: string): GatewayError {
  return new GatewayError("request_invalid", expected);
}

/** Names of rooms as where rooms are joined and published to (T15). */
function checkNames(names: RawInput["names"], fields: Fields, { nameBytes }: Limits): void {
  for (const [name, field] of Object.entries(fields)) {
    if (field.safeParse(names[name]).success) continue;
    throw requestInvalid(`Expected the ${name} in the path to be ${expectation(field)}, got something else`);
  }
  const { room } = names;
  if (room === undefined || (isRoomName(room) && !isRoomTooLong(room, nameBytes))) return;
  throw requestInvalid(
    `Expected the name of the room to be 1 to ${nameBytes} bytes of UTF-8, without control characters`,
  );
}

/** Values of a query are text: whole numbers are read where the schema wants them. */
function queryReader<Query extends Fields>(
  query: Query | undefined,
): (given: URLSearchParams) => Read<Query> {
  const fields: Fields = query ?? {};
  const schema = z.strictObject(fields);
  const numbers = new Set(Object.keys(fields).filter((name) => isInteger(fields[name])));
  return (given) => {
    const values: Record<string, unknown> = {};
    for (const [name, text] of given) {
      if (Object.hasOwn(values, name))
        throw requestInvalid("Expected each value of the query once, got one twice");
      values[name] = numbers.has(name) && /^(?:0|[1-9]\d{0,8})$/.test(text) ? Number(text) : text;
    }
    const read = schema.safeParse(values);
    if (read.success) return read.data as Read<Query>;
    throw requestInvalid(faultOf(read.error, fields));
  };
}

function isInteger(field: z.ZodType | undefined): boolean {
  return field !== undefined && z.toJSONSchema(field, { io: "input" }).type === "integer";
}

/** Names of the schema, and nothing of the request. */
function faultOf({ issues: [issue] }: z.ZodError, fields: Fields): string {
  const name = String(issue?.path[0] ?? "");
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (field) return `Expected \`${name}\` to be ${expectation(field)}, got something else`;
  const known = Object.keys(fields).map((one) => `\`${one}\``);
  return `Expected ${known.length === 0 ? "no query" : `${known.join(", ")} alone in the query`}, got another name`;
}

function expectation(field: z.ZodType): string {
  const { type, minimum, maximum, minLength, maxLength } = z.toJSONSchema(field, { io: "input" });
  if (type === "integer") return `a whole number from ${minimum} to ${maximum}`;
  return `text of ${minLength ?? 0} to ${maxLength} characters`;
}
