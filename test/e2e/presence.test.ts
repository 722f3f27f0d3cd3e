// Presence over gateways that are processes of their own: pages by websocket and event stream, a gateway that is killed with
// 2,000 members, one that is restarted, a Redis that comes back empty.

import { createClient } from "@redis/client";
import { expect, test } from "bun:test";
import { Cluster } from "../support/cluster.ts";
import { EventStreamClient } from "../support/event-stream.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";
import { auth, signToken } from "../support/tokens.ts";
import { until } from "../support/until.ts";

class PresenceCluster extends Cluster {
  #config = "";

  static async open(): Promise<PresenceCluster> {
    const cluster = new PresenceCluster(await startRedis());
    const rooms = [
      { match: "lobby*", presence: true },
      { match: "closed*", presence: true, join: ["grant"] },
    ];
    cluster.#config = await cluster.writeConfig({ rooms, auth, drain: 1 });
    return cluster;
  }

  async serve(): Promise<ServedGateway> {
    return ServedGateway.start({ args: ["--config", this.#config] });
  }
}

interface Told {
  readonly type?: string;
  readonly id?: number;
  readonly epoch?: string;
  readonly version?: number;
  readonly from?: number;
  readonly total?: number;
  readonly anonymous?: number;
  readonly users?: readonly { readonly user: string; readonly info?: unknown }[];
  readonly joined?: readonly { readonly user: string }[];
  readonly left?: readonly string[];
  readonly error?: { readonly code: string };
}

async function bearer(user: string | undefined, info?: unknown) {
  if (user === undefined) return {};
  return { authorization: `Bearer ${await signToken({ sub: user, ...(info !== undefined && { info }) })}` };
}

async function member({ url }: ServedGateway, room: string, user?: string, info?: unknown) {
  const socket = await RawWebSocket.open(url, `/connect?room=${room}`, await bearer(user, info));
  await socket.waitForMessage();
  return socket;
}

/** A page that knows who is in the room by what it was told, and nothing else. */
class Watcher {
  readonly told: Told[] = [];
  readonly socket: RawWebSocket;
  epoch: string | undefined;
  version = 0;
  total = -1;
  users: Set<string> | undefined;

  private constructor(socket: RawWebSocket) {
    this.socket = socket;
    void this.#read();
  }

  static async open(gateway: ServedGateway, room: string, user: string): Promise<Watcher> {
    const socket = await RawWebSocket.open(gateway.url, "/connect", await bearer(user));
    const watcher = new Watcher(socket);
    socket.send(JSON.stringify({ id: 1, type: "join", room, presence: true }));
    await until(() => watcher.epoch !== undefined, 10_000);
    return watcher;
  }

  get names(): readonly string[] | undefined {
    return this.users && [...this.users].sort();
  }

  async #read(): Promise<void> {
    try {
      for (;;) this.#hear(JSON.parse(String(await this.socket.waitForMessage(120_000))) as Told);
    } catch {
      // The test is over.
    }
  }

  #hear(told: Told): void {
    if (told.type !== "presence" && told.type !== "presence_change") return;
    this.told.push(told);
    if (told.error) return;
    if (told.type === "presence") this.users = told.users && new Set(told.users.map(({ user }) => user));
    else if (told.from !== this.version || told.epoch !== this.epoch)
      throw new Error(`Expected the change after ${this.version}, got ${told.from}`);
    for (const { user } of told.joined ?? []) this.users?.add(user);
    for (const user of told.left ?? []) this.users?.delete(user);
    this.epoch = told.epoch;
    this.version = told.version ?? 0;
    this.total = told.total ?? 0;
  }
}

test.concurrent("pages by websocket and by stream are told the same, and a stranger is told nothing (T16)", async () => {
  await using cluster = await PresenceCluster.open();
  await using one = await cluster.serve();
  await using two = await cluster.serve();
  const ann = await Watcher.open(one, "lobby:1", "ann");
  expect(ann.told).toMatchObject([{ type: "presence", users: [{ user: "ann" }], total: 1, anonymous: 0 }]);
  using stream = await EventStreamClient.open(
    `${two.url}/connect?room=lobby:1&room=time&presence=true`,
    await bearer("bob", { name: "Bob" }),
  );
  const events = [await stream.next(), await stream.next(), await stream.next()];
  expect(events.map(({ type }) => type).sort()).toEqual(["joined", "joined", "presence"]);
  const state = JSON.parse(events.find(({ type }) => type === "presence")?.data ?? "") as Told;
  expect(state.users?.toSorted((x, y) => (x.user < y.user ? -1 : 1))).toEqual([
    { user: "ann" },
    { user: "bob", info: { name: "Bob" } },
  ]);
  const cid = await member(one, "lobby:1", "cid");
  const guest = await member(one, "lobby:1");
  const change = await stream.next();
  expect([change.type, JSON.parse(change.data)]).toMatchObject([
    "presence_change",
    { joined: [{ user: "cid" }], left: [], total: 3, from: state.version },
  ]);
  await until(() => ann.total === 3);
  cid[Symbol.dispose]();
  guest[Symbol.dispose]();
  await until(() => ann.total === 2, 8_000);
  expect(ann.names).toEqual(["ann", "bob"]);

  // Without the rule, and without the right.
  const asking = await RawWebSocket.open(one.url, "/connect", await bearer("eve"));
  asking.send('{"id":1,"type":"join","room":"time","presence":true}');
  asking.send('{"id":2,"type":"join","room":"closed:1","presence":true}');
  asking.send('{"id":3,"type":"join","room":"closed:2","presence":true}');
  const answers = [1, 2, 3, 4].map(async () => JSON.parse(String(await asking.waitForMessage())) as Told);
  const heard = await Promise.all(answers);
  expect(heard.find(({ type }) => type === "presence")?.error?.code).toBe("no_presence");
  expect(heard.filter(({ error }) => error?.code === "room_closed").map(({ id }) => id)).toEqual([2, 3]);
}, 60_000);

test.concurrent("R10 after a SIGKILL of one of two gateways with 2,000 members, pages agree with the truth within 20 s", async () => {
  await using cluster = await PresenceCluster.open();
  await using living = await cluster.serve();
  const dying = await cluster.serve();
  const room = "lobby:kill";
  const ann = await Watcher.open(living, room, "ann");
  const bob = await member(living, room, "bob");
  const crowd: RawWebSocket[] = [];
  for (let n = 0; n < 2_000; n += 100) {
    const some = Array.from({ length: 100 }, async (_, m) => member(dying, room, `u${n + m}`));
    crowd.push(...(await Promise.all(some)));
  }
  // On both: it stays.
  crowd.push(await member(dying, room, "bob"));
  await until(() => ann.total === 2_002, 20_000);
  expect(ann.names).toBeUndefined();

  dying.process.kill("SIGKILL");
  const killedAt = performance.now();
  await until(() => ann.total === 2 && ann.users !== undefined, 20_000);
  console.log(
    `presence: equal to the truth ${Math.round(performance.now() - killedAt)} ms after the SIGKILL`,
  );
  expect(ann.names).toEqual(["ann", "bob"]);
  const before = ann.told.length;

  // Some come back, to the gateway that is there and to a new one.
  await using young = await cluster.serve();
  const back = [await member(living, room, "u1"), await member(young, room, "u2")];
  await until(() => ann.total === 4, 10_000);
  await Bun.sleep(6_000);
  expect(ann.names).toEqual(["ann", "bob", "u1", "u2"]);
  const later = await Watcher.open(young, room, "cid");
  expect(later.names).toEqual(["ann", "bob", "cid", "u1", "u2"]);
  expect(ann.told.slice(before).flatMap(({ left }) => left ?? [])).toEqual([]);
  for (const socket of [...crowd, ...back, bob]) socket[Symbol.dispose]();
}, 120_000);

test.concurrent("a gateway stands still for longer than its lease: its users left meanwhile, are there again when it goes on, and leave no ghost", async () => {
  await using cluster = await PresenceCluster.open();
  await using living = await cluster.serve();
  await using still = await cluster.serve();
  const room = "lobby:still";
  const ann = await Watcher.open(living, room, "ann");
  // bob stays, cid is on both, dan leaves and eve moves to the other gateway while theirs stands still.
  const far = await Watcher.open(still, room, "bob");
  using _cid = await member(still, room, "cid");
  using _near = await member(living, room, "cid");
  const dan = await member(still, room, "dan");
  const eve = await member(still, room, "eve");
  await until(() => ann.total === 5);

  still.process.kill("SIGSTOP");
  const since = performance.now();
  dan[Symbol.dispose]();
  eve[Symbol.dispose]();
  const moved = await member(living, room, "eve");
  // Not before its lease ended: it may only be slow.
  await until(() => ann.total === 3, 30_000);
  expect(performance.now() - since).toBeGreaterThan(9_000);
  expect(ann.names).toEqual(["ann", "cid", "eve"]);
  expect(ann.told.flatMap(({ left = [] }) => left).sort()).toEqual(["bob", "dan"]);
  const before = ann.told.length;

  still.process.kill("SIGCONT");
  await until(() => ann.total === 4, 20_000);
  // Pages of both gateways agree, and the page that stood still with its gateway was told what it missed.
  await until(() => far.names?.join() === "ann,bob,cid,eve", 20_000);
  const joined = ann.told.slice(before).flatMap(({ joined: users = [] }) => users.map(({ user }) => user));
  // dan's connection was closed by the time it went on: if it was written once more, it leaves again.
  expect(joined.filter((user) => user !== "dan")).toEqual(["bob"]);
  // What the gateway had written before is due by now, and nothing of it comes.
  await Bun.sleep(20_000);
  expect(ann.names).toEqual(["ann", "bob", "cid", "eve"]);
  expect(far.names).toEqual(["ann", "bob", "cid", "eve"]);
  expect(
    ann.told
      .slice(before)
      .flatMap(({ left = [] }) => left)
      .filter((user) => user !== "dan"),
  ).toEqual([]);
  const later = await Watcher.open(living, room, "fay");
  await until(() => later.names?.join() === "ann,bob,cid,eve,fay");

  // eve holds nothing on the gateway where she was.
  moved[Symbol.dispose]();
  await until(() => ann.names?.includes("eve") === false, 10_000);
  await until(() => far.names?.join() === "ann,bob,cid,fay");
}, 120_000);

test.concurrent("pages of a gateway that is restarted come back elsewhere: they did not leave", async () => {
  await using cluster = await PresenceCluster.open();
  await using living = await cluster.serve();
  const old = await cluster.serve();
  const room = "lobby:roll";
  const ann = await Watcher.open(living, room, "ann");
  for (const user of ["bob", "cid"]) await member(old, room, user);
  await until(() => ann.total === 3);
  const before = ann.told.length;
  await old[Symbol.asyncDispose]();
  await member(living, room, "bob");
  await until(() => ann.total === 2, 10_000);
  expect(ann.names).toEqual(["ann", "bob"]);
  expect(ann.told.slice(before).flatMap(({ left = [], joined = [] }) => [left, joined])).toEqual([
    ["cid"],
    [],
  ]);
}, 60_000);

test.concurrent("when Redis comes back empty, every gateway writes its members again, and pages know the truth", async () => {
  await using cluster = await PresenceCluster.open();
  await using one = await cluster.serve();
  await using two = await cluster.serve();
  const room = "lobby:empty";
  const ann = await Watcher.open(one, room, "ann");
  await member(two, room, "bob");
  await until(() => ann.total === 2);
  const { epoch } = ann;
  const client = await createClient({ url: cluster.redis.url }).connect();
  await client.flushAll();
  await client.close();
  await member(two, room, "cid");
  await until(() => ann.epoch !== epoch, 20_000);
  await until(() => ann.total === 3, 10_000);
  expect(ann.names).toEqual(["ann", "bob", "cid"]);
  expect(ann.told.flatMap(({ left = [] }) => left)).toEqual([]);
}, 60_000);
