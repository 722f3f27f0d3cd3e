// A Python backend emits through the Redis queue, by the real packages of every encoding generation, and pages with
// the real socket.io-client hear it. The statements below are what the backend runs.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { Page } from "../support/page.ts";
import type { PageEvent } from "../support/page.ts";
import { PythonProgram } from "../support/python.ts";
import type { PythonName } from "../support/python.ts";
import { startRedis } from "../support/redis.ts";

/** How a version writes `data` (the table of PSQ-02). */
type Encoding = "pickle" | "json" | "json+binary" | "args";

const versions = [
  ["socketio-5.7", "pickle"],
  ["socketio-5.13", "pickle"],
  ["socketio-5.14.1", "json"],
  ["socketio-5.14.2", "json+binary"],
  ["socketio-5.15", "args"],
] as const satisfies readonly (readonly [PythonName, Encoding])[];

interface Sample {
  /** The Python value that is emitted. */
  readonly python: string;
  /** The arguments that a page gets. */
  readonly args: readonly unknown[];
  /** Where an encoding makes something else of it; undefined: its packages refuse the value themselves. */
  readonly but?: Partial<Record<Encoding, readonly unknown[] | undefined>>;
}

const bytes = Uint8Array.of(0, 255);

const samples: readonly Sample[] = [
  { python: "{'time': 1}", args: [{ time: 1 }] },
  { python: "'text'", args: ["text"] },
  { python: "''", args: [""] },
  { python: "7", args: [7] },
  { python: "True", args: [true] },
  { python: "-1.5", args: [-1.5] },
  { python: "'h\\u00e9 \\u20ac \\U0001f514 \\u2028 \\x00'", args: ["hé € 🔔 \u2028 \0"] },
  { python: "{'n': None, 'l': [1, [2.5, 'x']], 'd': {}}", args: [{ n: null, l: [1, [2.5, "x"]], d: {} }] },
  { python: "{'n': float('nan'), 'i': [float('inf'), float('-inf')]}", args: [{ n: null, i: [null, null] }] },
  {
    python: "{1: 'a', 2.5: 'b', None: 'c', False: 'd'}",
    args: [{ 1: "a", "2.5": "b", null: "c", false: "d" }],
  },
  { python: "__import__('collections').OrderedDict(b=1, a=2)", args: [{ b: 1, a: 2 }] },
  { python: "__import__('collections').defaultdict(int, a=1)", args: [{ a: 1 }] },
  {
    python: "[__import__('collections').Counter('aab')]",
    args: [[{ a: 2, b: 1 }]],
    but: { "json+binary": [{ a: 2, b: 1 }] },
  },
  { python: "{'status': __import__('http').HTTPStatus.NOT_FOUND}", args: [{ status: 404 }] },
  { python: "{'signal': __import__('signal').SIGTERM}", args: [{ signal: 15 }] },
  { python: "None", args: [] },
  { python: "[1, 2]", args: [[1, 2]], but: { "json+binary": [1, 2] } },
  { python: "('a', {'b': 2})", args: ["a", { b: 2 }], but: { json: [["a", { b: 2 }]] } },
  { python: "('a', [1, 2])", args: ["a", [1, 2]], but: { json: [["a", [1, 2]]] } },
  { python: "()", args: [], but: { json: [[]] } },
  { python: "b'\\x00\\xff'", args: [bytes], but: { json: undefined } },
  {
    python: "{'file': b'\\x00\\xff', 'l': [b'']}",
    args: [{ file: bytes, l: [new Uint8Array()] }],
    but: { json: undefined },
  },
  { python: "('a', b'\\x00\\xff')", args: ["a", bytes], but: { json: undefined, "json+binary": undefined } },
  { python: "bytearray(b'\\x00\\xff')", args: [bytes], but: { json: undefined, "json+binary": undefined } },
  { python: "'x' * 100000", args: ["x".repeat(100_000)] },
];

let redis: Awaited<ReturnType<typeof startRedis>>;
let gateway: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  gateway = await startGateway({ redis: redis.url });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await redis.stop();
});

/** What each page hears of some statements, told apart by an event to everybody that comes after them. */
async function heard(
  backend: PythonProgram,
  pages: readonly Page[],
  statements: string,
): Promise<PageEvent[][]> {
  await backend.run(`${statements}\nmanager.emit('end', None)`);
  return Promise.all(
    pages.map(async (page) => {
      const events: PageEvent[] = [];
      for (let event = await page.next(); event[0] !== "end"; event = await page.next()) events.push(event);
      return events;
    }),
  );
}

describe.each(versions)("%s", (version, encoding) => {
  let backend: PythonProgram;

  beforeAll(async () => {
    backend = await PythonProgram.start(version, "manager", [redis.url, "flask-socketio"]);
  });

  afterAll(async () => {
    await backend[Symbol.asyncDispose]();
  });

  for (const { python, args, but = {} } of samples) {
    const expected = encoding in but ? but[encoding] : args;
    const shown = python.length > 60 ? `${python.slice(0, 60)}...` : python;
    if (expected) {
      test(`PSQ-02 PSQ-06 PSQ-09 ${shown} reaches a page as its arguments`, async () => {
        using page = await Page.connect(gateway.url);
        expect(await heard(backend, [page], `manager.emit('x', ${python})`)).toEqual([[["x", ...expected]]]);
      });
    } else {
      test(`PSQ-02 ${shown} is refused by the package itself`, async () => {
        const emit = backend.run(`manager.emit('x', ${python})`);
        expect(await emit.then(String, String)).toContain("is not JSON serializable");
      });
    }
  }

  test("PSQ-02 SIO-15 large integers and floats keep their digits", async () => {
    using raw = await RawPage.connect(gateway.url);
    const data = "{'a': 2**63, 'b': -2**70, 'c': 9007199254740993, 'd': 0.1, 'e': 1e22}";
    await backend.run(`manager.emit('x', ${data}, room='${raw.id}')`);
    const frame = await raw.next();
    expect(frame.replaceAll(" ", "")).toMatch(
      /^42\["x",\{"a":9223372036854775808,"b":-1180591620717411303424,"c":9007199254740993,"d":0\.1,"e":1e\+?22\}\]$/,
    );
  });

  test("PSQ-07 a room, a union of rooms, a client's id, everybody, nobody", async () => {
    using page = await Page.connect(gateway.url);
    using first = await Page.connect(gateway.url);
    using second = await Page.connect(gateway.url);
    await first.join("r1", "both");
    await second.join("r2", "both");
    const pages = [page, first, second];
    const to = async (room: string): Promise<boolean[]> => {
      const events = await heard(backend, pages, `manager.emit('x', 1, room=${room})`);
      for (const each of events) expect(each.length).toBeLessThanOrEqual(1);
      return events.map((each) => each.length === 1);
    };
    expect(await to("'r1'")).toEqual([false, true, false]);
    expect(await to("['r1', 'r2', 'both']")).toEqual([false, true, true]);
    expect(await to("('r2', 'nobody')")).toEqual([false, false, true]);
    expect(await to(`'${second.id}'`)).toEqual([false, false, true]);
    expect(await to("None")).toEqual([true, true, true]);
    expect(await to("[]")).toEqual([false, false, false]);
    expect(await to("''")).toEqual([false, false, false]);
    expect(await to("'r'")).toEqual([false, false, false]);
  });

  test("PSQ-07 a number matches no room, not even one of its digits", async () => {
    using member = await Page.connect(gateway.url);
    await member.join("5");
    expect(await heard(backend, [member], "manager.emit('x', 1, room=5)")).toEqual([[]]);
    expect(await heard(backend, [member], "manager.emit('x', 1, room='5')")).toEqual([[["x", 1]]]);
  });

  test("PSQ-08 skip_sid leaves out one client, or several", async () => {
    using page = await Page.connect(gateway.url);
    using first = await Page.connect(gateway.url);
    using second = await Page.connect(gateway.url);
    const pages = [page, first, second];
    const skip = async (skipped: string): Promise<number[]> => {
      const events = await heard(backend, pages, `manager.emit('x', 1, skip_sid=${skipped})`);
      return events.map((each) => each.length);
    };
    expect(await skip(`'${first.id}'`)).toEqual([1, 0, 1]);
    expect(await skip(`['${first.id}', '${page.id}']`)).toEqual([0, 0, 1]);
    expect(await skip("'nobody'")).toEqual([1, 1, 1]);
    expect(await skip("None")).toEqual([1, 1, 1]);
  });

  test("PSQ-05 PSQ-06 a namespace hears what is meant for it, and nothing else", async () => {
    using page = await Page.connect(gateway.url);
    using chat = await Page.connect(`${gateway.url}/chat`);
    const statements =
      "manager.emit('x', 1, namespace='/chat', room=None)\nmanager.emit('y', 2, namespace='chat')";
    expect(await heard(backend, [page], statements)).toEqual([[]]);
    expect(await chat.next()).toEqual(["x", 1]);
    await backend.run("manager.emit('end', None, namespace='/chat')");
    expect(await chat.next()).toEqual(["end"]);
  });

  test("SIO-13 PSQ-06 reserved event names never reach a page", async () => {
    using page = await Page.connect(gateway.url);
    const names = [
      "connect",
      "connect_error",
      "disconnect",
      "disconnecting",
      "newListener",
      "removeListener",
    ];
    const statements = names.map((name) => `manager.emit('${name}', 1)`).join("\n");
    expect(await heard(backend, [page], statements)).toEqual([[]]);
  });
});

describe.each(["socketio-5.7", "socketio-5.13"] as const)("%s beside Flask's packages", (version) => {
  const setUp = `
import pickle
from collections import Counter, OrderedDict, defaultdict
from http import HTTPStatus
from markupsafe import Markup, escape
from werkzeug.datastructures import CombinedMultiDict, ImmutableDict, ImmutableList, ImmutableMultiDict, MultiDict
form = [('a', '1'), ('a', '2'), ('b', escape('<b>'))]`;

  const plain: readonly (readonly [string, readonly unknown[]])[] = [
    ["escape('<b>')", ["&lt;b&gt;"]],
    ["{'deep': [[{'html': Markup('<i>é</i>')}]]}", [{ deep: [[{ html: "<i>é</i>" }]] }]],
    ["(escape('a&b'), {Markup('key'): 1})", ["a&amp;b", { key: 1 }]],
    ["MultiDict(form)", [{ a: "1", b: "&lt;b&gt;" }]],
    ["ImmutableMultiDict(form)", [{ a: "1", b: "&lt;b&gt;" }]],
    [
      "CombinedMultiDict([MultiDict(form), MultiDict({'c': HTTPStatus.OK})])",
      [{ a: "1", b: "&lt;b&gt;", c: 200 }],
    ],
    ["{'l': ImmutableList([ImmutableDict(a=1), Counter('x')])}", [{ l: [{ a: 1 }, { x: 1 }] }]],
    ["OrderedDict(d=defaultdict(list, {'x': [defaultdict(Counter)]}))", [{ d: { x: [{}] } }]],
  ];

  test("PSQ-04 members of classes that are plain data arrive as such, by every protocol", async () => {
    await using backend = await PythonProgram.start(version, "manager", [redis.url, "flask-socketio"]);
    await backend.run(setUp);
    using page = await Page.connect(gateway.url);
    for (const [python, args] of plain) {
      const message = `{'method': 'emit', 'event': 'x', 'data': ${python}, 'namespace': '/', 'room': None}`;
      const statements = [
        `manager.emit('x', ${python})`,
        ...[0, 1, 2, 3, 4, 5].map((protocol) => publish(`pickle.dumps(${message}, ${protocol})`)),
      ];
      const event: PageEvent = ["x", ...args];
      expect(await heard(backend, [page], statements.join("\n"))).toEqual([statements.map(() => event)]);
    }
  });

  test("PSQ-04 SEC-01 what is none is refused, and the log says why and of which class", async () => {
    await using own = await startGateway({ redis: redis.url });
    await using backend = await PythonProgram.start(version, "manager", [redis.url, "flask-socketio"]);
    using page = await Page.connect(own.url);
    const statements = `import datetime\nfor i in range(3): manager.emit('x', {'at': [datetime.datetime.now()]})`;
    expect(await heard(backend, [page], statements)).toEqual([[]]);
    expect(await own.metric("belfry_skipped_total", 'reason="pickle_global"')).toBe(3);
    const warnings = own.log.split("\n").filter((line) => /"warn".*"skipped"/.test(line));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('"reason":"pickle_global","detail":"datetime.datetime"');
  });
});

/** The statement that publishes a payload of the test's own. */
function publish(payload: string): string {
  return `raw.publish(channel, ${payload})`;
}

describe("past the packages", () => {
  let backend: PythonProgram;

  beforeAll(async () => {
    backend = await PythonProgram.start("socketio-5.15", "manager", [redis.url, "flask-socketio"]);
    await backend.run("import json, os, pickle, datetime, decimal, fractions, uuid");
  });

  afterAll(async () => {
    await backend[Symbol.asyncDispose]();
  });

  test("PSQ-01 both default channels are heard, whatever the database number", async () => {
    using page = await Page.connect(gateway.url);
    for (const channel of ["flask-socketio", "socketio"]) {
      await using other = await PythonProgram.start("socketio-5.15", "manager", [`${redis.url}/7`, channel]);
      expect(await heard(other, [page], `manager.emit('from', '${channel}')`)).toEqual([[["from", channel]]]);
    }
    await using stranger = await PythonProgram.start("socketio-5.15", "manager", [
      redis.url,
      "flask-socketio2",
    ]);
    await stranger.run("manager.emit('stranger', 1)");
    expect(await heard(backend, [page], "")).toEqual([[]]);
  });

  test("PSQ-01 the channels are configurable", async () => {
    using page = await Page.connect(gateway.url);
    await using other = await startGateway({ redis: redis.url, socketio: { channels: ["bell*", "tower"] } });
    using listener = await Page.connect(other.url);
    await using bell = await PythonProgram.start("socketio-5.15", "manager", [redis.url, "bell*"]);
    await using tower = await PythonProgram.start("socketio-5.13", "manager", [redis.url, "tower"]);
    await using bells = await PythonProgram.start("socketio-5.13", "manager", [redis.url, "bells"]);
    await bells.run("manager.emit('bells', 1)");
    await backend.run("manager.emit('default', 1)");
    expect(await heard(bell, [listener], "manager.emit('bell', 1)")).toEqual([[["bell", 1]]]);
    expect(await heard(tower, [listener], "manager.emit('tower', 1)")).toEqual([[["tower", 1]]]);
    expect(await heard(backend, [page], "")).toEqual([[["default", 1]]]);
  });

  test("PSQ-06 PSQ-05 third-party JSON with the least fields works, without a namespace it means `/`", async () => {
    using page = await Page.connect(gateway.url);
    const statements = [
      `{'method': 'emit', 'event': 'a', 'data': {'x': 1}, 'namespace': '/', 'room': None}`,
      `{'method': 'emit', 'event': 'b', 'data': 1, 'namespace': None}`,
      `{'method': 'emit', 'event': 'c', 'data': 1}`,
      `{'method': 'emit', 'event': 'd'}`,
    ].flatMap((message) => [publish(`json.dumps(${message})`), publish(`pickle.dumps(${message})`)]);
    expect(await heard(backend, [page], statements.join("\n"))).toEqual([
      [["a", { x: 1 }], ["a", { x: 1 }], ["b", 1], ["b", 1], ["c", 1], ["c", 1], ["d"], ["d"]],
    ]);
  });

  test("PSQ-04 PSQ-02 every pickle protocol of Python is read", async () => {
    using page = await Page.connect(gateway.url);
    const message =
      "{'method': 'emit', 'event': 'x', 'data': ('a', b'\\x00\\xff', 2**40), 'namespace': '/', 'room': None}";
    // Bytes under protocols 0-2 are a call of a constructor: the one that is read as data.
    const statements = [0, 1, 2, 3, 4, 5].map((protocol) => publish(`pickle.dumps(${message}, ${protocol})`));
    const expected: PageEvent = ["x", "a", bytes, 2 ** 40];
    expect(await heard(backend, [page], statements.join("\n"))).toEqual([statements.map(() => expected)]);
  });

  test("PSQ-04 SEC-01 pickles that construct or call anything are skipped, counted and run nothing", async () => {
    using page = await Page.connect(gateway.url);
    const skippedBefore = await gateway.metric("belfry_skipped_total");
    const mark = join(tmpdir(), `belfry-${crypto.randomUUID()}`);
    const hostile = [
      "os.system",
      "len",
      "datetime.datetime.now()",
      "decimal.Decimal(1)",
      "fractions.Fraction(1, 3)",
      "uuid.uuid4()",
      "{1, 2}",
      "frozenset([1])",
      "complex(1, 2)",
      "range(3)",
      "ValueError('x')",
      "Evil()",
    ];
    const statements = [
      `class Evil:\n  def __reduce__(self):\n    return (os.system, ('touch ${mark}',))\n`,
      ...hostile.map((value) => publish(`pickle.dumps({'method': 'emit', 'event': 'x', 'data': ${value}})`)),
      publish("pickle.dumps(Evil())"),
    ];
    expect(await heard(backend, [page], statements.join("\n"))).toEqual([[]]);
    expect(await Bun.file(mark).exists()).toBe(false);
    expect((await gateway.metric("belfry_skipped_total")) - skippedBefore).toBe(hostile.length + 1);
  });

  test("PSQ-03 PSQ-15 junk and unknown methods are skipped, and the next message is heard", async () => {
    using page = await Page.connect(gateway.url);
    const statements = [
      publish("b''"),
      publish("b'\\x80'"),
      publish("b'junk'"),
      publish(`'"method"'`),
      publish("'7'"),
      publish("'{'"),
      publish("'[]'"),
      publish("json.dumps({'method': 'ring', 'event': 'x'})"),
      publish("json.dumps({'method': ['emit'], 'event': 'x'})"),
      publish("json.dumps({'method': 'emit'})"),
      publish("pickle.dumps({'method': 'ring'})"),
      publish("pickle.dumps('method')"),
      publish("pickle.dumps({'method': 'emit', 'event': 'x', 'data': 1, 'namespace': '/'})[:-3]"),
      "manager.emit('good', 1)",
    ];
    expect(await heard(backend, [page], statements.join("\n"))).toEqual([[["good", 1]]]);
  });
});

describe("Flask-SocketIO", () => {
  test("PSQ-01 PSQ-06 PSQ-07 PSQ-08 a Flask backend with a message queue is heard on its default channel", async () => {
    await using backend = await PythonProgram.start("flask-socketio", "flask_emitter", [redis.url]);
    using inside = await Page.connect(gateway.url);
    using outside = await Page.connect(gateway.url);
    await inside.join("time");
    await backend.run(`
socketio.emit('update', {'time': '12:00'}, to='time')
socketio.emit('two', ('a', 2), room=['time', 'other'])
socketio.emit('all', 'x')
socketio.emit('all', 'y', room='')
socketio.emit('others', b'\\x01', skip_sid='${inside.id}')
socketio.send('text')
socketio.send({'json': True}, json=True, to='time')
socketio.close_room('time')
socketio.emit('update', 'closed', to='time')
socketio.emit('end', None)`);
    const all: PageEvent[] = [
      ["all", "x"],
      ["all", "y"],
    ];
    for (const event of [["update", { time: "12:00" }], ["two", "a", 2], ...all] as PageEvent[]) {
      expect(await inside.next()).toEqual(event);
    }
    for (const event of [...all, ["others", Uint8Array.of(1)], ["message", "text"], ["end"]] as PageEvent[]) {
      expect(await outside.next()).toEqual(event);
    }
    for (const event of [["message", "text"], ["json", { json: true }], ["end"]] as PageEvent[]) {
      expect(await inside.next()).toEqual(event);
    }
  });
});

/** Reads frames as they come over the wire, before any JSON parser rounds a number. */
class RawPage implements Disposable {
  id = "";
  readonly #socket: WebSocket;
  readonly #frames: string[] = [];
  #wake = Promise.withResolvers<void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.#frames.push(String(data));
      this.#wake.resolve();
      this.#wake = Promise.withResolvers<void>();
    });
  }

  static async connect(url: string): Promise<RawPage> {
    const socket = new WebSocket(`${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
    const page = new RawPage(socket);
    expect(await page.next()).toStartWith("0{");
    socket.send("40");
    const [, id] = /^40\{"sid":"([^"]+)"\}$/.exec(await page.next()) ?? [];
    page.id = id ?? "";
    return page;
  }

  async next(): Promise<string> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      await this.#wake.promise;
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
