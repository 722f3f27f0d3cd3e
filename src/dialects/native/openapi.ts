// The OpenAPI document of the HTTP doors (publish-route.ts), made from their schemas: it is served at /api/openapi.json, and
// scripts/api.ts prints it and docs/api.md.

import { STATUS_CODES } from "node:http";
import { z } from "zod";
import { textAnswer } from "../../base/http.ts";
import type { Route } from "../../core/route.ts";
import type { RefusalReason } from "../../vocabulary/reasons.ts";
import { apiSchemas, queryFields } from "./api-schema.ts";
import { apiPath, roomsPath } from "./publish-route.ts";
import { revokePath } from "./revoke-route.ts";
import { ticketsPath } from "./ticket-route.ts";

const openApiPath = "/api/openapi.json";

/** Raised when a program that uses the API could notice. */
const apiVersion = "1.0.0";

/** What a request can be refused with. */
export interface ApiRefusal {
  readonly status: number;
  readonly code: RefusalReason;
  readonly when: string;
}

const apiRefusals: readonly ApiRefusal[] = [
  { status: 400, code: "body_invalid", when: "The body, a name or a value of the query is not understood" },
  { status: 400, code: "history_off", when: "A `key` or a `version` for a room without a history" },
  { status: 401, code: "secret_wrong", when: "No secret, or a wrong one" },
  { status: 405, code: "method_not_allowed", when: "Another method than POST" },
  { status: 409, code: "version_outdated", when: "The room has a version as high" },
  { status: 413, code: "body_too_large", when: "Over `limits.httpBodyBytes`" },
  { status: 415, code: "content_encoding", when: "A compressed body" },
  { status: 429, code: "secret_limited", when: "Too many wrong secrets; try again after `Retry-After`" },
  {
    status: 503,
    code: "bus_unavailable",
    when: "The bus did not take it, or not in time: it may be published all the same, and a `key` makes it safe to try again",
  },
  {
    status: 503,
    code: "revocations_full",
    when: "As many rights are taken back already as are kept (20,000)",
  },
];

/** One way to publish, for the document and for the page. */
export interface ApiOperation {
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly description: string;
  /** Codes that it does not answer with. @default none */
  readonly without?: readonly RefusalReason[];
}

export const apiOperations = {
  publish: {
    path: apiPath,
    id: "publish",
    summary: "Publishes one message, or up to 100",
    description:
      "A JSON object: one publication, or `publications` with several. Everything is checked before anything is published; what the log of a room refuses then has its `error` among the `results`.",
    without: ["revocations_full"],
  },
  publishBody: {
    path: `${roomsPath}/{room}`,
    id: "publishBody",
    summary: "Publishes the body as it is to one room",
    description:
      "Any body: a bare payload. With `event` it is the argument of that event, as JSON where it is JSON, else as text. A body that says to be JSON must be. The room's name is percent-encoded; slashes may stay as they are.",
    // Other methods below the path may be another dialect's.
    without: ["method_not_allowed", "revocations_full"],
  },
  ticket: {
    path: ticketsPath,
    id: "ticket",
    summary: "Makes a ticket: a code for one use in a URL",
    description:
      "It opens rooms to the first client that shows it as `?ticket=`, where nothing else can be sent. See auth.md.",
    without: ["history_off", "version_outdated", "revocations_full"],
  },
  revoke: {
    path: revokePath,
    id: "revoke",
    summary: "Takes rights back before they end",
    description:
      "Of a user, of one token, or of clients that showed an earlier secret of a room-space. Those that are connected are put out on every gateway within five seconds, and what was taken back is refused when it comes again. See auth.md.",
    without: ["history_off", "version_outdated"],
  },
} as const satisfies Readonly<Record<string, ApiOperation>>;

/** It says no more than the documentation does, so it asks for no secret. */
export function openApiRoute(): Route {
  let text: string | undefined;
  return {
    path: openApiPath,
    isPrefix: false,
    fetch({ method }) {
      if (method !== "GET" && method !== "HEAD")
        return textAnswer(405, "Expected the method GET\n", { allow: "GET, HEAD" });
      // Most gateways are never asked for it.
      text ??= openApiText();
      return new Response(text, {
        headers: { "content-type": "application/json", "x-content-type-options": "nosniff" },
      });
    },
  };
}

/** The document as JSON text. */
export function openApiText(): string {
  return `${JSON.stringify(openApi(), null, 2)}\n`;
}

function openApi(): object {
  return {
    openapi: "3.1.1",
    info: {
      title: "Belfry",
      version: apiVersion,
      summary: "Publish once, and every client in the room receives it",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [{ publishSecret: [] }],
    paths: paths(),
    components: {
      securitySchemes: {
        publishSecret: { type: "http", scheme: "bearer", description: "The publish secret" },
      },
      schemas: componentSchemas(),
    },
  };
}

function paths(): object {
  const { publish, publishBody, ticket, revoke } = apiOperations;
  return {
    [publish.path]: {
      post: operation(publish, {
        requestBody: jsonBody({ anyOf: [ref("Publication"), ref("Batch")] }),
        success: { anyOf: [ref("Receipt"), ref("Results")] },
      }),
    },
    [publishBody.path]: {
      post: operation(publishBody, {
        parameters: parameters(),
        requestBody: { required: false, content: { "*/*": {} } },
        success: ref("Receipt"),
      }),
    },
    [ticket.path]: {
      post: operation(ticket, {
        requestBody: jsonBody(ref("TicketOrder")),
        success: ref("Ticket"),
      }),
    },
    [revoke.path]: {
      post: operation(revoke, {
        requestBody: jsonBody(ref("RevokeOrder")),
        success: ref("Revoked"),
      }),
    },
  };
}

interface OperationParts {
  readonly parameters?: readonly object[];
  readonly requestBody: object;
  readonly success: object;
}

function operation(described: ApiOperation, { success, ...parts }: OperationParts): object {
  const { id, summary, description } = described;
  const answers = Object.groupBy(refusalsOf(described), ({ status }) => status);
  const refusals = Object.entries(answers).map(([status, refused = []]) => [
    status,
    {
      description: `${STATUS_CODES[status]}: ${refused.map(({ code }) => code).join(", ")}`,
      ...(status === "429" && { headers: retryAfter }),
      content: { "application/problem+json": { schema: ref("Problem") } },
    },
  ]);
  const responses = {
    200: { description: "It was carried out", content: { "application/json": { schema: success } } },
    ...(Object.fromEntries(refusals) as object),
  };
  return { operationId: id, summary, description, ...parts, responses };
}

/** What the operation can be refused with. */
export function refusalsOf({ without = [] }: ApiOperation): readonly ApiRefusal[] {
  return apiRefusals.filter(({ code }) => !without.includes(code));
}

const retryAfter = { "Retry-After": { description: "Seconds", schema: { type: "integer" } } };

function jsonBody(schema: object): object {
  return { required: true, content: { "application/json": { schema } } };
}

function ref(name: keyof typeof apiSchemas): object {
  return { $ref: `#/components/schemas/${name}` };
}

function parameters(): readonly object[] {
  const query = Object.entries(queryFields).map(([name, schema]) => parameter(name, "query", schema));
  return [parameter("room", "path", z.string().min(1).describe("The room")), ...query];
}

function parameter(name: string, place: "path" | "query", field: z.ZodType): object {
  const { description, ...schema } = z.toJSONSchema(field);
  return { name, in: place, required: place === "path", description, schema: withoutHead(schema) };
}

function componentSchemas(): object {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(apiSchemas)) registry.add(schema, { id });
  const uri = (id: string): string => `#/components/schemas/${id}`;
  const { schemas } = z.toJSONSchema(registry, { uri, unrepresentable: "any" });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutHead(schema)]));
}

/** What is said once for the whole document. */
function withoutHead(schema: object): object {
  const head = new Set(["$schema", "$id"]);
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !head.has(name)));
}
