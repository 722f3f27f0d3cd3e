import { afterAll, describe, expect, test } from "bun:test";
import { ChannelsGateway } from "../../../test/support/channels-gateway.ts";
import { createClientId } from "../../base/client-id.ts";
import { Connection } from "../../core/membership.ts";
import type { Bus, Feed } from "../../core/bus.ts";
import type { BackendContext } from "../dialect.ts";
import { compileGlobs } from "../../base/glob.ts";
import { Hub } from "../../core/hub.ts";
import { defaultLimits } from "../../vocabulary/limits.ts";
import { silent } from "../../core/observe.ts";
import { createRawFormat } from "../raw/format.ts";
import type { Carrier } from "../../core/carrier.ts";
import { createBackendSide } from "./backend.ts";
import { websocketChannelsOptions } from "./options.ts";
import { ancestorsOf, dialectName } from "./names.ts";

const gateway = await ChannelsGateway.start();
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

function feedOf(openRooms: readonly string[] = []): Feed {
  const context = { ...gateway.context, isOpenRoom: compileGlobs(openRooms) };
  const [feed] = createBackendSide(context, websocketChannelsOptions.parse({})).feeds;
  if (!feed) throw new Error("Expected one feed");
  return feed;
}

describe("the feed", () => {
  test("WSC-03 WSC-11 one pattern, websocket:*, and no unprefixed name", async () => {
    expect(feedOf().filter).toMatchObject({ kind: "pattern", name: "websocket:*" });
  });

  test("WSC-03 its canary goes to the empty name, which reaches nobody here and in the original", async () => {
    const feed = feedOf();
    const { canary } = feed.filter;
    expect(canary.channel).toBe("websocket:");
    const payload = Buffer.from(canary.encode("abc123"));
    expect(canary.decode({ channel: canary.channel, payload })).toBe("abc123");
    expect(feed.decode({ channel: canary.channel, payload })).toMatchObject({
      kind: "skipped",
      isJunk: false,
    });
    // Nobody's message is taken for one: not on a channel, not with anything around it.
    expect(canary.decode({ channel: "websocket:x", payload })).toBeUndefined();
    for (const other of ["", "belfry canary ", "belfry canary a b", `belfry canary ${"a".repeat(200)}`]) {
      expect(canary.decode({ channel: canary.channel, payload: Buffer.from(other) })).toBeUndefined();
    }
  });

  test("WSC-05 the payload is passed on as it is, whatever it is", async () => {
    const feed = feedOf();
    for (const bytes of ["", "text", "\uFEFFbom", "{", "\0"]) {
      const payload = Buffer.from(bytes);
      expect(feed.decode({ channel: "websocket:x", payload })).toMatchObject({ raw: payload, rooms: ["x"] });
    }
  });

  test("SEC-16 trees stay in the dialect even where every room is open", async () => {
    const feed = feedOf(["*"]);
    const decode = (channel: string): unknown => feed.decode({ channel, payload: Buffer.from("x") });
    expect(decode("websocket:a")).toMatchObject({ rooms: ["a"], isTree: false, only: undefined });
    for (const tree of ["websocket:a/", "websocket:/"]) {
      expect(decode(tree)).toMatchObject({ isTree: true, only: "websocket-channels" });
    }
  });

  test("SEC-16 the bytes of a message by our own routes are read again as that was meant, with the secret or without", () => {
    const context: BackendContext = {
      ...gateway.context,
      isOpenRoom: (room) => room === "open",
      isLogged: (room) => room === "logged",
    };
    for (const [openPublish, carriesMeaning] of [
      [false, true],
      [true, true],
      [false, false],
    ] as const) {
      const bus = Object.assign(Object.create(context.bus) as Bus, { carriesMeaning });
      const options = websocketChannelsOptions.parse({ openPublish });
      const [feed] = createBackendSide({ ...context, bus }, options).feeds;
      const only = (name: string): unknown =>
        feed?.ofMeant?.decode({ channel: `websocket:${name}`, payload: Buffer.from("x") });
      const own = { only: dialectName };
      const others = !openPublish && carriesMeaning ? { only: undefined } : own;
      expect(["a", "open", "logged", "a/"].map(only)).toMatchObject([others, { only: undefined }, own, own]);
    }
  });

  test("SEC-06 names out of bounds are counted as junk", async () => {
    const feed = feedOf();
    const reason = (name: string): unknown =>
      feed.decode({ channel: `websocket:${name}`, payload: Buffer.from("x") });
    expect(reason("x".repeat(257))).toMatchObject({ reason: "name_too_long", isJunk: true });
    expect(reason("x/".repeat(33))).toMatchObject({ reason: "too_many_segments", isJunk: true });
    expect(reason("\uFFFD")).toMatchObject({ reason: "name_invalid", isJunk: true });
  });

  test("T21 10,000-character names against 1,000 globs take no time", async () => {
    const feed = feedOf(Array.from({ length: 1_000 }, (_, at) => `*a*b*${at}*c*d`));
    const start = performance.now();
    feed.decode({ channel: `websocket:${"ab".repeat(5_000)}`, payload: Buffer.from("x") });
    feed.decode({ channel: `websocket:${"ab".repeat(128)}`, payload: Buffer.from("x") });
    expect(performance.now() - start).toBeLessThan(200);
  });
});

describe("the native path", () => {
  test("WSC-03 a publish is one native topic publish, whatever the number of channels", async () => {
    const published: string[] = [];
    const topics = {
      publish: (topic: string) => {
        published.push(topic);
        return false;
      },
    };
    const hub = new Hub({ limits: defaultLimits, topics, observe: silent, send: () => undefined });
    const subscribed = new Map<string, number>();
    const format = createRawFormat("websocket-channels");
    const join = (path: string): void => {
      const connection = new Connection({
        id: createClientId(),
        namespace: "/",
        format,
        carrier: nativeClient(subscribed),
        agent: { disconnect: () => undefined, request: () => undefined },
        hearsEveryone: false,
      });
      hub.enter(connection);
      hub.join(connection, path);
      for (const ancestor of ancestorsOf(path)) hub.join(connection, ancestor, "trees");
    };
    for (let made = 0; made < 100_000; made++) join(`users/${made % 100}/${made}`);
    join("users/7/here");
    const feed = feedOf();
    const publish = (name: string): void => {
      const decoded = feed.decode({ channel: `websocket:${name}`, payload: Buffer.from("x") });
      if (decoded.kind === "publication") hub.deliver(decoded);
    };
    const expectations: readonly (readonly [name: string, receivers: number])[] = [
      ["users/7/here", 1],
      ["users/7/", 1_001],
      ["users/", 100_001],
      ["/", 100_001],
    ];
    for (const [name, receivers] of expectations) {
      published.length = 0;
      publish(name);
      expect(published).toHaveLength(1);
      expect(subscribed.get(published[0] ?? "")).toBe(receivers);
    }
    for (const name of ["users/7/nobody", "user/", "users/7/here/", "users"]) {
      published.length = 0;
      publish(name);
      expect(published).toEqual([]);
    }
  }, 30_000);
});

function nativeClient(subscribed: Map<string, number>): Carrier {
  const change = (by: number) => (topic: string) => {
    subscribed.set(topic, (subscribed.get(topic) ?? 0) + by);
  };
  return {
    isOnTopics: true,
    isWritable: true,
    bufferedBytes: 0,
    send: () => undefined,
    subscribe: change(1),
    unsubscribe: change(-1),
    fallBehind: () => undefined,
  };
}
