import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Format } from "./membership.ts";
import { Connection } from "./membership.ts";
import { Hub } from "./hub.ts";
import { silent } from "./observe.ts";
import type { Outgoing, Publication } from "./publication.ts";
import type { Carrier, Frame } from "./carrier.ts";
import { publicationWith } from "../../test/support/publication.ts";

/** Native topics in memory: who is subscribed hears a publish, in the order of the calls. */
class FakeTopics {
  readonly subscribers = new Map<string, Set<FakeClient>>();
  publishes = 0;
  publish(topic: string, frame: Frame): boolean {
    this.publishes++;
    for (const client of this.subscribers.get(topic) ?? []) client.heard.push(frame);
    return [...(this.subscribers.get(topic) ?? [])].some((client) => client.bufferedBytes > 0);
  }
}

class FakeClient implements Carrier {
  readonly heard: Frame[] = [];
  readonly sent: Frame[] = [];
  bufferedBytes = 0;
  isOnTopics: boolean;
  onChange = (): void => {};
  readonly #topics: FakeTopics;
  constructor(topics: FakeTopics, isOnTopics: boolean) {
    this.#topics = topics;
    this.isOnTopics = isOnTopics;
  }
  get isWritable(): boolean {
    return this.bufferedBytes === 0;
  }
  send(frames: readonly Frame[]): void {
    this.heard.push(...frames);
    this.sent.push(...frames);
  }
  subscribe(topic: string): void {
    let set = this.#topics.subscribers.get(topic);
    if (!set) this.#topics.subscribers.set(topic, (set = new Set()));
    set.add(this);
  }
  unsubscribe(topic: string): void {
    this.#topics.subscribers.get(topic)?.delete(this);
  }
  fallBehind(): void {
    this.isOnTopics = false;
    this.onChange();
  }
}

function createFormat(name: string): Format & { encoded: number } {
  return {
    dialect: name,
    name,
    encoded: 0,
    encode(publication) {
      this.encoded++;
      return [`${name}:${publication.event}`];
    },
  };
}

function setUp() {
  const topics = new FakeTopics();
  const outgoing: Outgoing[] = [];
  const limits = { nameBytes: 256, roomsPerConnection: 1000 };
  const hub = new Hub({ limits, topics, observe: silent, send: (message) => outgoing.push(message) });
  const formats = { a: createFormat("a"), b: createFormat("b") };
  const agents: { id: string; closed: boolean[]; acks: ((args: string[], isBinary: boolean) => void)[] }[] =
    [];
  const connect = (id: string, { namespace = "/", format = formats.a, isOnTopics = true } = {}) => {
    const client = new FakeClient(topics, isOnTopics);
    const agent = {
      id,
      closed: [] as boolean[],
      acks: [] as ((args: string[], isBinary: boolean) => void)[],
      disconnect(closeClient: boolean) {
        agent.closed.push(closeClient);
      },
      request(publication: Publication, onAck: (args: readonly string[], hasBinary: boolean) => void) {
        client.heard.push(`ack:${publication.event}`);
        agent.acks.push(onAck);
      },
    };
    agents.push(agent);
    const connection = new Connection({ id, namespace, format, carrier: client, agent });
    client.onChange = () => {
      hub.refresh(connection);
    };
    hub.enter(connection);
    return { connection, client, agent };
  };
  return { topics, hub, formats, connect, outgoing };
}

describe("delivery", () => {
  test("one room: one publish per format, encoded once, native members not looped over", () => {
    const { topics, hub, formats, connect } = setUp();
    const members = [connect("1"), connect("2"), connect("3", { format: formats.b })];
    for (const { connection } of members) hub.join(connection, "r");
    hub.deliver(publicationWith({ rooms: ["r"] }));
    expect(topics.publishes).toBe(2);
    expect([formats.a.encoded, formats.b.encoded]).toEqual([1, 1]);
    expect(members.map(({ client }) => client.heard)).toEqual([["a:e"], ["a:e"], ["b:e"]]);
    expect(members.flatMap(({ client }) => client.sent)).toEqual([]);
  });

  test("PSQ-07 no rooms: everyone in the namespace and nobody of another", () => {
    const { hub, connect } = setUp();
    const here = connect("1");
    const there = connect("2", { namespace: "/chat" });
    hub.deliver(publicationWith({ rooms: undefined }));
    expect([here.client.heard, there.client.heard]).toEqual([["a:e"], []]);
  });

  test("PSQ-07 an empty list of rooms: nobody; several rooms: each connection once", () => {
    const { hub, connect } = setUp();
    const both = connect("1");
    const one = connect("2");
    for (const room of ["r", "s"]) hub.join(both.connection, room);
    hub.join(one.connection, "s");
    hub.deliver(publicationWith({ rooms: [] }));
    hub.deliver(publicationWith({ rooms: ["r", "s", "nobody"] }));
    expect([both.client.heard, one.client.heard]).toEqual([["a:e"], ["a:e"]]);
  });

  test("PSQ-08 skip_sid leaves out by id, NRE-02 except by room; who was muted hears the next message", () => {
    const { hub, connect, topics } = setUp();
    const [a, b, c] = [connect("1"), connect("2"), connect("3")];
    for (const { connection } of [a, b, c]) hub.join(connection, "r");
    hub.join(b.connection, "quiet");
    hub.deliver(publicationWith({ rooms: ["r"], skip: ["1"], except: ["quiet"] }));
    expect([a, b, c].map(({ client }) => client.heard.length)).toEqual([0, 0, 1]);
    hub.deliver(publicationWith({ rooms: ["r"] }));
    expect([a, b, c].map(({ client }) => client.heard.length)).toEqual([1, 1, 2]);
    expect(topics.publishes).toBe(2);
  });

  test("F3 I3 connections that have a publication already are left out of its one delivery, native or not, beside skips", () => {
    const { hub, connect } = setUp();
    const [a, b, c] = [connect("1"), connect("2", { isOnTopics: false }), connect("3")];
    for (const { connection } of [a, b, c]) hub.join(connection, "r");
    const heard = (): readonly number[] => [a, b, c].map(({ client }) => client.heard.length);
    expect(hub.deliver(publicationWith({ rooms: ["r"] }), {}, new Set([a.connection, b.connection]))).toBe(1);
    expect(heard()).toEqual([0, 0, 1]);
    hub.deliver(publicationWith({ rooms: ["r"], skip: ["3"] }), {}, new Set([a.connection]));
    expect(heard()).toEqual([0, 1, 1]);
    hub.deliver(publicationWith({ rooms: ["r"] }));
    expect(heard()).toEqual([1, 2, 2]);
  });

  test("PSQ-08 skip_sid names ids alone: a room of that name is not left out", () => {
    const { hub, connect } = setUp();
    const a = connect("1");
    hub.join(a.connection, "r");
    hub.deliver(publicationWith({ rooms: ["r"], skip: ["r"] }));
    expect(a.client.heard).toEqual(["a:e"]);
  });

  test("SIO-16 a connection's id is a room of its own, once also where it joined others", () => {
    const { hub, connect } = setUp();
    const a = connect("1");
    const b = connect("2");
    hub.join(a.connection, "r");
    hub.deliver(publicationWith({ rooms: ["1"] }));
    hub.deliver(publicationWith({ rooms: ["r", "1"] }));
    expect([a.client.heard.length, b.client.heard.length]).toEqual([2, 0]);
  });

  test("WSE-03 rooms of two namespaces never meet, whatever their names", () => {
    const { hub, connect } = setUp();
    const root = connect("1");
    const chat = connect("2", { namespace: "/chat" });
    hub.join(root.connection, "/chat,r");
    hub.join(chat.connection, "r");
    hub.deliver(publicationWith({ namespace: "/chat", rooms: ["r"] }));
    expect([root.client.heard.length, chat.client.heard.length]).toEqual([0, 1]);
    hub.deliver(publicationWith({ rooms: ["/chat,r"] }));
    expect([root.client.heard.length, chat.client.heard.length]).toEqual([1, 1]);
  });

  test("NRE-02 a volatile publication is dropped for a looped client that cannot take it now", () => {
    const { hub, connect } = setUp();
    const [ready, busy] = [connect("1", { isOnTopics: false }), connect("2", { isOnTopics: false })];
    busy.client.bufferedBytes = 1;
    hub.deliver(publicationWith({ volatile: true }));
    expect([ready.client.heard.length, busy.client.heard.length]).toEqual([1, 0]);
  });

  test("SEC-06 a native member that is behind leaves its topics, and nobody else does", () => {
    const { hub, connect } = setUp();
    const [slow, quick] = [connect("1"), connect("2")];
    for (const { connection } of [slow, quick]) hub.join(connection, "r");
    slow.client.bufferedBytes = 100_000;
    hub.deliver(publicationWith({ rooms: ["r"] }));
    expect([slow.client.isOnTopics, quick.client.isOnTopics]).toEqual([false, true]);
    hub.deliver(publicationWith({ rooms: ["r"], event: "f" }));
    expect(slow.client.sent).toEqual(["a:f"]);
    slow.client.isOnTopics = true;
    hub.refresh(slow.connection);
    hub.deliver(publicationWith({ rooms: ["r"], event: "g" }));
    expect(slow.client.heard).toEqual(["a:e", "a:f", "a:g"]);
    expect(slow.client.sent).toEqual(["a:f"]);
  });

  test("SIO-14 a client that turns out to have caught up while it is sent to does not hear it once more by the topic", () => {
    const { hub, connect } = setUp();
    const [behind, other] = [connect("1", { isOnTopics: false }), connect("2")];
    for (const { connection } of [behind, other]) hub.join(connection, "r");
    const send = behind.client.send.bind(behind.client);
    behind.client.send = (frames) => {
      behind.client.isOnTopics = true;
      hub.refresh(behind.connection);
      send(frames);
    };
    expect(hub.deliver(publicationWith({ rooms: ["r"] }))).toBe(2);
    hub.deliver(publicationWith({ rooms: ["r"], event: "f" }));
    expect([behind.client.heard, other.client.heard]).toEqual([
      ["a:e", "a:f"],
      ["a:e", "a:f"],
    ]);
    expect(behind.client.sent).toEqual(["a:e"]);
  });

  test("a client that is closed during a delivery disturbs nobody else's", () => {
    const { hub, formats, connect } = setUp();
    const dying = connect("1", { isOnTopics: false });
    const other = connect("2", { format: formats.b });
    dying.client.send = () => {
      hub.exit(dying.connection);
    };
    hub.deliver(publicationWith());
    expect(other.client.heard).toEqual(["b:e"]);
  });

  test("PSQ-10 an emit that wants acknowledgements is asked of each receiver; replies go to the bus", () => {
    const { hub, connect, outgoing } = setUp();
    const [a, b] = [connect("1"), connect("2")];
    hub.deliver(
      publicationWith({
        onAck: (args, hasBinary) =>
          hasBinary ? undefined : { channel: "c", payload: `[${args.join(",")}]` },
      }),
    );
    a.agent.acks[0]?.(["1", '"x"'], false);
    b.agent.acks[0]?.(["2"], true);
    expect(outgoing).toEqual([{ channel: "c", payload: '[1,"x"]' }]);
  });
});

describe("commands", () => {
  const target = { namespace: "/", rooms: ["r"], except: [], skip: [] };

  test("NRE-06 join and leave for everyone in a room; PSQ-13 for one id; its answer only when it is ours", () => {
    const { hub, connect, outgoing } = setUp();
    const [a, b] = [connect("1"), connect("2")];
    hub.join(a.connection, "r");
    hub.carryOut({ kind: "join", target, rooms: ["z"] });
    hub.carryOut({
      kind: "join",
      target: { namespace: "/", id: "2" },
      rooms: ["y"],
      done: { channel: "c", payload: "ok" },
    });
    hub.carryOut({
      kind: "join",
      target: { namespace: "/", id: "9" },
      rooms: ["y"],
      done: { channel: "c", payload: "no" },
    });
    hub.deliver(publicationWith({ rooms: ["z"] }));
    hub.deliver(publicationWith({ rooms: ["y"] }));
    expect([a.client.heard.length, b.client.heard.length]).toEqual([1, 1]);
    expect(outgoing).toEqual([{ channel: "c", payload: "ok" }]);
    hub.carryOut({ kind: "leave", target: { namespace: "/", id: "2" }, rooms: ["y"] });
    hub.deliver(publicationWith({ rooms: ["y"] }));
    expect(b.client.heard.length).toBe(1);
  });

  test("SEC-06 NRE-07 a join that is refused is not answered as done", () => {
    const { hub, connect, outgoing } = setUp();
    connect("1");
    const order = (rooms: readonly string[], payload: string): void => {
      const single = { namespace: "/", id: "1" };
      hub.carryOut({ kind: "join", target: single, rooms, done: { channel: "c", payload } });
    };
    order(["x".repeat(257)], "too long");
    order(["a"], "joined");
    order(["a"], "was in already");
    order(
      Array.from({ length: 1_000 }, (_value, index) => `r${index}`),
      "too many",
    );
    expect(outgoing.map(({ payload }) => payload)).toEqual(["joined", "was in already"]);
  });

  test("PSQ-12 disconnect names one connection, NRE-06 a whole room", () => {
    const { hub, connect } = setUp();
    const [a, b] = [connect("1"), connect("2")];
    hub.join(a.connection, "r");
    hub.carryOut({ kind: "disconnect", target, closeClient: true });
    hub.carryOut({ kind: "disconnect", target: { namespace: "/", id: "2" }, closeClient: false });
    expect([a.agent.closed, b.agent.closed]).toEqual([[true], [false]]);
  });

  test("PSQ-14 close_room: everybody leaves, nobody is told, the room is gone", () => {
    const { hub, connect } = setUp();
    const members = [connect("1"), connect("2", { isOnTopics: false })];
    for (const { connection } of members) hub.join(connection, "r");
    expect(hub.roomCount).toBe(1);
    hub.carryOut({ kind: "close-room", namespace: "/", room: "r" });
    hub.deliver(publicationWith({ rooms: ["r"] }));
    expect(hub.roomCount).toBe(0);
    expect(members.flatMap(({ client }) => client.heard)).toEqual([]);
  });
});

test("SEC-06 rooms per connection and names of rooms are bounded, for backends' orders too", () => {
  const { hub, connect } = setUp();
  const { connection } = connect("1");
  const joined = Array.from({ length: 1001 }, (_, index) => hub.join(connection, `r${index}`));
  expect(joined.filter(Boolean).length).toBe(1000);
  hub.leave(connection, "r0");
  expect(hub.join(connection, "é".repeat(129))).toBe(false);
  hub.carryOut({ kind: "join", target: { namespace: "/", id: "1" }, rooms: ["x".repeat(257), "a", "b"] });
  expect(hub.roomCount).toBe(1000);
});

test("SEC-06 nothing is left of connections that are gone", () => {
  const { hub, connect, topics } = setUp();
  const connections = Array.from({ length: 50 }, (_, index) =>
    connect(String(index), { namespace: `/n${index % 5}` }),
  );
  for (const { connection } of connections) for (const room of ["r", "s"]) hub.join(connection, room);
  for (const { connection } of connections) hub.exit(connection);
  for (const { connection } of connections) expect(hub.join(connection, "r")).toBe(false);
  expect(hub.roomCount).toBe(0);
  expect([...topics.subscribers.values()].every((set) => set.size === 0)).toBe(true);
});

test("PSQ-07 PSQ-08 NRE-02 any mix of rooms, exceptions and skips reaches exactly whom a plain model says", () => {
  const roomNames = ["r", "s", "t"];
  const names = [...roomNames, "0", "1", "2", "3"];
  const memberships = fc.array(fc.subarray(roomNames), { minLength: 4, maxLength: 4 });
  const lists = fc.subarray(names);
  fc.assert(
    fc.property(
      memberships,
      fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      fc.option(lists, { nil: undefined }),
      lists,
      fc.subarray(["0", "1", "2", "3"]),
      (rooms, native, to, except, skip) => {
        const { hub, connect } = setUp();
        const clients = rooms.map((_, id) => connect(String(id), { isOnTopics: native[id] ?? true }));
        for (const [id, joined] of rooms.entries()) {
          const client = clients[id];
          if (client) for (const room of joined) hub.join(client.connection, room);
        }
        hub.deliver(publicationWith({ rooms: to, except, skip }));
        const isIn = (id: number, list: readonly string[]) =>
          list.some((name) => name === String(id) || (rooms[id] ?? []).includes(name));
        const expected = rooms.map((_, id) =>
          (to === undefined || isIn(id, to)) && !isIn(id, except) && !skip.includes(String(id)) ? 1 : 0,
        );
        expect(clients.map(({ client }) => client.heard.length)).toEqual(expected);
      },
    ),
    { numRuns: 3000 },
  );
});

test("HUB-12 whoever took an id over keeps it; the one before leaves its rooms and hears no more", () => {
  const { hub, connect } = setUp();
  const old = connect("k");
  hub.join(old.connection, "r");
  const fresh = connect("k");
  expect(hub.join(old.connection, "s")).toBeFalse();
  hub.exit(old.connection);
  hub.exit(old.connection);
  hub.deliver(publicationWith({ rooms: ["r"] }));
  hub.deliver(publicationWith({ rooms: ["k"] }));
  expect([old.client.heard, fresh.client.heard]).toEqual([[], ["a:e"]]);
  expect(hub.roomCount).toBe(0);
  hub.exit(fresh.connection);
  expect(hub.isOwnRoom("/", "k")).toBeFalse();
});

test("HUB-06 a join may replace the rooms of one room-space, and no others", () => {
  const { hub, connect } = setUp();
  const { connection } = connect("1");
  for (const room of ["g::a", "g::b", "g:c", "other"]) hub.join(connection, room);
  const target = { namespace: "/", id: "1" };
  hub.carryOut({ kind: "join", target, rooms: ["g::b", "g::d", "g::b"], replaces: "g" });
  const names = () => [...connection.rooms].map(({ name }) => name).filter((name) => name !== undefined);
  expect(names()).toEqual(["g::b", "g:c", "other", "g::d"]);
  hub.carryOut({ kind: "join", target, rooms: ["g::e"] });
  expect(names()).toEqual(["g::b", "g:c", "other", "g::d", "g::e"]);
});

test("HUB-07 a disconnect says why, where the order does", () => {
  const { hub, connect } = setUp();
  const { agent } = connect("1");
  const reasons: unknown[] = [];
  Object.assign(agent, { disconnect: (_all: boolean, reason: unknown) => reasons.push(reason) });
  const order = {
    kind: "disconnect" as const,
    target: { namespace: "/", id: "1" },
    closeClient: true,
  };
  hub.carryOut({ ...order, reason: "no_groups" });
  hub.carryOut(order);
  expect(reasons).toEqual(["no_groups", undefined]);
});
