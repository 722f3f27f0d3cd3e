// The OpenAPI document of all operations, those of the gateway (operations.ts) and those of the dialects that a listener
// speaks: it is served at /api/openapi.json, and scripts/api.ts prints it and docs/api.md.

import { STATUS_CODES } from "node:http";
import { z } from "zod";
import { textAnswer } from "../base/http.ts";
import type { Route } from "../server/route.ts";
import { problemSchema } from "../vocabulary/operation.ts";
import type { Described, DescribedOperation, DescribedRefusal } from "../vocabulary/operation.ts";

const openApiPath = "/api/openapi.json";

/** Raised when a program that uses the API could notice. */
const apiVersion = "1.1.0";

/** It says no more than the documentation does, so it asks for no secret. */
export function openApiRoute(described: readonly Described[]): Route {
  let text: string | undefined;
  return {
    path: openApiPath,
    isPrefix: false,
    fetch({ method }) {
      if (method !== "GET" && method !== "HEAD")
        return textAnswer(405, "Expected the method GET\n", { allow: "GET, HEAD" });
      // Most gateways are never asked for it.
      text ??= openApiText(described);
      return new Response(text, {
        headers: { "content-type": "application/json", "x-content-type-options": "nosniff" },
      });
    },
  };
}

/** The document as JSON text. */
export function openApiText(described: readonly Described[]): string {
  return `${JSON.stringify(openApi(described), null, 2)}\n`;
}

/** The names of schemas in the document. */
type Names = ReadonlyMap<z.ZodType, string>;

function openApi(described: readonly Described[]): object {
  const schemas = [{ Problem: problemSchema }, ...described.map((one) => one.schemas)];
  const names = new Map(
    schemas.flatMap((some) => Object.entries(some).map(([name, schema]) => [schema, name] as const)),
  );
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
    paths: pathsOf(
      described.flatMap(({ operations }) => operations),
      names,
    ),
    components: {
      securitySchemes: {
        publishSecret: { type: "http", scheme: "bearer", description: "The publish secret" },
      },
      schemas: componentSchemas(names),
    },
  };
}

function pathsOf(operations: readonly DescribedOperation[], names: Names): object {
  const byPath = Object.groupBy(operations, ({ path }) => path);
  return Object.fromEntries(
    Object.entries(byPath).map(([path, those = []]) => [
      path,
      Object.fromEntries(those.map((one) => [one.method.toLowerCase(), operationOf(one, names)])),
    ]),
  );
}

function operationOf(described: DescribedOperation, names: Names): object {
  const { id, summary, description, body, answers } = described;
  const parameters = parametersOf(described);
  return {
    operationId: id,
    summary,
    description,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: requestBody(body, names) }),
    responses: {
      200: {
        description: "It was carried out",
        content: { "application/json": { schema: anyOf(answers, names) } },
      },
      ...refusalsOf(described, names),
      // The engine's own answer.
      ...(parameters.length > 0 && {
        431: { description: "The head of the request is over 16 KiB: no body" },
      }),
    },
  };
}

function refusalsOf({ refusals, path }: DescribedOperation, names: Names): object {
  const byStatus = Object.groupBy(refusals, ({ status }) => status);
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, refused = []]) => [
      status,
      {
        description: `${STATUS_CODES[status]}: ${refused.map(({ code }: DescribedRefusal) => code).join(", ")}`,
        ...(status === "429" && { headers: retryAfter }),
        content: {
          "application/problem+json": { schema: anyOf([problemSchema], names) },
          // The listener refuses paths that could mean another one, before any operation is looked for.
          ...(status === "400" && path.includes("{") && { "text/plain": {} }),
        },
      },
    ]),
  );
}

const retryAfter = { "Retry-After": { description: "Seconds", schema: { type: "integer" } } };

function requestBody(body: NonNullable<DescribedOperation["body"]>, names: Names): object {
  if (body === "any") return { required: false, content: { "*/*": {} } };
  return { required: true, content: { "application/json": { schema: anyOf(body, names) } } };
}

function anyOf(schemas: readonly z.ZodType[], names: Names): object {
  const all = schemas.map((schema) => ({ $ref: `#/components/schemas/${names.get(schema)}` }));
  return all.length === 1 ? { ...all[0] } : { anyOf: all };
}

function parametersOf({ names = {}, query = {} }: DescribedOperation): readonly object[] {
  const inPath = Object.entries(names).map(([name, schema]) => parameter(name, "path", schema));
  return [...inPath, ...Object.entries(query).map(([name, schema]) => parameter(name, "query", schema))];
}

function parameter(name: string, place: "path" | "query", field: z.ZodType): object {
  const { description, ...schema } = z.toJSONSchema(field, { io: "input" });
  return { name, in: place, required: place === "path", description, schema: withoutHead(schema) };
}

function componentSchemas(names: Names): object {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of names) registry.add(schema, { id });
  const uri = (id: string): string => `#/components/schemas/${id}`;
  const { schemas } = z.toJSONSchema(registry, { uri, unrepresentable: "any" });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutHead(schema)]));
}

/** What is said once for the whole document. */
function withoutHead(schema: object): object {
  const head = new Set(["$schema", "$id"]);
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !head.has(name)));
}
