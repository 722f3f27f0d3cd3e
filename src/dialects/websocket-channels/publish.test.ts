import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ChannelsGateway, secret } from "../../../test/support/channels-gateway.ts";
import { rawRequest } from "../../../test/support/raw.ts";
import { exchangeOf } from "../../../test/support/dialect-gateway.ts";
import type { Broker } from "../../core/broker.ts";
import type { Bus } from "../../core/bus.ts";
import type { BackendContext } from "../dialect.ts";
import type { Route } from "../../server/route.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { publishRoute, rootPublishRoute } from "./backend.ts";

interface NotingBus {
  readonly bus: Bus;
  readonly published: [channel: string, payload: string][];
}

const idle = await ChannelsGateway.start();
afterAll(async () => {
  await idle[Symbol.asyncDispose]();
});

const state: Bus["state"] = () => ({ isReady: true });

/** A bus that only writes down what is published, as bytes alone. */
function notingBus(parts: Partial<Bus> = {}): NotingBus {
  const published: NotingBus["published"] = [];
  const publish: Bus["publish"] = async (channel, payload) => {
    published.push([channel, Buffer.from(payload as string).toString()]);
  };
  const bus = Object.assign(Object.create(idle.context.bus) as Bus, {
    publish,
    state,
    carriesMeaning: false,
    ...parts,
  });
  return { published, bus };
}

/** A broker that takes everything. */
const quietBroker: Broker = {
  open: async () => undefined,
  publish: async () => ({ delivered: 0 }),
  history: async () => "no_history",
};

function contextOf(bus: Bus, broker = quietBroker): BackendContext {
  return {
    ...idle.context,
    bus,
    broker,
    isOpenRoom: (room) => room === "open",
    isLogged: (room) => room === "logged",
  };
}

async function post(route: Route, path: string, body: string | Uint8Array<ArrayBuffer>): Promise<Response> {
  const url = `http://gateway.example${path}`;
  const headers = { authorization: `Bearer ${secret}` };
  return route.fetch(new Request(url, { method: "POST", body, headers }), exchangeOf(url));
}

async function publishes(body: string): Promise<readonly [string, string][]> {
  const { bus, published } = notingBus();
  const answer = await post(publishRoute(contextOf(bus), { openPublish: false }), "/publish", body);
  expect([answer.status, await answer.text()]).toEqual([200, "OK"]);
  return published;
}

describe("POST /publish", () => {
  test("SEC-16 with the secret it is a backend's: the broker carries it to the other dialects, but for trees and open rooms", async () => {
    const body = '{"a//b":"1","a/":"2","open":"3"}';
    const onBus = [
      ["websocket:a//b", "1"],
      ["websocket:a/", "2"],
      ["websocket:open", "3"],
    ];
    const fromBackend = [{ rooms: ["a/b"], isTree: false, not: "websocket-channels", raw: Buffer.from("1") }];
    for (const openPublish of [false, true]) {
      const { bus, published } = notingBus();
      const brokered: unknown[] = [];
      const broker: Broker = {
        ...quietBroker,
        publish: async ({ rooms, isTree, not, raw }) => {
          brokered.push({ rooms, isTree, not, raw });
          return { delivered: 0 };
        },
      };
      const route = publishRoute(contextOf(bus, broker), { openPublish });
      expect((await post(route, "/publish", body)).status).toBe(200);
      expect({ published, brokered }).toEqual({
        published: onBus,
        brokered: openPublish ? [] : fromBackend,
      } as never);
    }
  });

  test("SEC-16 a bus that hands on what a message means is told once for all dialects, but for rooms with a log", async () => {
    const body = '{"a":"1","a/":"2","open":"3","logged":"4"}';
    for (const openPublish of [false, true]) {
      const only = openPublish ? "websocket-channels" : undefined;
      const said: unknown[] = [];
      const publish: Bus["publish"] = async (channel, _payload, meaning) => {
        const { rooms, isTree, only, not, raw, frame } = meaning?.publication ?? {};
        said.push({ channel, dialect: meaning?.dialect, rooms, isTree, only, not, raw: String(raw), frame });
      };
      const { bus } = notingBus({ publish, carriesMeaning: true });
      const broker: Broker = {
        ...quietBroker,
        publish: async ({ rooms, not }) => {
          said.push({ rooms, not });
          return { delivered: 0 };
        },
      };
      const route = publishRoute(contextOf(bus, broker), { openPublish });
      expect((await post(route, "/publish", body)).status).toBe(200);
      const dialect = "websocket-channels";
      const message = (name: string, text: string) => ({
        channel: `websocket:${name}`,
        dialect,
        rooms: [name.replace("/", "")],
        isTree: name.endsWith("/"),
        only: undefined,
        not: undefined,
        raw: text,
        frame: text,
      });
      expect(said).toEqual([
        { ...message("a", "1"), only },
        { ...message("a/", "2"), only: dialect },
        message("open", "3"),
        { ...message("logged", "4"), only: dialect },
        ...(openPublish ? [] : [{ rooms: ["logged"], not: dialect }]),
      ] as never);
    }
  });

  test("WSC-06 a byte order mark in front of the map is no part of it", async () => {
    expect(await publishes('\ufeff{"a":"b"}')).toEqual([["websocket:a", "b"]]);
  });

  test("WSC-06 T9 a message may be nested as deep as Python nests", async () => {
    const deep = `${"[".repeat(999)}${"]".repeat(999)}`;
    expect(await publishes(`{"a":${deep}}`)).toEqual([["websocket:a", deep]]);
  });

  test("WSC-06 each pair is published in the order of the text, numbers too, a repeated name at its first place", async () => {
    expect(await publishes('{"b":"1","2":"x","1":"y","a/":"t","2":"z","\\u0062":"last"}')).toEqual([
      ["websocket:b", "last"],
      ["websocket:2", "z"],
      ["websocket:1", "y"],
      ["websocket:a/", "t"],
    ]);
  });

  test("WSC-06 SIO-15 what is no string is published as its JSON text, digit for digit", async () => {
    const body =
      '{"a":true,"b":null,"c":12345678901234567890,"d":1.50,"e":{"u": [1e5,"x"]},"f":"\\u00e9\\n\\"","g":""}';
    expect(await publishes(body)).toEqual([
      ["websocket:a", "true"],
      ["websocket:b", "null"],
      ["websocket:c", "12345678901234567890"],
      ["websocket:d", "1.50"],
      ["websocket:e", '{"u": [1e5,"x"]}'],
      ["websocket:f", 'é\n"'],
      ["websocket:g", ""],
    ]);
  });

  test("WSC-06 T20 an empty object is fine, and names that objects have anyway are only names", async () => {
    expect(await publishes(" {} ")).toEqual([]);
    expect(await publishes('{"__proto__":"x","constructor":"y"}')).toEqual([
      ["websocket:__proto__", "x"],
      ["websocket:constructor", "y"],
    ]);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  test("WSC-06 any Content-Type is taken, curl's default included", async () => {
    await using gateway = await ChannelsGateway.start();
    using client = await gateway.join("a");
    for (const type of ["application/json", "application/x-www-form-urlencoded", "text/plain", "x"]) {
      const { status, text } = await gateway.post("/publish", '{"a":"hi"}', { "Content-Type": type });
      expect([status, text]).toEqual([200, "OK"]);
      expect(await client.waitForMessage()).toBe("hi");
    }
  });

  test("WSC-06 SEC-05 T9 what is no JSON object within the bounds gets 400, and nothing of it is published", async () => {
    const bodies = [
      "",
      "[]",
      '"a"',
      "null",
      "{",
      '{"a":"b"',
      '{"a":"b"}x',
      "{'a':'b'}",
      '\uFEFF\uFEFF{"a":"b"}',
      ' \uFEFF{"a":"b"}',
      `{"a":${"[".repeat(1_000)}${"]".repeat(1_000)}}`,
      `{${Array.from({ length: 1_001 }, (_, at) => `"${at}":1`).join(",")}}`,
      `{"ok":"x","${"y".repeat(257)}":"x"}`,
      `{"ok":"x","${"y/".repeat(33)}":"x"}`,
      '{"ok":"x","\\ud800":"x"}',
      '{"ok":"x","\uFFFD":"x"}',
      Buffer.from('{"a":"\xff"}', "latin1"),
    ];
    for (const body of bodies) {
      const { bus, published } = notingBus();
      const route = publishRoute(contextOf(bus), { openPublish: false });
      const answer = await post(route, "/publish", typeof body === "string" ? body : new Uint8Array(body));
      expect([answer.status, published]).toEqual([400, []]);
      expect(await answer.text()).toStartWith("Expected ");
      expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    }
  });

  test("SEC-06 T9 a body over the limit gets 413, an encoded one 415", async () => {
    await using gateway = await ChannelsGateway.start({ limits: { httpBodyBytes: 1_000 } });
    const body = JSON.stringify({ a: "x".repeat(1_000) });
    expect((await gateway.post("/publish", body)).status).toBe(413);
    const chunked = await fetch(`${gateway.url}/publish`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
      body: new Blob([body]).stream(),
    });
    expect(chunked.status).toBe(413);
    expect((await gateway.post("/publish", "{}", { "Content-Encoding": "gzip" })).status).toBe(415);
  });

  test("WSC-06 WSC-07 other methods get 405 with Allow, and publish nothing", async () => {
    await using gateway = await ChannelsGateway.start({ options: { root: true } });
    using everyone = await gateway.join("x");
    for (const path of ["/publish", "/x", "/x/"]) {
      for (const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH"]) {
        const headers = { Authorization: `Bearer ${secret}`, Connection: "close" };
        const response = await fetch(`${gateway.url}${path}`, { method, headers });
        expect(response.status).toBe(405);
        const allow = response.headers.get("allow") ?? "";
        expect(allow.split(/, */).toSorted()).toEqual(["OPTIONS", "POST"]);
      }
      const options = await fetch(`${gateway.url}${path}`, { method: "OPTIONS" });
      expect([options.status, options.headers.get("access-control-allow-origin")]).toEqual([200, null]);
    }
    await gateway.bus.publish("websocket:x", "first");
    expect(await everyone.waitForMessage()).toBe("first");
  });
});

describe("who may publish", () => {
  test("SEC-11 WSC-08 only who shows the secret, on loopback too; all missing ones look alike, and all wrong ones", async () => {
    await using gateway = await ChannelsGateway.start({ options: { root: true } });
    using client = await gateway.join("a");
    const missing = ["", "Bearer", "Bearer ", secret, `Basic ${btoa(`x:${secret}`)}`];
    const wrong = [`Bearer ${secret}x`, `Bearer ${secret.slice(1)}`, `Bearer Bearer ${secret}`];
    const answers = new Set<string>();
    for (const path of ["/publish", "/a"]) {
      for (const [authorizations, what] of [
        [missing, "got none"],
        [wrong, "got another one"],
      ] as const) {
        for (const Authorization of authorizations) {
          const { status, text } = await gateway.post(path, '{"a":"x"}', { Authorization });
          expect([status, text]).toEqual([401, expect.stringContaining(what)]);
          answers.add(text);
        }
      }
    }
    const without = await rawRequest(gateway.url, { method: "POST", path: "/publish", body: '{"a":"x"}' });
    expect(without.status).toBe(401);
    expect(without.headers.get("www-authenticate")).toBe("Bearer");
    answers.add(without.text);
    expect(answers.size).toBe(2);
    expect([...answers].join("")).not.toContain(secret);
    await gateway.post("/publish", '{"a":"yes"}', { Authorization: `bearer   ${secret} ` });
    expect(await client.waitForMessage()).toBe("yes");
  });

  test("SEC-11 WSC-08 without a configured secret nobody may", async () => {
    await using gateway = await ChannelsGateway.start({ secret: null });
    for (const token of ["", "undefined", "null", "x"]) {
      const { status } = await gateway.post("/publish", "{}", { Authorization: `Bearer ${token}` });
      expect(status).toBe(401);
    }
  });

  test("WSC-08 SEC-11 openPublish needs no secret, but foreign origins are refused", async () => {
    for (const key of [null, secret]) {
      await using gateway = await ChannelsGateway.start({
        secret: key,
        options: { openPublish: true, root: true },
      });
      using client = await gateway.join("a");
      for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1", `${gateway.url}.evil`]) {
        for (const path of ["/publish", "/a"]) {
          const { status } = await gateway.post(path, '{"a":"no"}', { Origin: origin });
          expect(status).toBe(403);
        }
      }
      const plain = await rawRequest(gateway.url, {
        method: "POST",
        path: "/publish",
        body: '{"a":"yes"}',
      });
      expect(plain.text).toBe("OK");
      expect((await gateway.post("/a", "own page", { Origin: gateway.url })).text).toBe("OK");
      expect(await client.waitForMessages(2)).toEqual(["yes", "own page"]);
    }
  });
});

describe("slashes in front of a name", () => {
  test("WSC-06 WSC-07 mean nothing in a map either, and an empty name refuses all of it", async () => {
    expect(await publishes('{"/q/1":"a","//users/":"b"}')).toEqual([
      ["websocket:q/1", "a"],
      ["websocket:users/", "b"],
    ]);
    const { bus, published } = notingBus();
    const route = publishRoute(contextOf(bus), { openPublish: false });
    for (const name of ["", "/", "//", "/".repeat(60_000)]) {
      const answer = await post(route, "/publish", JSON.stringify({ before: "x", [name]: "y" }));
      expect([answer.status, published]).toEqual([400, []]);
    }
  });
});

describe("POST /<channel>", () => {
  test("WSC-07 WSC-05 the body is the message, a trailing slash addresses the tree", async () => {
    await using gateway = await ChannelsGateway.start({ options: { root: true } });
    using users = await gateway.join("users");
    using one = await gateway.join("users/1");
    const { status, text } = await gateway.post("/users", "to <b>users</b>");
    expect([status, text]).toEqual([200, "OK"]);
    await gateway.post("/users/", Buffer.of(0xff, 0));
    await gateway.post("/users%2F1?x=1", "é");
    await gateway.post("//users//1", '{"not":"read"}');
    await gateway.post("/users/1", "");
    expect(await users.waitForMessage()).toBe("to <b>users</b>");
    expect(await one.waitForMessages(4)).toEqual([Buffer.of(0xff, 0), "é", '{"not":"read"}', ""]);
  });

  test("WSC-07 RTE-05 POST / is nobody's, /publish is the map, names out of bounds get 400", async () => {
    await using gateway = await ChannelsGateway.start({ options: { root: true } });
    using client = await gateway.join("publish");
    expect((await gateway.post("/", "x")).status).toBe(405);
    expect((await gateway.post("/publish", "not a map")).status).toBe(400);
    expect((await gateway.post("/%FF", "x")).status).toBe(400);
    expect((await gateway.post(`/${"a/".repeat(33)}`, "x")).status).toBe(400);
    expect((await gateway.post("/publish", '{"publish":"by name"}')).text).toBe("OK");
    expect(await client.waitForMessage()).toBe("by name");
    expect((await gateway.post("/emit", "root channel")).status).toBe(200);
  });

  test("WSC-07 slashes in front of a channel mean nothing, and the empty channel speaks to no one", async () => {
    await using gateway = await ChannelsGateway.start({ options: { root: true } });
    const { bus, published } = notingBus();
    const route = rootPublishRoute(contextOf(bus), { openPublish: false });
    using queue = await gateway.join("q/1");
    using other = await gateway.join("other");
    using root = await gateway.join("");
    for (const path of ["/", "//", "///////", "/%2F", "/%2f/%2F", "//%2F?x=1"]) {
      const { status } = await gateway.post(path, "nobody");
      expect([path, [400, 405].includes(status)]).toEqual([path, true]);
    }
    const channels = [
      ["//q/1", "q/1"],
      ["///q//1", "q//1"],
      ["/%2Fq%2F1", "q/1"],
      ["//q/", "q/"],
    ] as const;
    for (const [path, channel] of channels) {
      published.length = 0;
      expect((await post(route, path, path)).status).toBe(200);
      expect(published).toEqual([[`websocket:${channel}`, path]]);
      expect((await gateway.post(path, path)).text).toBe("OK");
      expect(await queue.waitForMessage()).toBe(path);
    }
    await gateway.bus.publish("websocket:/", "end");
    for (const client of [queue, other, root]) expect(await client.waitForMessage()).toBe("end");
  });

  test("WSC-07 without root mode there is no such door", async () => {
    await using gateway = await ChannelsGateway.start();
    for (const path of ["/users", "/", "/publish/"]) expect((await gateway.post(path, "x")).status).toBe(404);
  });
});

describe("the bus is down", () => {
  test("WSC-06 WSE-26 an unready bus, and one that refuses, is answered with 503", async () => {
    const refusing = notingBus({
      publish: async () => {
        throw new GatewayError("bus_unavailable", "Expected a Redis at 10.0.0.1:6379, got none");
      },
    });
    const unready = notingBus({ state: () => ({ isReady: false, reason: "secret place" }) });
    const deaf = notingBus();
    const unavailable: Broker = {
      ...quietBroker,
      publish: async () => refusing.bus.publish("", "") as never,
    };
    for (const [{ bus }, broker] of [[refusing], [unready], [deaf, unavailable]] as const) {
      const context = contextOf(bus, broker);
      for (const [route, path] of [
        [publishRoute(context, { openPublish: false }), "/publish"],
        [rootPublishRoute(context, { openPublish: false }), "/a"],
      ] as const) {
        const answer = await post(route, path, '{"a":"b","c":"d"}');
        expect(answer.status).toBe(503);
        expect(await answer.text()).not.toMatch(/10\.0|secret place/);
      }
    }
  });
});

describe("any body", () => {
  const name = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom("a", "1", "a/", "/", "", "\uD800", "\uFFFD", '"', "\\", "__proto__"),
  );
  const value = fc.oneof(
    fc.string({ maxLength: 12 }).map((text) => ({ raw: JSON.stringify(text), message: text })),
    fc
      .constantFrom("1.0", "true", "null", "{}", '["x", 1]', "-0", "1e400")
      .map((raw) => ({ raw, message: raw })),
    fc.constant({ raw: "NaN", message: "null" }),
    fc.constantFrom("01", "x", '"', "+1", "[", "{]").map((raw) => ({ raw, message: undefined })),
  );
  const pairs = fc.array(fc.tuple(name, value), { maxLength: 5 });
  const junk = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.json());

  test("WSC-06 T9 50,000 maps are published as they stand, or refused as a whole", async () => {
    const { bus, published } = notingBus();
    const route = publishRoute(contextOf(bus), { openPublish: false });
    await fc.assert(
      fc.asyncProperty(pairs, async (members) => {
        published.length = 0;
        const text = members.map(([key, { raw }]) => `${JSON.stringify(key)}:${raw}`).join(", ");
        const { status } = await post(route, "/publish", `{${text}}`);
        const isRight = members.every(
          ([key, { message }]) =>
            message !== undefined && key.isWellFormed() && !key.includes("\uFFFD") && /[^/]/.test(key),
        );
        expect(status).toBe(isRight ? 200 : 400);
        const last = new Map(members.map(([key, { message }]) => [key, message ?? ""]));
        const expected = [...last].map(([key, message]) => [`websocket:${key.replace(/^\/+/, "")}`, message]);
        expect(published as unknown).toEqual(isRight ? expected : []);
      }),
      { numRuns: 50_000 },
    );
  }, 120_000);

  test("WSC-06 T9 50,000 other bodies are published or refused, and never end the request otherwise", async () => {
    const { bus, published } = notingBus();
    const route = publishRoute(contextOf(bus), { openPublish: false });
    await fc.assert(
      fc.asyncProperty(junk, async (body) => {
        published.length = 0;
        const { status } = await post(route, "/publish", body);
        const isObject = body.trimStart().startsWith("{") && status === 200;
        expect(status).toBe(isObject ? 200 : 400);
        if (status === 400) expect(published).toEqual([]);
      }),
      { numRuns: 50_000 },
    );
  }, 120_000);
});
