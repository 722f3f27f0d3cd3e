// What the HTTP doors of the native dialect take and answer, for the OpenAPI document and docs/api.md (api/openapi.ts).

import type { Described, DescribedOperation, DescribedRefusal } from "../../vocabulary/operation.ts";
import { apiSchemas, publicationFields, queryFields, roomField } from "./api-schema.ts";
import { apiPath, roomsPath } from "./publish-route.ts";
import { revokePath } from "./revoke-route.ts";
import { ticketsPath } from "./ticket-route.ts";

const refusals: readonly DescribedRefusal[] = [
  { status: 400, code: "body_invalid", when: "The body, a name or a value of the query is not understood" },
  { status: 400, code: "history_off", when: "A `key` or a `version` for a room without a history" },
  { status: 401, code: "secret_wrong", when: "No secret, or a wrong one" },
  { status: 405, code: "method_not_allowed", when: "Another method than POST" },
  {
    status: 409,
    code: "version_outdated",
    when: "The room has a version as high; of several rooms, each of them",
  },
  {
    status: 413,
    code: "body_too_large",
    when: "Over `limits.httpBodyBytes`, or over `limits.busMessageBytes` as gateways carry it",
  },
  { status: 415, code: "content_encoding", when: "A compressed body" },
  { status: 429, code: "secret_limited", when: "Too many wrong secrets; try again after `Retry-After`" },
  {
    status: 500,
    code: "log_unusable",
    when: "Another program wrote the keys of the room's log in Redis: the room takes nothing until they are removed",
  },
  {
    status: 503,
    code: "bus_unavailable",
    when: "The bus did not take it, or not in time: it may be published all the same, and a `key` makes it safe to try again",
  },
];

function without(...codes: readonly string[]): readonly DescribedRefusal[] {
  return refusals.filter(({ code }) => !codes.includes(code));
}

const publish: DescribedOperation = {
  method: "POST",
  path: apiPath,
  id: "publish",
  summary: "Publishes one message, or up to 100",
  description:
    "A JSON object: one publication, or `publications` with several. Everything is checked before anything is published; what the log of a room refuses then has its `error` among the `results`.",
  body: [apiSchemas.Publication, apiSchemas.Batch],
  bodyFields: publicationFields,
  answers: [apiSchemas.Receipt, apiSchemas.RoomsReceipt, apiSchemas.Results],
  refusals,
  remark:
    'Each publication has `room` or `rooms`, and `data` or `binary`; other members are refused. With several `rooms`, each that keeps a log takes it or not by itself, and the answer says which: `{"delivered":2,"rooms":{"news":{"stored":"..."},"log":{"error":{...}}}}`. So with a `version` it may be published in some of them; where none takes it, the request is refused. The answer to `{"publications":[...]}`, which takes up to 100 of them, is `{"results":[...]}` with one such object, or one `error`, for each.',
};

const publishBody: DescribedOperation = {
  method: "POST",
  path: `${roomsPath}/{room}`,
  id: "publishBody",
  summary: "Publishes the body as it is to one room",
  description:
    "Any body: a bare payload. With `event` it is the argument of that event, as JSON where it is JSON, else as text. A body that says to be JSON must be. The room's name is percent-encoded; slashes may stay as they are.",
  names: { room: roomField },
  query: queryFields,
  body: "any",
  answers: [apiSchemas.Receipt],
  // Other methods below the path may be another dialect's.
  refusals: without("method_not_allowed"),
};

const ticket: DescribedOperation = {
  method: "POST",
  path: ticketsPath,
  id: "ticket",
  summary: "Makes a ticket: a code for one use in a URL",
  description:
    "It opens rooms to the first client that shows it as `?ticket=`, where nothing else can be sent. See [auth.md](auth.md).",
  body: [apiSchemas.TicketOrder],
  answers: [apiSchemas.Ticket],
  refusals: without("history_off", "version_outdated", "log_unusable"),
  remark: "At least one of `rooms`, `user` and `groups` must be there.",
};

const revoke: DescribedOperation = {
  method: "POST",
  path: revokePath,
  id: "revoke",
  summary: "Takes rights back before they end",
  description:
    "Of a user, of one token, or of clients that showed an earlier secret of a room-space. Those that are connected are put out on every gateway within five seconds, and what was taken back is refused when it comes again. See [auth.md](auth.md).",
  body: [apiSchemas.RevokeOrder],
  answers: [apiSchemas.Revoked],
  refusals: [
    ...without("history_off", "version_outdated", "log_unusable"),
    {
      status: 503,
      code: "revocations_full",
      when: "As many rights are taken back already as are kept (20,000)",
    },
  ],
  remark: "One of `user`, `token` and `space` must be there.",
};

export const nativeOperations = { publish, publishBody, ticket, revoke } as const;

/** For the table of dialects. */
export const described: Described = { operations: Object.values(nativeOperations), schemas: apiSchemas };
