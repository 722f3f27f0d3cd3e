// The HTTP API against its own description: docs/openapi.json and docs/api.md are what the schemas say, the document is
// valid OpenAPI, and whatever is posted is answered as it says, and taken exactly where its schemas say so.

import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { allDescribed, apiFiles } from "../../scripts/api.ts";
import { openApiText } from "../../src/api/openapi.ts";
import { openBackplane } from "../../src/brokers/registry.ts";
import type { Backplane } from "../../src/brokers/driver.ts";
import { createRoomRules } from "../../src/config/room-rules.ts";
import { isRoomName, isRoomTooLong } from "../../src/core/room-name.ts";
import type { BackendContext } from "../../src/dialects/dialect.ts";
import type { Exchange, Route } from "../../src/server/route.ts";
import { silent } from "../../src/core/observe.ts";
import { apiSchemas } from "../../src/dialects/native/api-schema.ts";
import { createBackendSide } from "../../src/dialects/native/backend.ts";
import { nativeOperations } from "../../src/dialects/native/operations.ts";
import { isEventName } from "../../src/dialects/native/packet.ts";
import { problemSchema } from "../../src/vocabulary/operation.ts";
import type { DescribedOperation } from "../../src/vocabulary/operation.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { startGateway } from "../support/gateway.ts";
import { Random } from "../support/random.ts";

setDefaultTimeout(60_000);

const secret = "publish-secret-of-this-test";
const headers = { authorization: `Bearer ${secret}` };
const historyRooms = [{ match: "log*", history: { size: 10, seconds: 60 } }];
const limits = { ...defaultLimits, httpBodyBytes: 4_096 };
const { nameBytes } = limits;

let backplane: Backplane;
let routes: readonly Route[];

beforeAll(async () => {
  const rules = createRoomRules(historyRooms);
  backplane = await openBackplane({ url: undefined, observe: silent, limits, rules });
  const context: BackendContext = {
    bus: backplane.bus,
    broker: backplane.broker,
    observe: silent,
    limits,
    gatewayId: "test",
    isOpenRoom: () => false,
    isLogged: () => false,
    tickets: { issue: async () => "x".repeat(43) },
    revoker: { revoke: async () => ({ ended: 0, answered: ["test"], silent: [] }) },
    checkSecret: (shown) => (shown === secret ? "right" : "wrong"),
  };
  ({ routes } = createBackendSide(context, { queue: false }));
});
afterAll(async () => {
  await backplane.close();
});

/** Straight to the route, as the listener calls it. */
async function post(path: string, body: string | Buffer, query = ""): Promise<Response> {
  const route = routes.find((one) => (one.isPrefix ? path.startsWith(one.path) : path === one.path));
  const request = new Request("http://localhost/", { method: "POST", body: bytesOf(body), headers });
  const exchange = { path, query: new URLSearchParams(query), countedAs: "test" } as Exchange;
  return (await route?.fetch(request, exchange)) ?? new Response("", { status: 404 });
}

/** As `fetch` takes it. */
function bytesOf(body: string | Buffer): string | Uint8Array<ArrayBuffer> {
  return typeof body === "string" ? body : new Uint8Array(body);
}

const problem = z.object({ error: z.object({ code: z.string() }) });
const answers = z.union([apiSchemas.Receipt, apiSchemas.RoomsReceipt, apiSchemas.Results, apiSchemas.Ticket]);

/** @returns the status, and the code of a refusal. Throws when the document does not say that it is answered so. */
async function documented(
  answer: Response,
  operation: DescribedOperation,
): Promise<readonly [number, string]> {
  const body: unknown = await answer.json();
  if (answer.status === 200) {
    answers.parse(body);
    return [200, ""];
  }
  problemSchema.parse(body);
  const { code } = problem.parse(body).error;
  const isListed = operation.refusals.some((one) => one.status === answer.status && one.code === code);
  if (!isListed || answer.headers.get("content-type") !== "application/problem+json")
    throw new Error(`Expected a documented answer, got ${answer.status} ${code}`);
  return [answer.status, code];
}

test("docs/api.md and docs/openapi.json are what the schemas say: scripts/bun scripts/api.ts", () => {
  for (const [file, text] of apiFiles()) expect(readFileSync(file, "utf8")).toBe(text);
});

test("the document is valid OpenAPI 3.1", async () => {
  const validator = new Validator();
  expect(await validator.validate(JSON.parse(openApiText(allDescribed)) as Record<string, unknown>)).toEqual({
    valid: true,
  });
  expect(validator.version).toBe("3.1");
  // The judge judges.
  expect(await new Validator().validate({ openapi: "3.1.0", info: {}, paths: {} })).toMatchObject({
    valid: false,
  });
});

test("a gateway with a publish secret serves it, without asking for the secret", async () => {
  await using gateway = await startGateway({ secret });
  await using closed = await startGateway();
  const answer = await fetch(`${gateway.url}/api/openapi.json`);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(await answer.text()).toBe(openApiText(allDescribed));
  expect((await fetch(`${gateway.url}/api/openapi.json`, { method: "POST" })).status).toBe(405);
  expect((await fetch(`${closed.url}/api/openapi.json`)).status).toBe(404);
});

/** Values that are right in one place, and wrong in others. */
const values: readonly unknown[] = [
  "time",
  "log",
  "shop::orders",
  "log::a",
  "",
  "x".repeat(257),
  "\0",
  "\uFFFD",
  "\uD800",
  "connect",
  "update",
  "AP8=",
  "AP8",
  "k",
  0,
  1,
  7,
  -1,
  1.5,
  1e21,
  2 ** 53,
  null,
  true,
  [],
  ["time"],
  ["time", "log"],
  ["time", 1],
  Array.from({ length: 101 }, (_, index) => `r${index}`),
  {},
  { a: [{ b: "\u2028" }] },
];
const names = ["room", "rooms", "event", "data", "binary", "key", "version", "soon", "__proto__"];
type Members = Record<string, unknown>;

function randomPublication(random: Random): Members {
  // Most are right but for one thing or two.
  const members: Members = random.below(4) === 0 ? {} : { room: random.pick(["time", "log"]), data: 1 };
  if (random.below(3) === 0) members["key"] = `k${random.below(50)}`;
  if (random.below(3) === 0) members["version"] = random.below(100_000);
  for (let count = random.below(3); count > 0; count--) members[random.pick(names)] = random.pick(values);
  if (random.below(6) === 0) delete members[random.pick(names)];
  return members;
}

function randomBody(random: Random): unknown {
  if (random.below(5) > 0) return randomPublication(random);
  const items = Array.from({ length: random.below(4) }, () => randomPublication(random));
  return {
    publications: random.below(8) === 0 ? random.pick(values) : items,
    ...(random.below(3) === 0 && { data: 1 }),
  };
}

/** As the document says. */
function isInSchema(body: Members): boolean {
  const schema = "publications" in body ? apiSchemas.Batch : apiSchemas.Publication;
  return schema.safeParse(body).success;
}

/** What the document says in words alone. */
function hasWrongName(body: Members): boolean {
  const { publications = [body] } = body as { readonly publications?: readonly Members[] };
  return publications.some(({ room, rooms, event }) => {
    const all: readonly unknown[] = Array.isArray(rooms) ? rooms : [room];
    const isWrongRoom = all.some(
      (name) => typeof name === "string" && (!isRoomName(name) || isRoomTooLong(name, nameBytes)),
    );
    return isWrongRoom || (typeof event === "string" && !isEventName(event, nameBytes));
  });
}

test("90,000 random bodies of POST /api/publish are answered as the document says, and taken where its schemas say so", async () => {
  const random = new Random(9_457);
  const seen = new Map<string, number>();
  for (let run = 0; run < 90_000; run++) {
    const text = JSON.stringify(randomBody(random));
    const body = JSON.parse(text) as Members;
    const [status, code] = await documented(await post("/api/publish", text), nativeOperations.publish);
    seen.set(`${status} ${code}`, (seen.get(`${status} ${code}`) ?? 0) + 1);
    const isTaken = code !== "body_invalid";
    if (code !== "body_too_large" && isTaken !== (isInSchema(body) && !hasWrongName(body)))
      throw new Error(
        `Expected ${isTaken ? "400" : "200"} by the schema, got ${status}: ${JSON.stringify(body)}`,
      );
  }
  for (const outcome of ["200 ", "400 body_invalid", "400 history_off", "409 version_outdated"])
    expect(seen.get(outcome) ?? 0).toBeGreaterThan(1_000);
});

test("a publication to several rooms says of each log whether it took it, and is refused where none did", async () => {
  const outdated = { error: { code: "version_outdated", message: expect.any(String), retry: false } };
  const position = expect.stringMatching(/^\w+:\d+\.\w+$/);
  const publish = async (order: Members): Promise<readonly [number, unknown]> => {
    const answer = await post("/api/publish", JSON.stringify({ data: 1, ...order }));
    return [answer.status, await answer.json()];
  };
  await publish({ room: "log-ahead", version: 7 });
  const rooms = ["log-behind", "log-ahead"];
  const [status, some] = await publish({ rooms, version: 5 });
  expect([status, some]).toEqual([
    200,
    { rooms: { "log-behind": { stored: position }, "log-ahead": outdated } },
  ]);
  expect(await publish({ rooms, version: 5 })).toMatchObject([409, outdated]);
  expect(await publish({ publications: [{ rooms, version: 6, data: 1 }], data: undefined })).toMatchObject([
    200,
    { results: [{ rooms: { "log-behind": { stored: position }, "log-ahead": outdated } }] },
  ]);
  const [, first] = await publish({ rooms: ["log-a", "log-b"], key: "once" });
  expect(first).toEqual({
    rooms: { "log-a": { stored: position }, "log-b": { stored: position } },
  });
  expect(await publish({ rooms: ["log-b", "log-c", "log-c"], key: "once" })).toEqual([
    200,
    { rooms: { "log-b": { stored: position, repeated: true }, "log-c": { stored: position } } },
  ]);
  expect(await publish({ rooms: ["log-a", "time"] })).toEqual([
    200,
    { rooms: { "log-a": { stored: position } } },
  ]);
  expect(await publish({ rooms: ["log-a", "time"], key: "k" })).toMatchObject([
    400,
    { error: { code: "history_off" } },
  ]);
});

test("a member or a name of the query that is not known is refused, with those that are, and is not repeated", async () => {
  const members =
    "Expected only the members `room`, `rooms`, `event`, `data`, `binary`, `key`, `version`, got another";
  const alone = "Expected `publications` alone, got another member beside it";
  const query =
    "Expected only `event`, `key`, `version` in the query, each of them once at most, got another";
  const one = { room: "time", data: 1 };
  const refusals: readonly (readonly [string, unknown, string, string])[] = [
    ["/api/publish", { ...one, verson: 3 }, "", members],
    ["/api/publish", { ...one, __proto__x: null }, "", members],
    ["/api/publish", { publications: [{ ...one, kee: "a" }] }, "", members],
    ["/api/publish", { publications: [one], room: "time" }, "", alone],
    ["/api/publish", one, "key=a", "Expected no query, got one"],
    ["/rooms/time", one, "evnt=update", query],
    ["/rooms/log", one, "key=a&key=b", query],
    [
      "/api/publish",
      { ...one, event: "" },
      "",
      "Expected `event` to be a string of 1 to 256 bytes, and no reserved name",
    ],
    ["/rooms/time", one, "event=", "Expected `event` to be a string of 1 to 256 bytes, and no reserved name"],
  ];
  for (const [path, body, search, message] of refusals) {
    const answer = await post(path, JSON.stringify(body), search);
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { error: { code: "body_invalid", message, retry: false } },
    ]);
  }
});

test("10,000 bodies that are broken, and bare ones, are answered as the document says", async () => {
  const random = new Random(3_986);
  const pieces = [
    "{",
    "}",
    "[",
    "]",
    '"room"',
    ":",
    ",",
    '"time"',
    "NaN",
    "1e999",
    "\\ud800",
    "\uFEFF",
    " ",
    "null",
  ];
  for (let run = 0; run < 10_000; run++) {
    const text = Buffer.from(JSON.stringify(randomBody(random)));
    if (text.length > 0) text[random.below(text.length)] = random.below(256);
    const broken =
      random.below(2) === 0
        ? text
        : Array.from({ length: random.below(9) }, () => random.pick(pieces)).join("");
    await documented(await post("/api/publish", broken), nativeOperations.publish);
    const path = `/rooms/${random.pick(["time", "log", "a/b", "%", "%ff", "%00", "x".repeat(300), "%F0%9F%94%94"])}`;
    const query = random.pick([
      "",
      "event=update",
      "event=connect",
      "key=k",
      "key=",
      "version=7",
      "version=x",
      "key=a&version=1&event=",
      "evnt=update",
      "key=a&key=b",
    ]);
    await documented(
      await post(path, random.below(9) === 0 ? Buffer.alloc(5_000) : text, query),
      nativeOperations.publishBody,
    );
  }
});

test("a gateway answers 3,000 of them over HTTP without a 5xx, and lives", async () => {
  await using gateway = await startGateway({
    secret,
    rooms: historyRooms,
    limits: { httpBodyBytes: 4_096 },
  });
  const random = new Random(1_129);
  const ask = async (): Promise<number> => {
    const path = random.pick([
      "/api/publish",
      "/api/publish",
      "/rooms/time",
      "/rooms/%ff",
      "/rooms/log?key=k",
      "/api/publish?x",
    ]);
    const method = random.below(12) === 0 ? random.pick(["PUT", "DELETE", "PATCH"]) : "POST";
    const encoding = random.below(20) === 0 ? { "content-encoding": "gzip" } : {};
    const junk = random.below(10) === 0 ? Buffer.alloc(5_000) : random.bytes(random.below(60));
    const body = random.below(4) === 0 ? junk : JSON.stringify(randomBody(random));
    const answer = await fetch(gateway.url + path, {
      method,
      body: bytesOf(body),
      headers: { ...headers, ...encoding },
    });
    if (path.startsWith("/api")) await documented(answer, nativeOperations.publish);
    else await answer.body?.cancel();
    return answer.status;
  };
  const statuses = new Set<number>();
  for (let round = 0; round < 150; round++)
    for (const status of await Promise.all(Array.from({ length: 20 }, ask))) statuses.add(status);
  expect([...statuses].sort((a, b) => a - b)).toEqual([200, 400, 405, 409, 413, 415]);
  expect(
    (await fetch(`${gateway.url}/api/publish`, { method: "POST", headers, body: '{"room":"a","data":1}' }))
      .status,
  ).toBe(200);
});

test("10,000 orders of tickets: each is taken exactly where the schema says so, and something is to be opened", async () => {
  const random = new Random(12);
  const lists = [undefined, [], ["time"], ["shop::orders", "a"], ["x".repeat(200)], [1], [""], "time", null];
  const names = [undefined, "john", "", 7, null, "x".repeat(257)];
  const times = [undefined, 1, 30, 300, 0, 301, 1.5, "30", null];
  const taken = { right: 0, wrong: 0 };
  for (let round = 0; round < 10_000; round++) {
    const body = {
      rooms: random.pick(lists),
      user: random.pick(names),
      groups: random.pick(lists),
      seconds: random.pick(times),
      ...(random.below(10) === 0 && { more: 1 }),
    };
    const { data } = apiSchemas.TicketOrder.safeParse(JSON.parse(JSON.stringify(body)));
    const isRight =
      data !== undefined && [data.rooms, data.groups, data.user].some((one) => (one?.length ?? 0) > 0);
    const [status] = await documented(
      await post("/api/tickets", JSON.stringify(body)),
      nativeOperations.ticket,
    );
    expect({ body, status }).toEqual({ body, status: isRight ? 200 : 400 });
    taken[isRight ? "right" : "wrong"]++;
  }
  expect(Math.min(taken.right, taken.wrong)).toBeGreaterThan(100);
});
