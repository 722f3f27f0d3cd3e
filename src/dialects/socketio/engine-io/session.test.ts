import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { DialectGateway } from "../../../../test/support/dialect-gateway.ts";
import { RoomAccess } from "../../../auth/room-access.ts";
import { FakeSocket } from "../../../../test/support/fake-socket.ts";
import { silent } from "../../../core/observe.ts";
import type { EnterVerdict } from "../../../proofs/access.ts";
import { Hub } from "../../../core/hub.ts";
import { defaultLimits } from "../../../vocabulary/limits.ts";
import type { Limits } from "../../../vocabulary/limits.ts";
import type { DisconnectReason } from "../../../vocabulary/reasons.ts";
import type { Frame } from "../../../core/carrier.ts";
import { createSocketIoContext } from "../context.ts";
import { socketIoOptions } from "../options.ts";
import { Session } from "./session.ts";
import type { EngineIoContext } from "./session.ts";
import { createClientId } from "../../../base/client-id.ts";
import { Probe } from "./upgrade.ts";
import { noRules } from "../../../vocabulary/room-rules.ts";
import { publicationWith } from "../../../../test/support/publication.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const gateway = await DialectGateway.speaking("socketio", {});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

interface SetupOptions {
  readonly options?: Parameters<typeof socketIoOptions.parse>[0];
  readonly limits?: Partial<Limits>;
}

/** What a gateway gives its sessions, with a hub whose topics lead to the test, on a clock that the test moves. */
class Setup {
  now = 1_000;
  released = 0;
  readonly ended: string[] = [];
  readonly sockets: FakeSocket[] = [];
  readonly hub: Hub;
  readonly context: EngineIoContext;

  constructor({ options = {}, limits = {} }: SetupOptions = {}) {
    const observe = {
      ...silent,
      disconnected: (_dialect: string, transport: string, reason: string) =>
        void this.ended.push(`${transport} ${reason}`),
    };
    const publish = (topic: string, frame: Frame): boolean => {
      for (const socket of this.sockets) if (socket.topics.has(topic)) socket.send([frame]);
      return false;
    };
    const allLimits = { ...defaultLimits, ...limits };
    this.hub = new Hub({ topics: { publish }, observe, limits: allLimits, send() {} });
    const secrets = { mayJoin: async () => this.#lookUp(), hintIfUnset() {} };
    const context = {
      ...gateway.context,
      hub: this.hub,
      observe,
      limits: allLimits,
      access: new RoomAccess({
        hub: this.hub,
        secrets,
        rules: noRules,
        revocations: { isRevoked: () => false, count: 0 },
      }),
      now: () => this.now,
      mayJudge: () => true,
    };
    this.context = { ...createSocketIoContext(context, socketIoOptions.parse(options)), sessions: new Map() };
  }

  /** Look-ups of secrets that the test has not answered. */
  readonly lookups: ((verdict: EnterVerdict) => void)[] = [];

  async #lookUp(): Promise<EnterVerdict> {
    const { promise, resolve } = Promise.withResolvers<EnterVerdict>();
    this.lookups.push(resolve);
    return promise;
  }

  socket(): FakeSocket {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket;
  }

  session(version: 3 | 4, packetsPerPoll: number | undefined): Session {
    const release = (): void => void this.released++;
    const parts = { sid: createClientId(), version, isBase64: false, address: "", release, packetsPerPoll };
    return new Session(this.context, parts);
  }

  polling(version: 3 | 4 = 4): Session {
    const session = this.session(version, Number.POSITIVE_INFINITY);
    session.start();
    return session;
  }

  /** By polling, in the namespace `/`; it fetched the answer. */
  async connected(): Promise<Session> {
    const session = this.polling();
    session.receive("40");
    await answerOf(session);
    return session;
  }

  websocket(version: 3 | 4 = 4): { session: Session; socket: FakeSocket } {
    const session = this.session(version, undefined);
    const socket = this.socket();
    socket.handler = session;
    session.open(socket);
    socket.sent.length = 0;
    return { session, socket };
  }

  /** A probe of this session whose websocket is open. */
  probe(session: Session): { probe: Probe; socket: FakeSocket } {
    const probe = new Probe(session, this.now + 10_000);
    const socket = this.socket();
    socket.handler = probe;
    probe.open(socket);
    return { probe, socket };
  }

  publish(value: number): void {
    this.hub.deliver(publicationWith({ event: "n", args: [String(value)] }));
  }

  /** Moves the clock in steps, as the gateway's ticker does. */
  pass(ms: number, session: Session): void {
    const end = this.now + ms;
    while (this.now < end) {
      this.now = Math.min(end, this.now + 100);
      session.tick(this.now);
    }
  }
}

const nextTurn = async (): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  await promise;
};

/** The answer of a poll that must not be refused; it goes out at once. */
const answerOf = async (session: Session): Promise<readonly Frame[]> => {
  const polled = session.poll();
  if (polled === undefined) throw new Error("Expected the poll to be held or answered, got a refusal");
  const frames = await polled;
  if (frames === undefined) throw new Error("Expected frames, got a refusal");
  session.pollSent(frames);
  return frames;
};

describe("open packet", () => {
  test("EIO-04 exactly five keys, as the client obeys them", () => {
    const setup = new Setup();
    const polling = setup.polling();
    const fields = '"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}';
    expect(polling.openPacket()).toBe(`0{"sid":"${polling.sid}","upgrades":["websocket"],${fields}`);
    const { session } = setup.websocket();
    expect(session.openPacket()).toBe(`0{"sid":"${session.sid}","upgrades":[],${fields}`);
  });

  test("EIO-04 times that are not whole seconds are whole milliseconds", () => {
    const setup = new Setup({ options: { pingInterval: 1.1, pingTimeout: 0.29 } });
    expect(setup.polling().openPacket()).toContain('"pingInterval":1100,"pingTimeout":290,');
  });
});

describe("heartbeat of version 4", () => {
  test("EIO-11 the server pings after 25 s, and again 25 s after each pong", () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket();
    session.message("40");
    setup.pass(24_900, session);
    expect(socket.sent.filter((frame) => frame === "2")).toHaveLength(0);
    setup.pass(200, session);
    expect(socket.sent.filter((frame) => frame === "2")).toHaveLength(1);
    setup.pass(5_000, session);
    session.message("3");
    setup.pass(24_900, session);
    expect(socket.sent.filter((frame) => frame === "2")).toHaveLength(1);
    setup.pass(200, session);
    expect(socket.sent.filter((frame) => frame === "2")).toHaveLength(2);
    expect(setup.ended).toEqual([]);
  });

  test("EIO-11 EIO-14 no pong within 20 s ends the session with a normal code", () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket();
    session.message("40");
    setup.pass(44_900, session);
    expect(socket.closedWith).toBeUndefined();
    setup.pass(200, session);
    expect(socket.closedWith).toBe(1000);
    expect(setup.ended).toEqual(["websocket ping_timeout"]);
    expect(setup.context.sessions.size).toBe(0);
  });

  test("EIO-11 a pong that nobody asked for changes nothing", () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket();
    session.message("40");
    setup.pass(20_000, session);
    for (let sent = 0; sent < 1_000; sent++) session.message("3");
    setup.pass(5_100, session);
    expect(socket.sent.at(-1)).toBe("2");
  });

  test("EIO-11 a ping from the client is a protocol error", () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket();
    session.message("2");
    expect(socket.closedWith).toBe(1000);
    expect(setup.ended).toEqual(["websocket protocol_error"]);
  });

  test("EIO-06 EIO-11 a held poll is released by the ping", async () => {
    const setup = new Setup();
    const session = await setup.connected();
    const held = answerOf(session);
    setup.pass(25_100, session);
    expect(await held).toEqual(["2"]);
  });
});

describe("heartbeat of version 3", () => {
  test("EIO-12 the server answers the client's ping with its text, and never pings", () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket(3);
    setup.pass(44_000, session);
    session.message("2hello");
    expect(socket.sent).toEqual(["3hello"]);
    setup.pass(44_900, session);
    expect(socket.closedWith).toBeUndefined();
    session.message("2");
    expect(socket.sent).toEqual(["3hello", "3"]);
  });

  test("EIO-09 EIO-12 a ping's text outside ASCII does not come back", () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket(3);
    session.message("2é");
    expect(socket.sent).toEqual(["3"]);
  });

  test("EIO-12 no ping for pingInterval and pingTimeout ends the session", () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket(3);
    setup.pass(44_900, session);
    expect(socket.closedWith).toBeUndefined();
    setup.pass(200, session);
    expect(socket.closedWith).toBe(1000);
    expect(setup.ended).toEqual(["websocket ping_timeout"]);
  });

  test("EIO-12 a pong of the client is a protocol error", () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket(3);
    session.message("3");
    expect(socket.closedWith).toBe(1000);
  });
});

describe("deadlines of the Socket.IO layer", () => {
  test("SIO-06 no namespace within 45 s ends the connection", () => {
    const setup = new Setup({ options: { pingInterval: 100 } });
    const { session, socket } = setup.websocket();
    setup.pass(44_900, session);
    expect(socket.closedWith).toBeUndefined();
    setup.pass(200, session);
    expect(setup.ended).toEqual(["websocket connect_timeout"]);
  });

  test("SIO-06 SIO-11 once one was joined, leaving it does not start the clock again", () => {
    const setup = new Setup({ options: { pingInterval: 100 } });
    const { session } = setup.websocket();
    session.message("40/x,");
    session.message("41/x,");
    setup.pass(60_000, session);
    expect(setup.ended).toEqual([]);
  });

  test("SIO-09 T5 attachments that do not come within 10 s end the connection", () => {
    const setup = new Setup();
    const { session } = setup.websocket();
    session.message("40");
    session.message('452-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
    setup.pass(9_000, session);
    session.message(Buffer.of(1));
    expect(setup.ended).toEqual([]);
    setup.pass(1_000, session);
    expect(setup.ended).toEqual(["websocket protocol_error"]);
  });
});

describe("events that wait for the look-up of a secret", () => {
  const join = (id: number, room: string): string => `42${id}["join",{"room":"${room}","secret":"S"}]`;

  test("WSE-03 SIO-14 take effect one after the other, and what follows waits for them", async () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket();
    session.message("40");
    socket.sent.length = 0;
    session.message(join(1, "shop::a"));
    session.message(join(2, "shop::b"));
    session.message('423["leave",{"room":"shop::a"}]');
    expect(socket.sent).toEqual([]);
    setup.lookups.shift()?.("allowed");
    await nextTurn();
    expect(socket.sent).toEqual(["431[]"]);
    setup.lookups.shift()?.("secret_wrong");
    await nextTurn();
    expect(socket.sent).toEqual(["431[]", "432[]", "433[]"]);
    expect(setup.hub.roomCount).toBe(0);
    // Nothing waits any more: the next event runs at once.
    session.message('424["leave",{"room":"x"}]');
    expect(socket.sent.at(-1)).toBe("434[]");
  });

  test("WSE-03 SIO-11 a client that leaves the namespace meanwhile is not joined, not answered, and nothing follows", async () => {
    const setup = new Setup({ options: { aliases: true } });
    const { session, socket } = setup.websocket();
    session.message("40");
    socket.sent.length = 0;
    session.message(join(1, "shop::a"));
    session.message(join(2, "shop::b"));
    session.message('423["my_ping"]');
    session.message("41");
    setup.lookups.shift()?.("allowed");
    await nextTurn();
    expect(setup.lookups).toHaveLength(0);
    expect(socket.sent).toEqual([]);
    expect(setup.hub.roomCount).toBe(0);
  });

  test("WSE-03 SEC-02 a look-up that fails is not answered, and holds nothing up", async () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket();
    session.message("40");
    socket.sent.length = 0;
    session.message(join(1, "shop::a"));
    session.message(join(2, "shop::b"));
    setup.lookups.shift()?.("unavailable");
    await nextTurn();
    setup.lookups.shift()?.("rate_limited");
    await nextTurn();
    expect(socket.sent).toEqual(["432[]"]);
    expect(setup.hub.roomCount).toBe(0);
  });
});

describe("what a client's own packets ask for", () => {
  test("SIO-04 SEC-06 a namespace that it is in: refused a few times, then a protocol error", () => {
    for (const version of [4, 3] as const) {
      const setup = new Setup();
      const { session, socket } = setup.websocket(version);
      session.message("40");
      socket.sent.length = 0;
      const left = version === 4 ? 10 : 9;
      for (let asked = 0; asked < left; asked++) session.message("40");
      expect(socket.sent).toEqual(Array.from({ length: left }, () => '44"Unable to connect"'));
      session.message("40");
      expect(setup.ended).toEqual(["websocket protocol_error"]);
    }
  });

  test("SIO-04 SEC-06 they count for the client, not for a namespace", () => {
    const setup = new Setup();
    const { session } = setup.websocket();
    for (const namespace of ["/a", "/b", "/c"]) {
      session.message(`40${namespace},`);
      for (let asked = 0; asked < 4; asked++) session.message(`40${namespace},`);
    }
    expect(setup.ended).toEqual(["websocket protocol_error"]);
  });

  test("SEC-06 answers that wait for a poll have the smaller bound, though it polled just now", async () => {
    const setup = new Setup({ limits: { sendQueueBytes: 10_000, sendQueueMaxBytes: 1_000_000 } });
    const session = await setup.connected();
    let asked = 0;
    while (!session.isOverwhelmed && asked < 1_000) session.receive(`42${asked++}["leave",{"room":"a"}]`);
    expect(setup.ended).toEqual(["polling slow"]);
    // Each is 5 or 6 characters, and costs 256 bytes more.
    expect(asked).toBeLessThan(45);
    expect(asked).toBeGreaterThan(35);
  });

  test("SEC-06 events that wait for a secret are bounded by what they hold, not only by their number", async () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket();
    session.message("40");
    socket.sent.length = 0;
    const room = (id: number): string =>
      `42${id}["join",{"room":"shop::a","secret":"S","x":"${"x".repeat(40_000)}"}]`;
    for (let id = 0; id < 5; id++) session.message(room(id));
    for (let turn = 0; turn < 5; turn++) {
      setup.lookups.shift()?.("allowed");
      await nextTurn();
    }
    // The second passed the bound.
    expect(socket.sent).toEqual(["430[]", "431[]"]);
    session.message(room(9));
    setup.lookups.shift()?.("allowed");
    await nextTurn();
    expect(socket.sent.at(-1)).toBe("439[]");
  });
});

describe("acknowledgements of clients", () => {
  const ask = (setup: Setup, answers: unknown[]): void => {
    setup.hub.deliver({
      kind: "publication",
      namespace: "/",
      rooms: undefined,
      except: [],
      skip: [],
      event: "ask",
      args: [],
      attachments: [],
      volatile: false,
      onAck: (args, hasBinary) => {
        answers.push([...args, hasBinary]);
        return undefined;
      },
    });
  };

  test("SIO-10 PSQ-10 one that comes within 60 s counts, once; a later one is forgotten", () => {
    const setup = new Setup({ options: { pingInterval: 120 } });
    const { session, socket } = setup.websocket();
    session.message("40");
    const answers: unknown[] = [];
    ask(setup, answers);
    setup.pass(30_000, session);
    ask(setup, answers);
    expect(socket.sent.slice(1)).toEqual(['420["ask"]', '421["ask"]']);
    setup.pass(30_100, session);
    session.message("430[1]");
    expect(answers).toEqual([]);
    session.message("431[2]");
    session.message("431[2]");
    expect(answers).toEqual([["2", false]]);
  });

  test("SIO-09 SIO-10 a binary one is told as such", () => {
    const setup = new Setup();
    const { session } = setup.websocket();
    session.message("40");
    const answers: unknown[] = [];
    ask(setup, answers);
    session.message('461-0[{"_placeholder":true,"num":0}]');
    expect(answers).toEqual([]);
    session.message(Buffer.of(1));
    expect(answers).toEqual([['{"_placeholder":true,"num":0}', true]]);
  });
});

describe("upgrade", () => {
  test("EIO-13 2probe, 3probe, noop to the held poll, 5: then the websocket has it all", async () => {
    const setup = new Setup();
    const session = setup.polling();
    session.receive("40");
    expect((await answerOf(session))[0]).toStartWith("40{");
    const held = answerOf(session);
    const { probe, socket } = setup.probe(session);
    probe.message("2probe");
    expect(socket.sent).toEqual(["3probe"]);
    expect(await held).toEqual(["6"]);
    setup.publish(1);
    setup.publish(2);
    expect(socket.sent).toEqual(["3probe"]);
    probe.message("5");
    setup.publish(3);
    expect(socket.sent).toEqual(["3probe", '42["n",1]', '42["n",2]', '42["n",3]']);
    expect(session.transport).toBe("websocket");
    expect(session.isOnTopics).toBe(true);
    // The publication reached it through the engine's topic, not one by one.
    expect(socket.topics.size).toBe(1);
    probe.message('420["leave",{"room":"x"}]');
    expect(socket.sent.at(-1)).toBe("430[]");
  });

  test("EIO-13 polls during the upgrade are answered at once: what waits, or a noop", async () => {
    const setup = new Setup();
    const session = await setup.connected();
    const { probe } = setup.probe(session);
    probe.message("2probe");
    expect(await answerOf(session)).toEqual(["6"]);
    setup.publish(1);
    expect(await answerOf(session)).toEqual(['42["n",1]']);
    expect(await answerOf(session)).toEqual(["6"]);
  });

  test("EIO-13 a poll that overtakes the packet 5 is refused, as one behind it", async () => {
    const setup = new Setup();
    const session = await setup.connected();
    const { probe, socket } = setup.probe(session);
    probe.message("2probe");
    const overtaking = session.poll();
    setup.publish(1);
    probe.message("5");
    expect(await overtaking).toBeUndefined();
    expect(socket.sent).toEqual(["3probe", '42["n",1]']);
    await nextTurn();
    expect(setup.ended).toEqual([]);
    expect(session.poll()).toBeUndefined();
  });

  test("EIO-13 polls are held as ever until the probe was answered", async () => {
    const setup = new Setup();
    const session = await setup.connected();
    setup.probe(session);
    const held = answerOf(session);
    setup.publish(1);
    expect(await held).toEqual(['42["n",1]']);
  });

  const wrongFrames: readonly (readonly Frame[])[] = [
    ["5"],
    ["2"],
    ["2probe "],
    ["40"],
    [Buffer.from("2probe")],
    ["2probe", "2probe"],
    ["2probe", "40"],
    ["2probe", Buffer.from("5")],
  ];
  test.each(wrongFrames.map((frames) => [frames]))(
    "EIO-13 frames %j close the websocket alone",
    async (frames) => {
      const setup = new Setup();
      const session = await setup.connected();
      const { probe, socket } = setup.probe(session);
      for (const frame of frames) probe.message(frame);
      expect(socket.closedWith).toBe(1000);
      probe.closed(1000, "peer");
      expect(setup.ended).toEqual([]);
      const held = answerOf(session);
      setup.publish(1);
      expect(await held).toEqual(['42["n",1]']);
      // Another attempt may succeed.
      const second = setup.probe(session);
      second.probe.message("2probe");
      second.probe.message("5");
      expect(session.transport).toBe("websocket");
    },
  );

  test("EIO-13 no 5 within 10 s closes the websocket alone", () => {
    const setup = new Setup();
    const session = setup.polling();
    session.receive("40");
    const { probe, socket } = setup.probe(session);
    probe.message("2probe");
    setup.pass(9_900, session);
    expect(socket.closedWith).toBeUndefined();
    setup.pass(200, session);
    expect(socket.closedWith).toBe(1000);
    probe.message("5");
    expect(session.transport).toBe("polling");
    expect(setup.ended).toEqual([]);
  });

  test("EIO-13 a second websocket is closed, before and after the upgrade; the first stays", () => {
    const setup = new Setup();
    const session = setup.polling();
    session.receive("40");
    const first = setup.probe(session);
    const second = setup.probe(session);
    expect(second.socket.closedWith).toBe(1000);
    second.probe.message("2probe");
    second.probe.closed(1000, "peer");
    first.probe.message("2probe");
    first.probe.message("5");
    const third = setup.probe(session);
    expect(third.socket.closedWith).toBe(1000);
    third.probe.closed(1000, "peer");
    setup.publish(1);
    expect(first.socket.sent.at(-1)).toBe('42["n",1]');
    expect(setup.ended).toEqual([]);
  });

  test("EIO-13 a websocket that never opened does not disturb the one that did", () => {
    const setup = new Setup();
    const session = setup.polling();
    const { probe } = setup.probe(session);
    new Probe(session, setup.now + 10_000).closed(1006, "peer");
    expect(setup.probe(session).socket.closedWith).toBe(1000);
    probe.message("2probe");
    probe.message("5");
    expect(session.transport).toBe("websocket");
  });

  test("EIO-13 EIO-14 whichever ends first takes the other along only after the upgrade", () => {
    const setup = new Setup();
    const lost = setup.polling();
    const early = setup.probe(lost);
    early.probe.message("2probe");
    early.probe.closed(1006, "peer");
    expect(setup.ended).toEqual([]);
    const { probe, socket } = setup.probe(lost);
    lost.close("server");
    expect(socket.closedWith).toBe(1000);
    probe.message("5");
    expect(setup.ended).toEqual(["polling server"]);

    const upgraded = setup.polling();
    const late = setup.probe(upgraded);
    late.probe.message("2probe");
    late.probe.message("5");
    late.probe.closed(1005, "peer");
    expect(setup.ended).toEqual(["polling server", "websocket client"]);
    expect(setup.released).toBe(2);
  });

  type Step = "publish" | "poll" | "turn" | "probe" | "answer" | "upgrade";
  test("EIO-13 SIO-14 under any schedule the client hears every message once, in order", async () => {
    const step = fc.constantFrom<Step>(
      "publish",
      "publish",
      "poll",
      "poll",
      "turn",
      "probe",
      "answer",
      "upgrade",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), async (schedule) => {
        const setup = new Setup();
        const session = setup.polling();
        session.receive("40");
        const heard: Frame[] = [];
        let sent = 0;
        let isPolling = false;
        let dance: ReturnType<Setup["probe"]> | undefined;
        let state = "polling" as "polling" | "probing" | "paused" | "upgraded";
        const poll = (): void => {
          const polled = session.poll();
          if (polled === undefined) throw new Error("Expected the poll to be answered");
          isPolling = true;
          void Promise.resolve(polled).then((frames) => {
            session.pollSent(frames ?? []);
            heard.push(...(frames ?? ["refused"]));
            isPolling = false;
          });
        };
        const steps: Record<Step, () => void> = {
          publish: () => setup.publish(sent++),
          poll: () => {
            if (!isPolling && (state === "polling" || state === "probing")) poll();
          },
          turn: () => {},
          probe: () => {
            if (state !== "polling") return;
            dance = setup.probe(session);
            state = "probing";
          },
          answer: () => {
            if (state !== "probing") return;
            dance?.probe.message("2probe");
            state = "paused";
          },
          // A client sends `5` once its last poll ended.
          upgrade: () => {
            if (state !== "paused" || isPolling) return;
            dance?.probe.message("5");
            state = "upgraded";
          },
        };
        for (const name of schedule) {
          steps[name]();
          if (name === "turn") await nextTurn();
        }
        await nextTurn();
        if (state !== "upgraded") {
          if (!isPolling) poll();
          await nextTurn();
        }
        heard.push(...(dance?.socket.sent ?? []));
        const numbers = heard.filter((frame) => String(frame).startsWith("42"));
        expect(numbers).toEqual(Array.from({ length: sent }, (_, index) => `42["n",${index}]`));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("a backend's order to disconnect", () => {
  const order = (setup: Setup, closeClient: boolean | "root", namespace = "/"): void => {
    const target = { namespace, rooms: undefined, except: [], skip: [] };
    setup.hub.carryOut({ kind: "disconnect", target, closeClient });
  };

  for (const version of [4, 3] as const) {
    test(`NRE-06 SIO-11 closing the client of version ${version} tells it that it leaves each namespace, first`, () => {
      const setup = new Setup();
      const { session, socket } = setup.websocket(version);
      if (version === 4) session.message("40");
      session.message("40/chat,");
      session.message("40/b,");
      setup.publish(1);
      socket.sent.length = 0;
      order(setup, true, "/chat");
      expect(socket.sent).toEqual(["41", "41/chat,", "41/b,"]);
      expect(socket.closedWith).toBe(1000);
      expect(setup.ended).toEqual(["websocket server"]);
    });

    test(`NRE-06 SIO-11 without closing, a client of version ${version} leaves that namespace alone`, () => {
      for (const namespace of ["/", "/chat"]) {
        const setup = new Setup();
        const { session, socket } = setup.websocket(version);
        if (version === 4) session.message("40");
        session.message("40/chat,");
        socket.sent.length = 0;
        order(setup, false, namespace);
        expect(socket.sent).toEqual([namespace === "/" ? "41" : "41/chat,"]);
        expect(socket.closedWith).toBeUndefined();
        // It still hears the other one.
        setup.publish(1);
        expect(socket.sent.slice(1)).toEqual(namespace === "/" ? [] : ['42["n",1]']);
      }
    });
  }

  test("PSQ-12 SIO-03 Python's order in `/` closes a client of version 3, and one of version 4 never", () => {
    for (const [version, namespace, sent, code] of [
      [3, "/", ["41", "41/chat,"], 1000],
      [3, "/chat", ["41/chat,"], undefined],
      [4, "/", ["41"], undefined],
      [4, "/chat", ["41/chat,"], undefined],
    ] as const) {
      const setup = new Setup();
      const { session, socket } = setup.websocket(version);
      if (version === 4) session.message("40");
      session.message("40/chat,");
      socket.sent.length = 0;
      order(setup, "root", namespace);
      expect([socket.sent, socket.closedWith]).toEqual([[...sent], code]);
    }
  });

  test("NRE-06 EIO-14 a client that polls hears what was said, that it leaves, and then the end", async () => {
    const setup = new Setup();
    const session = await setup.connected();
    setup.publish(1);
    order(setup, true);
    expect(await answerOf(session)).toEqual(['42["n",1]', "41"]);
    expect(await answerOf(session)).toEqual(["1"]);
  });

  test("NRE-06 SEC-06 one whose queue is full is closed all the same", () => {
    const setup = new Setup({ limits: { sendQueueBytes: 1_000, sendQueueMaxBytes: 2_000 } });
    const session = setup.polling();
    session.receive("40");
    session.receive("40/chat,");
    session.send([`4${"x".repeat(5_000)}`]);
    order(setup, true);
    expect(setup.ended).toEqual(["polling slow"]);
  });
});

describe("closing", () => {
  const codes: readonly (readonly [DisconnectReason, number | "terminated"])[] = [
    ["client", 1000],
    ["slow", "terminated"],
    ["ping_timeout", 1000],
    ["connect_timeout", 1000],
    ["protocol_error", 1000],
    ["too_large", 1009],
    ["server", 1000],
    ["shutdown", 1001],
  ];
  test.each(codes)("EIO-14 %s closes a websocket with %p, once", (reason, code) => {
    const setup = new Setup();
    const { session, socket } = setup.websocket();
    session.close(reason);
    session.close("server");
    session.closed(1006, "peer");
    expect(socket.closedWith).toBe(code);
    expect(setup.ended).toEqual([`websocket ${reason}`]);
    expect(setup.released).toBe(1);
    expect(setup.context.sessions.size).toBe(0);
  });

  test("EIO-14 what was sent before the close comes before it, in the held poll", async () => {
    const setup = new Setup();
    const session = await setup.connected();
    const held = answerOf(session);
    setup.publish(1);
    session.close("server");
    expect(await held).toEqual(['42["n",1]']);
    // Alone: official clients act on the end at once, and on what stands before it only later.
    expect(await answerOf(session)).toEqual(["1"]);
    expect(setup.context.sessions.size).toBe(0);
  });

  test.each(["server", "shutdown"] as const)(
    "EIO-14 %s tells a client between two polls by its next one",
    async (reason) => {
      const setup = new Setup();
      const session = await setup.connected();
      setup.publish(1);
      session.close(reason);
      expect(setup.ended).toEqual([`polling ${reason}`]);
      expect(setup.released).toBe(1);
      setup.publish(2);
      session.send(["4late"]);
      expect(await answerOf(session)).toEqual(['42["n",1]']);
      expect(await answerOf(session)).toEqual(["1"]);
      expect(setup.context.sessions.size).toBe(0);
    },
  );

  const reasons = ["slow", "protocol_error", "too_large", "connect_timeout", "server", "shutdown"] as const;
  test.each(reasons)(
    "EIO-14 SEC-06 what was said before a close as %s is told, then the end",
    async (reason) => {
      const setup = new Setup();
      const session = await setup.connected();
      setup.publish(1);
      setup.publish(2);
      session.close(reason);
      expect(session.hasUnsaid).toBe(true);
      expect(await answerOf(session)).toEqual(['42["n",1]', '42["n",2]']);
      expect(session.hasUnsaid).toBe(false);
      expect(await answerOf(session)).toEqual(["1"]);
      expect(setup.context.sessions.size).toBe(0);
      expect(setup.context.lastWords.bytes).toBe(0);
      expect(setup.ended).toEqual([`polling ${reason}`]);
    },
  );

  test("EIO-14 EIO-16 what a client says before it heard of the end is no error; its own end is one", async () => {
    const setup = new Setup();
    const session = setup.polling();
    session.receive("40");
    setup.publish(1);
    session.close("server");
    expect(session.posts?.begin()).toBe(true);
    expect(session.receive('42["join",{"room":"a"}]')).toBe(true);
    expect(session.receive("nonsense")).toBe(true);
    session.posts?.end();
    expect(setup.hub.roomCount).toBe(0);
    expect(setup.context.sessions.size).toBe(1);
    session.receive("1");
    expect(setup.context.sessions.size).toBe(0);
    expect(setup.context.lastWords.bytes).toBe(0);
  });

  test("EIO-16 EIO-17 a request that ends the session is told so by its answer: nothing else waits", () => {
    const setup = new Setup();
    const session = setup.polling();
    session.receive("40");
    setup.publish(1);
    session.refuse("too_large");
    expect(setup.ended).toEqual(["polling too_large"]);
    expect(setup.context.sessions.size).toBe(0);
  });

  test("EIO-11 EIO-14 who does not answer pings is told nothing any more", async () => {
    const setup = new Setup();
    const session = setup.polling();
    session.receive("40");
    setup.publish(1);
    session.close("ping_timeout");
    expect(setup.context.sessions.size).toBe(0);
  });

  test("SEC-06 what is kept for all who were closed has a bound: beyond it they hear of the end alone", async () => {
    const setup = new Setup({ limits: { sendQueueMaxBytes: 10_000 } });
    const sessions = [setup.polling(), setup.polling(), setup.polling()];
    for (const session of sessions) {
      session.send([`4${"x".repeat(3_999)}`]);
      session.close("server");
    }
    const answers: number[] = [];
    for (const session of sessions) answers.push((await answerOf(session)).join("").length);
    expect(answers).toEqual([4_000, 4_000, 1]);
    for (const session of sessions.slice(0, 2)) expect(await answerOf(session)).toEqual(["1"]);
    expect(setup.context.lastWords.bytes).toBe(0);
  });

  test("EIO-13 EIO-14 in the middle of an upgrade what waits goes the new way, and the close behind it", async () => {
    const setup = new Setup();
    const session = await setup.connected();
    const { probe, socket } = setup.probe(session);
    probe.message("2probe");
    setup.publish(1);
    session.close("shutdown");
    setup.publish(2);
    expect(socket.closedWith).toBeUndefined();
    probe.message("5");
    expect(socket.sent).toEqual(["3probe", '42["n",1]']);
    expect(socket.closedWith).toBe(1001);
    expect(setup.ended).toEqual(["polling shutdown"]);
    expect(setup.context.sessions.size).toBe(0);
  });

  test("EIO-13 EIO-14 an upgrade that is not finished leaves what waits to the polls", async () => {
    for (const frames of [[], ["2probe"]]) {
      const setup = new Setup();
      const session = await setup.connected();
      const { probe, socket } = setup.probe(session);
      for (const frame of frames) probe.message(frame);
      setup.publish(1);
      session.close("server");
      // Before `3probe` the client still polls, after it the websocket is given its time.
      expect(socket.closedWith).toBe(frames.length === 0 ? 1000 : undefined);
      setup.pass(10_100, session);
      expect(socket.closedWith).toBe(1000);
      expect(await answerOf(session)).toEqual(['42["n",1]']);
      expect(await answerOf(session)).toEqual(["1"]);
      expect(setup.context.sessions.size).toBe(0);
    }
  });

  test("EIO-06 EIO-14 the Python client is told of the end behind its last packets", async () => {
    const setup = new Setup();
    const session = setup.session(4, 16);
    session.receive("40");
    await answerOf(session);
    for (let value = 0; value < 20; value++) setup.publish(value);
    session.close("server");
    expect(await answerOf(session)).toHaveLength(16);
    expect(await answerOf(session)).toHaveLength(4);
    expect(await answerOf(session)).toEqual(["1"]);
    expect(setup.context.sessions.size).toBe(0);
  });

  test("EIO-14 a client that never comes back for it is forgotten", () => {
    const setup = new Setup();
    const session = setup.polling();
    session.close("server");
    setup.pass(19_900, session);
    expect(setup.context.sessions.size).toBe(1);
    setup.pass(200, session);
    expect(setup.context.sessions.size).toBe(0);
  });

  test("EIO-14 the client's 1 ends its held poll with a noop, and the session", async () => {
    const setup = new Setup();
    const session = setup.polling();
    const held = answerOf(session);
    expect(session.receive("1")).toBe(true);
    expect(await held).toEqual(["6"]);
    expect(setup.ended).toEqual(["polling client"]);
    const { session: other, socket } = setup.websocket();
    other.message("1");
    expect(socket.closedWith).toBe(1000);
  });

  test("EIO-14 a poll that the client gave up ends the session", async () => {
    const setup = new Setup();
    const session = setup.polling();
    session.pollAborted();
    expect(setup.ended).toEqual([]);
    const held = answerOf(session);
    session.pollAborted();
    expect(await held).toEqual([]);
    expect(setup.ended).toEqual(["polling client"]);
  });

  test("EIO-22 SEC-06 the reason of a websocket's end is told apart", () => {
    const setup = new Setup();
    setup.websocket().session.closed(1006, "too_large");
    setup.websocket().session.closed(1006, "slow");
    setup.websocket().session.closed(1006, "protocol_error");
    // Any client may say so.
    setup.websocket().session.closed(1009, "peer");
    const reasons = ["too_large", "slow", "protocol_error", "client"];
    expect(setup.ended).toEqual(reasons.map((reason) => `websocket ${reason}`));
  });

  test("EIO-22 a message over this dialect's size is refused where the listener takes larger ones", () => {
    const setup = new Setup();
    const { session, socket } = setup.websocket();
    session.message("40");
    session.message(`42["${"a".repeat(999_994)}"]`);
    expect(socket.closedWith).toBeUndefined();
    session.message(`42["${"é".repeat(499_997)}a"]`);
    expect(socket.closedWith).toBe(1009);
    const other = setup.websocket();
    other.session.message(Buffer.alloc(1_000_001));
    expect(other.socket.closedWith).toBe(1009);
    expect(setup.ended).toEqual(["websocket too_large", "websocket too_large"]);
  });
});

describe("requests at once", () => {
  test("EIO-16 a second poll: the first gets 1, the second is refused, the session ends", async () => {
    const setup = new Setup();
    const session = setup.polling();
    const first = answerOf(session);
    expect(session.poll()).toBeUndefined();
    expect(await first).toEqual(["1"]);
    expect(setup.ended).toEqual(["polling protocol_error"]);
    expect(setup.context.sessions.size).toBe(0);
  });

  test("EIO-16 one post at a time; one after the other is fine", () => {
    const setup = new Setup();
    const session = setup.polling();
    expect(session.posts?.begin()).toBe(true);
    session.posts?.end();
    expect(session.posts?.begin()).toBe(true);
    expect(session.posts?.begin()).toBe(false);
  });
});

describe("a polling client that does not keep up", () => {
  const limits = { sendQueueBytes: 10_000, sendQueueMaxBytes: 100_000 };
  /** It costs 5,000 bytes. */
  const frame = `4${"x".repeat(4_743)}`;

  test("SEC-06 one that does not poll is slow when its queue is full", () => {
    const setup = new Setup({ limits });
    const session = setup.polling();
    setup.now += 5_000;
    for (let sent = 0; sent < 3; sent++) session.send([frame]);
    expect(setup.ended).toEqual([]);
    session.send([frame]);
    expect(setup.ended).toEqual(["polling slow"]);
    expect(setup.context.lastWords.bytes).toBe(15_000);
  });

  test("SEC-06 one that polls may have as much waiting as a websocket that reads", async () => {
    const setup = new Setup({ limits });
    const session = setup.polling();
    const held = answerOf(session);
    session.send([`4${"x".repeat(200_000)}`]);
    await held;
    setup.now += 500;
    for (let sent = 0; sent < 20; sent++) session.send([frame]);
    expect((await answerOf(session)).length).toBe(20);
    for (let sent = 0; sent < 21; sent++) session.send([frame]);
    expect(setup.ended).toEqual([]);
    session.send([frame]);
    expect(setup.ended).toEqual(["polling slow"]);
  });
});
