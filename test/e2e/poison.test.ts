// F18: more than 20,000 messages of junk on every channel that the gateway hears, good ones among them. The process and
// its listeners live on, every good message reaches real clients once and in order, the junk is counted by its reason
// to the last message, and memory stays where it was. The junk is the same in every run.

import { expect, test } from "bun:test";
import { encode } from "@msgpack/msgpack";
import { createClient } from "redis";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import type { Feed } from "../../src/core/bus.ts";
import { nodeFeeds } from "../../src/dialects/socketio/node/broadcasts.ts";
import { pythonFeed } from "../../src/dialects/socketio/python/queue.ts";
import { until } from "../support/until.ts";
import { Member } from "../support/crowd.ts";
import { Random } from "../support/random.ts";
import { startRedis } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";

const queues = ["flask-socketio", "socketio"] as const;
const broadcasts = ["socket.io#/#", "socket.io#/#room#"] as const;
const requests = "socket.io-request#/#";
const channels = [...queues, ...broadcasts, requests] as const;
type Channel = (typeof channels)[number];

const messages = 24_000;
/** One in so many is good. */
const goodEvery = 10;
const batch = 1_000;
/** What peak memory may be above that of the gateway at rest, under small junk. */
const maxGrowthBytes = 256 * 1024 * 1024;
/** The same under large messages, which leave much for the garbage collector to find. */
const maxLargeGrowthBytes = 640 * 1024 * 1024;
/** Large messages are published so many times: far more in all than what may be kept. */
const largeRounds = 3;
/** How long a batch may take, on a machine that does much else. */
const batchWithinMs = 60_000;

interface Message {
  readonly channel: Channel;
  readonly payload: Buffer;
}

// Good messages: one for each channel's own encoding.

function good(random: Random, mark: number): Message {
  const channel = random.pick(channels);
  const fields = {
    method: "emit",
    event: "tick",
    data: mark,
    namespace: "/",
    room: "good",
    skip_sid: null,
    host_id: "h",
  };
  if (channel === "flask-socketio" || channel === "socketio") {
    return { channel, payload: mark % 2 === 0 ? Buffer.from(JSON.stringify(fields)) : pickle(fields) };
  }
  const packet = { type: 2, data: ["tick", mark], nsp: "/" };
  const opts = { rooms: ["good"], except: [], flags: {} };
  if (channel !== requests) return { channel, payload: packed(["emitter", packet, opts]) };
  return { channel, payload: packed({ uid: "other", requestId: "r", type: 7, packet, opts }) };
}

function packed(value: unknown): Buffer {
  return Buffer.from(encode(value));
}

/** A dictionary of texts, small numbers and None as Python pickles it, protocol 2. */
function pickle(fields: Readonly<Record<string, string | number | null>>): Buffer {
  const items = Object.entries(fields).flatMap(([name, value]) => [pickled(name), pickled(value)]);
  return Buffer.concat([Buffer.from("\x80\x02}(", "latin1"), ...items, Buffer.from("u.")]);
}

function pickled(value: string | number | null): Buffer {
  if (value === null) return Buffer.from("N");
  const head = Buffer.alloc(5);
  head.write(typeof value === "number" ? "J" : "X", "latin1");
  if (typeof value === "number") {
    head.writeInt32LE(value, 1);
    return head;
  }
  head.writeUInt32LE(Buffer.byteLength(value), 1);
  return Buffer.concat([head, Buffer.from(value)]);
}

// Junk. What is about rooms and clients names some that do not exist: a well-formed order is no junk.

const base = {
  method: "emit",
  event: "mutant",
  data: { a: [1, "text", null] },
  namespace: "/",
  room: "mutants",
  skip_sid: null,
  callback: null,
  host_id: "h",
  binary: false,
};
const basePacket = { type: 2, data: ["mutant", { a: [1, new Uint8Array(3)] }], nsp: "/" };
const baseOptions = { rooms: ["mutants"], except: ["others"], flags: { volatile: true } };
const baseBroadcast = packed(["emitter", basePacket, baseOptions]);
const baseRequest = packed({ uid: "other", requestId: "r", type: 7, packet: basePacket, opts: baseOptions });
const basePickle = pickle({
  method: "emit",
  event: "mutant",
  data: "text",
  namespace: "/",
  room: "mutants",
  host_id: "h",
});

/** Values of every type, where another was expected. */
const wrongs: readonly unknown[] = [
  null,
  true,
  0,
  -1.5,
  1e300,
  Number.MAX_SAFE_INTEGER,
  "",
  "x",
  "\u0000",
  "\ud800",
  "__proto__",
  "9".repeat(400),

  [],
  {},
  [[]],
  [null],
  [1],
  [["x"]],
  { a: 1 },
  { _placeholder: true, num: 7 },
  ["a", { _placeholder: true, num: 0 }],
];

function wrongly<Fields extends object>(random: Random, fields: Fields): Fields {
  const name = random.pick(Object.keys(fields));
  if (random.below(5) > 0) return { ...fields, [name]: random.pick(wrongs) };
  const { [name as keyof Fields]: _, ...rest } = fields;
  return rest as Fields;
}

function mutated(random: Random, payload: Buffer): Buffer {
  const mutant = Buffer.from(payload);
  for (let flips = 1 + random.below(3); flips > 0; flips--)
    mutant[random.below(mutant.length)] = random.below(256);
  return mutant;
}

function cut(random: Random, payload: Buffer): Buffer {
  return payload.subarray(0, random.below(payload.length));
}

const latin = (text: string): Buffer => Buffer.from(text, "latin1");

/** Pickles that name code, call it, never end, or grow. */
const hostilePickles: readonly Buffer[] = [
  ...[
    "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
    "\x80\x02cposix\nsystem\nU\x02id\x85R.",
    "(S'id'\nios\nsystem\n.",
    "(cos\nsystem\nS'id'\no.",
    "\x80\x02cbuiltins\nobject\n)\x81.",
    "\x80\x04cbuiltins\nobject\n)}\x92.",
    "\x80\x02}}b.",
    "\x80\x02\x82\x01.",
    "\x80\x02\x83\x01\x01.",
    "\x80\x02\x84\x01\x00\x00\x00.",
    "(Pid\n.",
    "\x80\x02K\x01Q.",
    "\x80\x04\x8f(K\x01\x90.",
    "\x80\x04(K\x01\x91.",
    "\x80\x02]q\x00h\x00a.",
    "\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
    "\x80\x02]r\xff\xff\xff\xff.",
    "\x80\x02]p4294967295\n.",
    "\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.",
    "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff}.",
    "\x80\x02\x8b\xff\xff\xff\x7f.",
    "\x80\x02\x8b\xff\xff\xff\xff.",
    "\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "\x80\x05\x97.",
    "\x80\xff}.",
    "\x80\x02.",
    "\x80\x0200.",
    "\x80\x02aaaa.",
    "\x80\x02(u.",
    `\x80\x02${"(".repeat(50_000)}.`,
    `\x80\x02${"]".repeat(50_000)}${"a".repeat(49_999)}.`,
    `\x80\x02${"2".repeat(1_000)}.`,
    `(I${"9".repeat(100_000)}\n.`,
    `(L${"9".repeat(100_000)}L\n.`,
    `(F${"1".repeat(100_000)}\n.`,
    `(V${"\\u0041".repeat(20_000)}`,
  ].map(latin),
  laughs(16),
  latin(
    `\x80\x02}(X\x06\x00\x00\x00methodX\x04\x00\x00\x00emitX\x05\x00\x00\x00eventX\x01\x00\x00\x00xX\x04\x00\x00\x00datacos\nsystem\nu.`,
  ),
];

/** A list of ten references to a list of ten references, and so on. */
function laughs(levels: number): Buffer {
  const parts = ["\x80\x02]q\x00"];
  for (let level = 1; level <= levels; level++) {
    const reference = `h${String.fromCharCode(level - 1)}`;
    parts.push(`](${reference.repeat(10)}eq${String.fromCharCode(level)}`);
  }
  return latin(`${parts.join("")}.`);
}

/** MessagePack that promises more than it holds, or holds what it must not. */
const hostilePacks: readonly Buffer[] = [
  "dd ff ff ff ff",
  "df ff ff ff ff",
  "c6 ff ff ff ff",
  "db ff ff ff ff",
  "c9 ff ff ff ff 00",
  "93 dc ff ff",

  "c1",
  "93 c1 c1 c1",
  "d4 00 00",
  "93 a1 ff 80 80",
  "93 a1 61 81 01 02 80",
  "92 80 80",
  "90",
  "94 c0 c0 c0 c0",

  "93 c0 81 a4 64 61 74 61 91 a1 78 80",
  "93 c0 80 80 00",
  "cf ff ff ff ff ff ff ff ff",
  "cb 7f f8 00 00 00 00 00 00",
].map((hex) => Buffer.from(hex.replaceAll(" ", ""), "hex"));
const packTowers: readonly Buffer[] = [
  Buffer.alloc(100_000, 0x91),
  Buffer.alloc(100_000, 0x81),
  Buffer.alloc(1_000, 0xdd),
];

const brokenTexts: readonly Buffer[] = [
  "{",
  "{}}",
  '{"method"',
  '{"method":"emit"',
  "{'method':'emit'}",
  '{"method":"emit",}',
  '{"a":01}',
  '{"a":"\n"}',
  '{"a":"\\ud800"',
  '{"a":"\\x"}',
  "{\u0000}",
  "\ufeff\ufeff{}",
  '{"method":"emit","event":NaN}',
  "[1",
  "nul",

  `{"a":${"[".repeat(50_000)}`,
  `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
  `{"a":${"[".repeat(1_100)}${"]".repeat(1_100)}}`,
].map((text) => Buffer.from(text));
const notUtf8: readonly Buffer[] = [
  '{"a":"\xff"}',
  '{"\xc3\x28":1}',
  "{\xed\xa0\x80}",
  "\xff\xfe{\x00",
  "{\xf4\x90\x80\x80",
].map(latin);

/** Junk for the channel of any kind: nothing of it may be understood. */
function trash(random: Random): Buffer {
  return random.pick([
    () => Buffer.alloc(0),
    () => Buffer.alloc(1 + random.below(40), 0x20),
    () => latin(random.pick(["x", "{", "(", "\x80", "}", "\xff", "\x93", "\xc1", "0"])),
    () => random.pick(brokenTexts),
    () => random.pick(notUtf8),
    () => random.bytes(2 + random.below(60)),
  ])();
}

function queueJunk(random: Random): Buffer {
  return random.pick([
    () => trash(random),
    () => random.pick(hostilePickles),
    () => cut(random, basePickle),
    () => mutated(random, basePickle),
    () => Buffer.from(JSON.stringify(wrongly(random, base))),
    () =>
      Buffer.from(
        JSON.stringify(
          wrongly(random, { ...base, binary: true, data: [["a", { _placeholder: true, num: 0 }], "AP8="] }),
        ),
      ),
    () =>
      Buffer.from(
        JSON.stringify(
          wrongly(random, {
            method: random.pick(["enter_room", "leave_room", "disconnect"]),
            sid: "nobody",
            room: "mutants",
            namespace: "/",
          }),
        ),
      ),
    () => cut(random, Buffer.from(JSON.stringify(base))),
    () => mutated(random, Buffer.from(JSON.stringify(base))),
    () => random.pick(hostilePacks),
  ])();
}

function broadcastJunk(random: Random): Buffer {
  return random.pick([
    () => trash(random),
    () => random.pick(hostilePacks),
    () => random.pick(packTowers),
    () => cut(random, baseBroadcast),
    () => mutated(random, baseBroadcast),
    () => packed(["emitter", wrongly(random, basePacket), baseOptions]),
    () => packed(["emitter", basePacket, wrongly(random, baseOptions)]),
    () => packed([random.pick(wrongs), random.pick(wrongs), random.pick(wrongs)]),
    () => packed(random.pick(wrongs)),
    () => random.pick(hostilePickles),
  ])();
}

function requestJunk(random: Random): Buffer {
  // No whole namespace and no disconnect by rooms: those would be carried out.
  const order = {
    type: random.pick([0, 1, 2, 3, 5, 6, 8, 9, 10, "2", null]),
    requestId: "r",
    sid: "nobody",
    room: "mutants",
    rooms: ["mutants"],
    opts: { rooms: ["mutants"], except: [] },
  };
  return random.pick([
    () => trash(random),
    () => Buffer.from(JSON.stringify(wrongly(random, order))),
    () =>
      Buffer.from(JSON.stringify(wrongly(random, { type: 4, requestId: "r", sid: "nobody", close: true }))),
    () =>
      Buffer.from(JSON.stringify({ ...order, opts: wrongly(random, { rooms: ["mutants"], except: [1] }) })),
    () => cut(random, Buffer.from(JSON.stringify(order))),
    () => cut(random, baseRequest),
    () => mutated(random, baseRequest),
    () => random.pick([...hostilePacks, ...packTowers]),
  ])();
}

function junk(random: Random): Message {
  const channel = random.pick(channels);
  if (channel === requests) return { channel, payload: requestJunk(random) };
  const isQueue = channel === "flask-socketio" || channel === "socketio";
  return { channel, payload: isQueue ? queueJunk(random) : broadcastJunk(random) };
}

/** What the counters must say: the decoders alone, without anything around them, judge each message. */
class Ledger {
  readonly skipped: Record<string, number> = {};
  received = 0;
  receivedBytes = 0;
  ignored = 0;
  readonly #feeds: readonly { readonly channel: RegExp; readonly feed: Feed }[];

  constructor() {
    const [broadcast, request] = nodeFeeds({ key: "socket.io", gatewayId: "ledger" });
    if (!broadcast || !request) throw new Error("Expected two feeds of the Node world");
    this.#feeds = [
      ...queues.map((channel) => ({
        channel: new RegExp(`^${channel}$`),
        feed: pythonFeed({ channel, gatewayId: "ledger", pickle: true }),
      })),
      { channel: /^socket\.io#/, feed: broadcast },
      { channel: /^socket\.io-request#/, feed: request },
    ];
  }

  get skippedCount(): number {
    return Object.values(this.skipped).reduce((sum, count) => sum + count, 0);
  }

  note({ channel, payload }: Message): "junk" | "ignored" | "understood" {
    const feed = this.#feeds.find(({ channel: pattern }) => pattern.test(channel))?.feed;
    if (payload.length > defaultLimits.busMessageBytes) return this.#skip("bus", "too_large");
    const decoded = feed?.decode({ channel, payload: Buffer.from(payload) });
    if (decoded?.kind === "skipped") {
      if (decoded.isJunk) return this.#skip("socketio", decoded.reason);
      this.ignored++;
      return "ignored";
    }
    this.received++;
    this.receivedBytes += payload.length;
    return "understood";
  }

  #skip(dialect: string, reason: string): "junk" {
    const series = `belfry_skipped_total{dialect="${dialect}",reason="${reason}"}`;
    this.skipped[series] = (this.skipped[series] ?? 0) + 1;
    return "junk";
  }
}

test("PSQ-03 PSQ-04 NRE-04 NRE-05 SEC-01 SEC-06 F18 T2 T3 junk on every channel harms nothing, and is counted to the last message", async () => {
  await using redis = await startRedis();
  await using gateway = await ServedGateway.start({ args: ["--redis", redis.url] });
  const client = await createClient({ url: redis.url })
    .on("error", () => undefined)
    .connect();
  using websocket = await Member.connect(gateway.url, "4 websocket");
  using polling = await Member.connect(gateway.url, "4 polling");
  using old = await Member.connect(gateway.url, "2 websocket");
  const members = [websocket, polling, old];
  for (const member of members) expect(await member.join("good")).toBe(true);

  const random = new Random(18);
  const ledger = new Ledger();
  let goods = 0;
  let peakBytes = 0;
  const rss = async (): Promise<number> =>
    (await gateway.metrics()).sum("belfry_process_resident_memory_bytes");
  const restBytes = await rss();
  const publish = async (batched: readonly Message[]): Promise<void> => {
    await Promise.all(batched.map(async ({ channel, payload }) => client.publish(channel, payload)));
    // The last of each batch is good: once it is heard, all before it were read.
    await until(() => members.every(({ heard }) => heard.length === goods), batchWithinMs);
    peakBytes = Math.max(peakBytes, await rss());
  };
  const nextGood = (): Message => good(random, goods++);

  const verdicts = { junk: 0, ignored: 0, understood: 0 };
  for (let count = 0; count < messages; count += batch) {
    const batched = Array.from({ length: batch }, (_, index) =>
      (index + 1) % goodEvery === 0 ? nextGood() : junk(random),
    );
    for (const message of batched) verdicts[ledger.note(message)]++;
    await publish(batched);
  }
  expect(peakBytes - restBytes).toBeLessThan(maxGrowthBytes);
  // One at a time: Redis itself ends a subscriber that owes it 32 MiB.
  for (const channel of Array.from({ length: largeRounds }, () => channels).flat()) {
    for (const length of [defaultLimits.busMessageBytes, defaultLimits.busMessageBytes + 1]) {
      for (const start of ["{", "\x80\x02]", "\x93", " "]) {
        const large = {
          channel,
          payload: Buffer.concat([latin(start), Buffer.alloc(length - start.length, 0x5d)]),
        };
        const message = nextGood();
        expect(ledger.note(large)).not.toBe("understood");
        expect(ledger.note(message)).toBe("understood");
        await publish([large, message]);
      }
    }
  }

  expect(peakBytes - restBytes).toBeLessThan(maxLargeGrowthBytes);

  expect(gateway.process.isRunning).toBe(true);
  expect((await fetch(`${gateway.url}/-/health/ready`)).status).toBe(200);
  const marks = Array.from({ length: goods }, (_, mark) => mark);
  expect(goods).toBeGreaterThan(2_400);
  for (const { firsts, troubles } of members) {
    expect(firsts).toEqual(marks);
    expect(troubles).toEqual([]);
  }
  const metrics = await gateway.metrics();
  expect(metrics.values((name) => name === "belfry_skipped_total")).toEqual(ledger.skipped);
  expect(metrics.sum("belfry_messages_received_total")).toBe(ledger.received);
  expect(metrics.sum("belfry_messages_received_bytes_total")).toBe(ledger.receivedBytes);
  expect(metrics.values((name) => name === "belfry_errors_total")).toEqual({});
  expect(metrics.sum("belfry_connections")).toBe(members.length);
  const published = messages - messages / goodEvery + channels.length * 8 * largeRounds + goods;
  expect(ledger.skippedCount + ledger.received + ledger.ignored).toBe(published);
  // Most of it is junk indeed, of every kind.
  expect(verdicts.junk).toBeGreaterThan(messages / 2);
  // A broken character in MessagePack is a kind no more: it is U+FFFD (NRE-05).
  expect(Object.keys(ledger.skipped).length).toBeGreaterThanOrEqual(24);
  expect(gateway.process.output).not.toContain('"level":"error"');
  // Each reason is said once a minute, and nothing else is.
  const warnings = gateway.process.output.split("\n").filter((line) => line.includes('"level":"warn"'));
  const said = warnings.map((line) => /"event":"skipped".*/.exec(line)?.[0]);
  expect(said).not.toContain(undefined);
  expect(new Set(said).size).toBe(said.length);
  expect(said.length).toBe(Object.keys(ledger.skipped).length);
  await client.close();
}, 180_000);

test("PSQ-04 NRE-05 T2 what must be junk is junk", () => {
  const ledger = new Ledger();
  for (const channel of queues) {
    const all = [...hostilePickles, ...hostilePacks, ...brokenTexts, ...notUtf8];
    for (const payload of all)
      expect([payload.subarray(0, 40).toString("latin1"), ledger.note({ channel, payload })]).toEqual([
        expect.anything(),
        "junk",
      ]);
    for (let end = 0; end < basePickle.length; end++) {
      expect([end, ledger.note({ channel, payload: basePickle.subarray(0, end) })]).toEqual([end, "junk"]);
    }
  }
  for (const channel of broadcasts) {
    for (let end = 0; end < baseBroadcast.length; end++) {
      expect([end, ledger.note({ channel, payload: baseBroadcast.subarray(0, end) })]).toEqual([end, "junk"]);
    }
    for (const payload of packTowers.slice(0, 1)) expect(ledger.note({ channel, payload })).toBe("junk");
  }
  for (let end = 0; end < baseRequest.length; end++) {
    expect([end, ledger.note({ channel: requests, payload: baseRequest.subarray(0, end) })]).toEqual([
      end,
      "junk",
    ]);
  }
});
