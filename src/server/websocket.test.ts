import { describe, expect, test } from "bun:test";
import type { ServerWebSocket } from "bun";
import fc from "fast-check";
import { Connection } from "../core/membership.ts";
import type { Format } from "../core/membership.ts";
import { Hub } from "../core/hub.ts";
import { defaultLimits } from "../vocabulary/limits.ts";
import { silent } from "../core/observe.ts";
import { packetRate } from "../base/rate-limit.ts";
import type { Frame } from "../core/carrier.ts";
import type { CloseCause, Socket, SocketHandler } from "./socket.ts";
import { FakeSocket } from "../../test/support/fake-socket.ts";
import { Turns } from "../base/turns.ts";
import { InboxBounds } from "./inbox-bounds.ts";
import { WebSocketTransport } from "./websocket.ts";
import type { SocketContext } from "./websocket.ts";
import { publicationWith } from "../../test/support/publication.ts";

const kib = 1024;
const mib = 1024 * kib;
const limits = { ...defaultLimits, sendQueueBytes: mib, sendQueueMaxBytes: 4 * mib };
/** What the kernels on both sides hold before the engine has to. */
const kernelBytes = 512 * kib;

/**
 * One websocket of the engine and the client behind it: a kernel buffer that the client reads from, the engine's own
 * buffer before it, and topics. The kernel takes more and `drain` comes when a third of its buffer is free; a ping makes
 * the engine try earlier, without a `drain`.
 */
class FakeEngine {
  readonly transport: WebSocketTransport;
  readonly topics = new Set<string>();
  /** What the client read, in order. */
  readonly heard: Frame[] = [];
  isOpen = true;
  closedWith: number | undefined;
  writes = 0;
  /** What the engine hands to the kernel: each frame by itself, or all that are corked. */
  packs = 0;
  #isCorked = false;
  readonly #kernel: Frame[] = [];
  #kernelBytes = 0;
  readonly #buffer: Frame[] = [];
  #bufferBytes = 0;

  constructor(handler: SocketHandler, context: SocketContext) {
    this.transport = new WebSocketTransport(handler, context);
    this.transport.opened(this.#socket());
  }

  get bufferedBytes(): number {
    return this.#bufferBytes;
  }

  /** Frames that the engine and the kernel hold. */
  get unread(): readonly Frame[] {
    return [...this.#kernel, ...this.#buffer];
  }

  write(frame: Frame): number {
    if (!this.isOpen) return 0;
    this.writes++;
    if (!this.#isCorked) this.packs++;
    const isEmpty = this.#buffer.length === 0;
    this.#buffer.push(frame);
    this.#bufferBytes += frame.length;
    if (isEmpty) this.#flush();
    return this.#bufferBytes > 0 ? -1 : frame.length;
  }

  /** The client reads this much, and the engine goes on. */
  read(bytes: number): void {
    let left = bytes;
    while (left > 0 && this.#kernel.length > 0) {
      const frame = this.#kernel.shift();
      if (frame === undefined) break;
      this.heard.push(frame);
      this.#kernelBytes -= frame.length;
      left -= frame.length;
    }
    if (this.#kernelBytes > (kernelBytes * 2) / 3) return;
    const before = this.#bufferBytes;
    this.#flush();
    if (this.isOpen && this.#bufferBytes < before) this.transport.drained();
  }

  end(code: number): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.topics.clear();
    this.transport.ended(code);
  }

  #cork(write: () => unknown): unknown {
    this.packs++;
    this.#isCorked = true;
    try {
      return write();
    } finally {
      this.#isCorked = false;
    }
  }

  #flush(): void {
    while (this.#kernelBytes < kernelBytes) {
      const frame = this.#buffer.shift();
      if (frame === undefined) return;
      this.#bufferBytes -= frame.length;
      this.#kernel.push(frame);
      this.#kernelBytes += frame.length;
    }
  }

  #socket(): ServerWebSocket<WebSocketTransport> {
    const socket: Partial<ServerWebSocket<WebSocketTransport>> = {
      data: this.transport,
      sendText: (frame: string) => this.write(frame),
      sendBinary: (frame: Uint8Array) => this.write(frame),
      getBufferedAmount: () => this.#bufferBytes,
      ping: () => {
        this.#flush();
        return 0;
      },
      subscribe: (topic: string) => this.topics.add(topic).has(topic),
      unsubscribe: (topic: string) => this.topics.delete(topic),
      cork: ((write: () => unknown) => this.#cork(write)) as ServerWebSocket<WebSocketTransport>["cork"],
      close: (code?: number) => {
        this.closedWith = code ?? 1005;
        this.end(this.closedWith);
      },
      terminate: () => {
        this.end(1006);
      },
    };
    return socket as ServerWebSocket<WebSocketTransport>;
  }
}

const format: Format = {
  dialect: "test",
  name: "test",
  encode: ({ args, attachments }) => [...args, ...attachments],
};

/** One client in the room `time`, behind a real hub. */
class Setup {
  readonly hub: Hub;
  readonly engine: FakeEngine;
  readonly sent: Frame[] = [];
  /** What came by topics, frames. */
  published = 0;
  ended: { readonly code: number; readonly cause: CloseCause } | undefined;
  nowMs = 0;
  readonly #context = {
    limits,
    packetRate: packetRate(limits),
    turns: new Turns(() => this.nowMs),
    inboxes: new InboxBounds(),
    now: () => this.nowMs,
    report: () => undefined,
  };
  #connection: Connection | undefined;

  constructor() {
    this.hub = new Hub({
      observe: silent,
      limits,
      send: () => undefined,
      topics: { publish: (topic, frame) => this.#publish(topic, frame) },
    });
    const handler: SocketHandler = {
      open: (socket) => {
        this.#enter(socket);
      },
      message: () => undefined,
      closed: (code, cause) => {
        this.ended = { code, cause };
        if (this.#connection) this.hub.exit(this.#connection);
      },
      topicsChanged: () => {
        if (this.#connection) this.hub.refresh(this.#connection);
      },
    };
    this.engine = new FakeEngine(handler, this.#context);
  }

  get client(): WebSocketTransport {
    return this.engine.transport;
  }

  /** A publication to the room, its frames as they are. */
  publish(...frames: readonly Frame[]): void {
    if (this.engine.isOpen) this.sent.push(...frames);
    this.#deliver("time", frames);
  }

  /** Traffic that the client keeps up with. */
  keepUp(bytes: number): void {
    for (let read = 0; read < bytes; read += 64 * kib) {
      this.publish(text(64 * kib));
      this.engine.read(64 * kib);
    }
  }

  /** Somebody else's connection in a room of its own hears so much. */
  publishElsewhere(bytes: number): void {
    const agent = { disconnect: () => undefined, request: () => undefined };
    const other = new Connection({ id: "o", namespace: "/", format, carrier: new FakeSocket(), agent });
    this.hub.enter(other);
    this.hub.join(other, "elsewhere");
    for (let sent = 0; sent < bytes; sent += 64 * kib) this.#deliver("elsewhere", [text(64 * kib)]);
  }

  #deliver(room: string, frames: readonly Frame[]): void {
    const args = frames.filter((frame) => typeof frame === "string");
    const attachments = frames.filter((frame) => typeof frame !== "string");
    this.hub.deliver(publicationWith({ rooms: [room], args, attachments }));
  }

  /** Directly to the client. */
  send(...frames: readonly Frame[]): void {
    if (this.engine.isOpen) this.sent.push(...frames);
    this.client.send(frames);
  }

  #enter(socket: Socket): void {
    this.#connection = new Connection({
      id: "c",
      namespace: "/",
      format,
      carrier: socket,
      agent: { disconnect: () => undefined, request: () => undefined },
    });
    this.hub.enter(this.#connection);
    this.hub.join(this.#connection, "time");
  }

  #publish(topic: string, frame: Frame): boolean {
    if (!this.engine.topics.has(topic)) return false;
    this.published++;
    return this.engine.write(frame) === -1;
  }
}

const text = (bytes: number, mark = "x"): string => mark.padEnd(bytes, ".");

describe("a client that keeps up", () => {
  test("is reached by its topics, and writable", () => {
    const { client, engine, ...setup } = start();
    setup.publish(text(100));
    expect([client.isOnTopics, client.isWritable, setup.native()]).toEqual([true, true, 1]);
    engine.read(mib);
    expect(engine.heard).toEqual([text(100)]);
  });

  test("F16 frames that go to it together are one write", () => {
    const { engine, ...setup } = start();
    setup.send("joined", "1", "2", "3");
    setup.send("4");
    expect(engine.packs).toBe(2);
    engine.read(mib);
    expect(engine.heard).toEqual(["joined", "1", "2", "3", "4"]);
  });

  test("stays on its topics while little is unread", () => {
    const { client, engine, ...setup } = start();
    setup.publish(text(kernelBytes));
    setup.publish(text(60 * kib));
    expect([client.isOnTopics, client.isWritable, client.bufferedBytes]).toEqual([true, false, 60 * kib]);
    engine.read(mib);
    expect(client.isWritable).toBe(true);
  });
});

describe("a client that falls behind", () => {
  test("leaves its topics, is fed in order as it reads, and comes back to them", () => {
    const { client, engine, ...setup } = start();
    for (let index = 0; index < 40; index++) setup.publish(text(20 * kib, `p${index} `));
    setup.send(text(10, "direct "));
    setup.publish("text of a pair", Uint8Array.of(1, 2));
    expect(client.isOnTopics).toBe(false);
    expect(client.isWritable).toBe(false);
    expect(engine.topics.size).toBe(0);
    const before = setup.native();
    for (let turn = 0; turn < 100 && !client.isOnTopics; turn++) engine.read(100 * kib);
    expect(client.isOnTopics).toBe(true);
    expect(engine.topics.size).toBe(2);
    setup.publish("native again");
    expect(setup.native()).toBe(before + 1);
    engine.read(mib);
    expect(engine.heard).toEqual(setup.sent());
    expect(client.bufferedBytes).toBe(0);
  });

  test("comes back when all is read, not before", () => {
    const { client, engine, ...setup } = start();
    for (let index = 0; index < 8; index++) setup.publish(text(kernelBytes / 8));
    setup.publish(text(250 * kib));
    setup.publish(text(40 * kib));
    engine.read((kernelBytes * 3) / 8);
    expect([engine.bufferedBytes, client.isOnTopics]).toEqual([40 * kib, false]);
    engine.read(mib);
    expect(client.isOnTopics).toBe(true);
  });

  test("by a message of its own, too", () => {
    const { client, engine, ...setup } = start();
    for (let index = 0; index < 7; index++) setup.send(text(100 * kib, `s${index} `));
    expect(client.isOnTopics).toBe(false);
    for (let turn = 0; turn < 100; turn++) engine.read(100 * kib);
    expect(engine.heard).toEqual(setup.sent());
    expect(client.isOnTopics).toBe(true);
  });

  test("SEC-06 its frames wait here, shared, and not as copies in the engine", () => {
    const { client, engine, ...setup } = start();
    setup.publish(text(kernelBytes));
    for (let index = 0; index < 480; index++) setup.publish(text(2 * kib, `p${index} `));
    const frame = text(300 * kib);
    setup.publish(frame);
    expect(client.bufferedBytes).toBeGreaterThan(1_200 * kib);
    for (let turn = 0; turn < 2_000 && !client.isOnTopics; turn++) {
      engine.read(2 * kib);
      // Up to the mark, one pack above it, and then at most one frame of any size.
      expect(engine.bufferedBytes).toBeLessThan(64 * kib + 18 * kib + frame.length);
    }
    for (let turn = 0; turn < 100; turn++) engine.read(100 * kib);
    expect(engine.heard).toEqual(setup.sent());
    expect(engine.heard.at(-1)).toBe(frame);
  });

  test("a volatile publication is dropped for it", () => {
    const { client, engine, hub } = start();
    client.send([text(kernelBytes), text(100 * kib)]);
    expect(client.isWritable).toBe(false);
    hub.deliver({
      kind: "publication",
      namespace: "/",
      rooms: ["time"],
      except: [],
      skip: [],
      event: "x",
      args: ["volatile"],
      attachments: [],
      volatile: true,
    });
    for (let turn = 0; turn < 100; turn++) engine.read(100 * kib);
    expect(engine.heard).not.toContain("volatile");
  });

  test("when it ends, nothing more is written and nothing is kept", () => {
    const { client, engine, ...setup } = start();
    for (let index = 0; index < 40; index++) setup.publish(text(20 * kib));
    engine.end(1006);
    expect(setup.ended()).toEqual({ code: 1006, cause: "peer" });
    const { writes } = engine;
    client.send([text(10)]);
    client.fallBehind();
    client.drained();
    client.subscribe("x");
    client.unsubscribe("x");
    client.close(1000, "");
    client.terminate();
    expect(engine.writes).toBe(writes);
    expect([client.isOnTopics, client.isWritable, client.bufferedBytes]).toEqual([false, false, 0]);
  });

  test("one that is closed in the middle of a pack writes no further", () => {
    const { client, engine, ...setup } = start();
    setup.send(text(kernelBytes), text(100 * kib));
    for (let index = 0; index < 10; index++) setup.send(text(kib, `s${index} `));
    const write = engine.write.bind(engine);
    engine.write = (frame) => {
      const result = write(frame);
      engine.end(1006);
      return result;
    };
    engine.read(mib);
    expect(client.bufferedBytes).toBe(0);
    expect(setup.ended()?.code).toBe(1006);
  });
});

describe("SEC-06 T10 a slow client", () => {
  test("that never read is closed as soon as more than sendQueueBytes wait", () => {
    const { client, engine, ...setup } = start();
    let published = 0;
    while (engine.isOpen && published < 100 * mib) {
      setup.publish(text(10 * kib));
      published += 10 * kib;
      expect(client.bufferedBytes).toBeLessThan(limits.sendQueueBytes + 64 * kib + 3 * 10 * kib);
    }
    expect(setup.ended()).toEqual({ code: 1006, cause: "slow" });
    expect(engine.closedWith).toBeUndefined();
    expect(client.bufferedBytes).toBe(0);
  });

  test("small frames count with what they really cost", () => {
    const { client, engine, ...setup } = start();
    setup.publish(text(kernelBytes), text(100 * kib));
    let frames = 0;
    while (engine.isOpen && frames < 1_000_000) {
      setup.publish("x");
      frames++;
    }
    expect(setup.ended()?.cause).toBe("slow");
    expect(frames).toBeLessThan(limits.sendQueueBytes / 64 + 10);
    expect(client.bufferedBytes).toBe(0);
  });

  test("one message of any size finds room behind little", () => {
    const { client, engine, ...setup } = start();
    setup.publish(text(kernelBytes), text(100 * kib));
    setup.publish(text(8 * mib));
    expect(engine.isOpen).toBe(true);
    setup.publish("the next");
    expect(setup.ended()?.cause).toBe("slow");
    expect(client.bufferedBytes).toBe(0);
  });

  test("that did read, behind or before, gets sendQueueMaxBytes", () => {
    const reader = start();
    reader.publish(text(kernelBytes), text(2 * mib));
    reader.publish("behind");
    // It reads, and stays behind.
    reader.engine.read(kernelBytes);
    reader.engine.read(2 * mib);
    const early = start();
    early.keepUp(17 * mib);
    early.publish(text(kernelBytes), text(100 * kib));
    for (const setup of [reader, early]) {
      if (setup.client.isOnTopics) setup.publish(text(kernelBytes), text(100 * kib));
      while (setup.engine.isOpen && setup.client.bufferedBytes < 10 * mib) setup.publish(text(50 * kib));
      expect(setup.ended()?.cause).toBe("slow");
      expect(setup.peak()).toBeGreaterThan(limits.sendQueueMaxBytes);
      expect(setup.peak()).toBeLessThan(limits.sendQueueMaxBytes + 300 * kib);
    }
  });

  test("T10 SEC-06 the traffic of other rooms says nothing about it", () => {
    const setup = start();
    setup.publishElsewhere(20 * mib);
    setup.publish(text(kernelBytes), text(100 * kib));
    while (setup.engine.isOpen && setup.client.bufferedBytes < 10 * mib) setup.publish(text(50 * kib));
    expect(setup.ended()?.cause).toBe("slow");
    expect(setup.peak()).toBeLessThan(limits.sendQueueBytes + 300 * kib);
  });

  test("nobody is behind who has nothing unread: no drain would ever come", () => {
    const { client } = start();
    client.fallBehind();
    expect(client.isOnTopics).toBe(true);
  });

  test("that reads a little at a time is no slow one", () => {
    const { client, engine, ...setup } = start();
    setup.publish(text(kernelBytes), text(100 * kib));
    for (let index = 0; index < 1_000; index++) {
      for (let frame = 0; frame < 5; frame++) setup.publish(text(2 * kib));
      engine.read(8 * kib);
    }
    expect(client.isOnTopics).toBe(false);
    while (engine.isOpen && client.bufferedBytes < 3 * mib) setup.publish(text(50 * kib));
    expect(engine.isOpen).toBe(true);
  });

  test("that did read has 10 s to go on, while more than sendQueueBytes wait", () => {
    const { client, engine, ...setup } = start();
    setup.keepUp(17 * mib);
    setup.publish(text(kernelBytes), text(100 * kib));
    while (engine.isOpen && client.bufferedBytes < 2 * mib) setup.publish(text(50 * kib));
    setup.pass(9_900);
    setup.publish("still patient");
    engine.read(1);
    setup.pass(9_900);
    setup.publish("it read something");
    expect(engine.isOpen).toBe(true);
    setup.pass(200);
    setup.publish("enough");
    expect(setup.ended()?.cause).toBe("slow");
  });

  test("that read less than the kernel tells of is seen to read, and comes back", () => {
    const { client, engine, ...setup } = start();
    for (let index = 0; index < 64; index++) setup.publish(text(kernelBytes / 64));
    setup.publish(text(100 * kib));
    while (engine.isOpen && client.bufferedBytes < limits.sendQueueBytes + 100 * kib)
      setup.publish(text(kib));
    // A little less than a third at a time: no drain comes, but each ping finds room.
    for (let turn = 0; turn < 400 && engine.isOpen; turn++) {
      engine.read(20 * kib);
      setup.publish(text(15 * kib));
    }
    expect(engine.isOpen).toBe(true);
    expect(client.bufferedBytes).toBeLessThan(limits.sendQueueBytes + 100 * kib);
    while (engine.isOpen && client.bufferedBytes < 2 * mib) setup.publish(text(50 * kib));
    for (let turn = 0; turn < 100; turn++) engine.read(100 * kib);
    expect(engine.heard).toEqual(setup.sent());
    expect(client.isOnTopics).toBe(true);
  });

  test("that waits for little may take its time", () => {
    const { engine, ...setup } = start();
    setup.publish(text(kernelBytes), text(100 * kib));
    setup.publish(text(500 * kib));
    setup.pass(60_000);
    setup.publish("no hurry");
    expect(engine.isOpen).toBe(true);
  });

  test("the hub forgets it in the middle of a delivery", () => {
    const { engine, hub, ...setup } = start();
    setup.publish(text(kernelBytes), text(100 * kib));
    while (engine.isOpen) setup.publish(text(100 * kib));
    expect(hub.roomCount).toBe(0);
    expect(engine.topics.size).toBe(0);
  });
});

describe("SEC-06 EIO-13 W4R-04 a client that takes over what waited elsewhere", () => {
  const burst = (count: number): readonly string[] =>
    Array.from({ length: count }, (_, index) => text(100 * kib, `b${index} `));

  test("gets all of it as it reads, however much it is, and what comes meanwhile behind it", () => {
    const { client, engine, ...setup } = start();
    const waited = burst(120);
    client.inherit(waited);
    expect(engine.isOpen).toBe(true);
    setup.publish("live 1");
    setup.send("direct");
    for (let turn = 0; turn < 2_000 && engine.heard.length < 122; turn++) {
      engine.read(60 * kib);
      setup.pass(50);
    }
    expect(engine.heard).toEqual([...waited, "live 1", "direct"]);
    expect(client.isOnTopics).toBe(true);
  });

  test("that never reads is closed after a while, when something comes", () => {
    const { client, engine, ...setup } = start();
    client.inherit(burst(120));
    setup.pass(9_000);
    setup.publish("soon");
    expect(engine.isOpen).toBe(true);
    setup.pass(2_000);
    setup.publish("late");
    expect([engine.isOpen, setup.ended()?.cause]).toEqual([false, "slow"]);
  });

  test("has no more room than others for what comes then", () => {
    const { client, engine, ...setup } = start();
    client.inherit(burst(120));
    let sent = 0;
    while (engine.isOpen && sent < 100) {
      setup.publish(text(100 * kib));
      sent++;
    }
    expect(sent).toBeLessThan(15);
    expect(setup.ended()?.cause).toBe("slow");
  });
});

test("closing codes and reasons go to the engine", () => {
  const { client, engine, ...setup } = start();
  client.close(1001, "");
  expect([engine.closedWith, setup.ended()]).toEqual([1001, { code: 1001, cause: "peer" }]);
});

test("EIO-14 NRE-06 one that is behind gets what waits before it is closed, and nothing that comes later", () => {
  const { client, engine, hub, ...setup } = start();
  for (let index = 0; index < 40; index++) setup.publish(text(20 * kib, `p${index} `));
  setup.send("last words");
  const sent = setup.sent();
  client.close(1001, "");
  client.close(1000, "");
  // Its handler is done with it, and so is the hub.
  expect([engine.closedWith, setup.ended()]).toEqual([undefined, { code: 1001, cause: "peer" }]);
  expect(hub.roomCount).toBe(0);
  client.send(["late"]);
  while (engine.isOpen) engine.read(100 * kib);
  expect(engine.closedWith).toBe(1001);
  expect([...engine.heard, ...engine.unread]).toEqual([...sent]);
});

test("EIO-14 one that goes while it gets its last words is told of once", () => {
  const { client, engine, ...setup } = start();
  for (let index = 0; index < 40; index++) setup.publish(text(20 * kib, `p${index} `));
  client.close(1001, "");
  engine.end(1006);
  expect(setup.ended()).toEqual({ code: 1001, cause: "peer" });
});

/** The parts of a set-up, as functions where they change. */
function start() {
  const setup = new Setup();
  let peak = 0;
  return {
    client: setup.client,
    engine: setup.engine,
    hub: setup.hub,
    publish: (...frames: readonly Frame[]) => {
      setup.publish(...frames);
      peak = Math.max(peak, setup.client.bufferedBytes);
    },
    send: (...frames: readonly Frame[]) => {
      setup.send(...frames);
    },
    keepUp: (bytes: number) => {
      setup.keepUp(bytes);
    },
    publishElsewhere: (bytes: number) => {
      setup.publishElsewhere(bytes);
    },
    pass: (ms: number) => {
      setup.nowMs += ms;
    },
    native: () => setup.published,
    sent: () => setup.sent,
    ended: () => setup.ended,
    /** The most that ever waited. */
    peak: () => peak,
  };
}

type Step =
  | { readonly kind: "publish" | "send"; readonly sizes: readonly number[] }
  | { readonly kind: "read"; readonly bytes: number };

const sizes = fc.constantFrom(10, 10, 10, kib, kib, 20 * kib, 70 * kib, 200 * kib, 700 * kib);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("publish" as const),
        sizes: fc.array(sizes, { minLength: 1, maxLength: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("send" as const),
        sizes: fc.array(sizes, { minLength: 1, maxLength: 2 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("read" as const),
        bytes: fc.constantFrom(1, kib, 30 * kib, 300 * kib, 3 * mib),
      }),
    },
  ),
  { minLength: 5, maxLength: 120 },
);

test("SIO-14 SEC-06 no schedule loses, repeats or reorders a frame, or keeps more than its bound: 6,000 of them", () => {
  let slow = 0;
  let behind = 0;
  fc.assert(
    fc.property(steps, (schedule) => {
      const { client, engine, ...setup } = start();
      let count = 0;
      for (const step of schedule) {
        if (step.kind === "read") engine.read(step.bytes);
        else setup[step.kind](...step.sizes.map((size) => text(size, `${count++} `)));
        if (!client.isOnTopics) behind++;
        // Behind means off every topic, native means on both.
        expect(engine.topics.size).toBe(client.isOnTopics ? 2 : 0);
        expect(client.bufferedBytes).toBeLessThan(limits.sendQueueMaxBytes + 3 * mib);
      }
      for (let turn = 0; turn < 1_000 && engine.isOpen && client.bufferedBytes > 0; turn++)
        engine.read(200 * kib);
      engine.read(10 * mib);
      if (!engine.isOpen) slow++;
      // A slow client hears a beginning of it, everyone else all.
      const expected = engine.isOpen ? setup.sent() : setup.sent().slice(0, engine.heard.length);
      expect(engine.heard).toEqual(expected);
      expect(client.isOnTopics).toBe(engine.isOpen);
    }),
    { numRuns: 6_000 },
  );
  // The schedules reach what they are for.
  expect(slow).toBeGreaterThan(100);
  expect(behind).toBeGreaterThan(10_000);
}, 60_000);
