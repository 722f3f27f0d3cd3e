// Who answers on a port that several dialects share: compat section 10 as a matrix of paths, queries and dialects. The
// gateway's own counters tell who took a connection or refused it.

import { describe, expect, test } from "bun:test";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { handshakeHeaders, rawRequest } from "../support/raw.ts";

type Options = NonNullable<Parameters<typeof startGateway>[0]>;
type DialectName = NonNullable<NonNullable<Options["listeners"]>[number]["dialects"]>[number];

const everybody = ["http", "socketio", "ws-hub", "ws4redis", "websocket-channels"] as const;

async function start(spoken: readonly DialectName[], options: Options = {}): Promise<TestGateway> {
  return startGateway({
    identity: { sessionEngine: "none" },
    ...options,
    listeners: [{ address: "127.0.0.1:0", dialects: [...spoken] }],
  });
}

/** What each dialect took or refused so far. */
async function counts(gateway: Pick<TestGateway, "metric">): Promise<readonly number[]> {
  return Promise.all(
    everybody.map(async (name) => {
      const labels = `dialect="${name}"`;
      const connected = await gateway.metric("belfry_connections_total", labels);
      return connected + (await gateway.metric("belfry_refused_total", labels));
    }),
  );
}

/** Asks, for example with `UPGRADE /ws/x` or `POST /emit`. @returns who answered, and the status. */
async function who(gateway: Pick<TestGateway, "metric" | "url">, question: string): Promise<string> {
  const [method = "", path = ""] = question.split(" ");
  const before = await counts(gateway);
  const answer = await rawRequest(gateway.url, {
    path,
    method: method === "UPGRADE" ? "GET" : method,
    headers: method === "UPGRADE" ? handshakeHeaders() : {},
    ...(method === "POST" ? { body: "{}" } : {}),
  });
  const after = await counts(gateway);
  const [name = "nobody", ...more] = everybody.filter((_, index) => after[index] !== before[index]);
  return [name, ...more, answer.status].join(" ");
}

type Answers = Readonly<Record<string, string>>;

/** Asks every question of the table. */
async function ask(gateway: TestGateway, table: Answers): Promise<Answers> {
  const answers: Record<string, string> = {};
  for (const question of Object.keys(table)) answers[question] = await who(gateway, question);
  return answers;
}

const tokens = [
  ...["broadcast", "user", "group", "session"].flatMap((who) => [`subscribe-${who}`, `publish-${who}`]),
  "echo",
];

/** Each order of the dialects of a listener must route alike. */
const orders: readonly (readonly DialectName[])[] = [
  ["socketio", "ws-hub", "ws4redis", "websocket-channels"],
  ["websocket-channels", "ws4redis", "ws-hub", "socketio"],
];

describe.each([...orders])("the whole house on one port: %s, %s, %s, %s", (...order) => {
  const table: Answers = {
    // `/ws` is WS-HUB's.
    "UPGRADE /ws?session_key=k": "ws-hub 101",
    "UPGRADE /ws": "ws-hub 400",
    "UPGRADE /ws?echo": "ws-hub 400",
    // `/ws/` belongs to whoever is named in the query.
    "UPGRADE /ws/?session_key=k": "ws-hub 101",
    "UPGRADE /ws/?subscribe-broadcast&session_key=k": "ws-hub 101",
    "UPGRADE /ws/?subscribe-broadcast": "ws4redis 101",
    "UPGRADE /ws/?%20ECHO%20=1": "ws4redis 101",
    "UPGRADE /ws/": "websocket-channels 101",
    "UPGRADE /ws/?x=1": "websocket-channels 101",
    // Below it, a token of ws4redis decides; a key means nothing.
    "UPGRADE /ws/x?subscribe-broadcast": "ws4redis 101",
    "UPGRADE /ws/x/y?a=1&Subscribe-Broadcast=0": "ws4redis 101",
    "UPGRADE /ws/x?echo&session_key=k": "ws4redis 101",
    "UPGRADE /ws/x": "websocket-channels 101",
    "UPGRADE /ws/x?session_key=k": "websocket-channels 101",
    "UPGRADE /ws/x?subscribe-broadcasts": "websocket-channels 101",
    "UPGRADE /ws/x?subscribe-": "websocket-channels 101",
    // Without an upgrade the same one refuses in its own way.
    "GET /ws": "ws-hub 400",
    "GET /ws?session_key=k": "ws-hub 400",
    "POST /ws": "ws-hub 405",
    "GET /ws/?session_key=k": "ws-hub 400",
    "GET /ws/?echo": "ws4redis 400",
    "GET /ws/": "websocket-channels 426",
    "GET /ws/x?echo": "ws4redis 400",
    "GET /ws/x": "websocket-channels 426",
    // What is nobody's, and what was cut off by a proxy.
    "UPGRADE /x?subscribe-broadcast": "ws4redis 101",
    "UPGRADE /x": "http 404",
    "GET /x?subscribe-broadcast": "http 404",
    "UPGRADE /wsx": "http 404",
    "UPGRADE /WS/x": "http 404",
    // The others' own paths.
    "GET /socket.io/?EIO=4&transport=x": "socketio 400",
    "UPGRADE /socket.io/?EIO=4&transport=websocket": "socketio 101",
    "UPGRADE /socket.io/?EIO=4&transport=websocket&echo": "socketio 101",
    "POST /publish": "websocket-channels 401",
    "UPGRADE /publish?echo": "http 400",
    "POST /emit": "http 404",
    "GET /-/health/live": "nobody 200",
    "UPGRADE /-/health?echo": "http 400",
    "GET /status": "http 404",
  };

  test("RTE-01 RTE-02 RTE-03 RTE-04 RTE-07 RTE-10 who answers", async () => {
    await using gateway = await start(order);
    expect(await ask(gateway, table)).toEqual(table);
  });

  test("RTE-03 W4R-02 every token makes a handshake one of ws4redis, in any case, with any value", async () => {
    await using gateway = await start(order);
    for (const token of tokens) {
      for (const query of [token, `${token.toUpperCase()}=0`, `a=1&%20${token}%20&b`]) {
        const answer = await who(gateway, `UPGRADE /ws/x?${query}`);
        expect(answer, query).toStartWith("ws4redis");
      }
      expect(await who(gateway, `UPGRADE /ws/x?x${token}&a=${token}`)).toBe("websocket-channels 101");
    }
  }, 30_000);

  test("RTE-05 RTE-06 with a secret /emit is ws-emit's, with an admin token the status pages are WS-HUB's; root mode has the rest", async () => {
    await using gateway = await start(order, {
      secret: "publish-secret-of-this-test",
      "ws-hub": { adminToken: "admin-token-of-this-test" },
      "websocket-channels": { root: true },
    });
    const rest: Answers = {
      "POST /emit": "socketio 403",
      "GET /emit": "socketio 405",
      "UPGRADE /emit": "http 400",
      "UPGRADE /status": "http 400",
      "POST /status": "ws-hub 404",
      "UPGRADE /clients": "http 400",
      "UPGRADE /publish": "http 400",
      "UPGRADE /socket.io/x": "socketio 400",
      "POST /socket.io/x": "socketio 400",
      "UPGRADE /-/x": "http 400",
      "POST /x": "websocket-channels 401",
      "UPGRADE /x": "websocket-channels 101",
      "UPGRADE /x?echo": "ws4redis 101",
      "POST /x?echo": "websocket-channels 401",
      "UPGRADE /emit/x": "websocket-channels 101",
      "UPGRADE /ws": "ws-hub 400",
      "UPGRADE /ws/x": "websocket-channels 101",
      "POST /ws/x": "websocket-channels 426",
      "GET /": "websocket-channels 405",
      "OPTIONS /": "nobody 200",
    };
    expect(await ask(gateway, rest)).toEqual(rest);
  });

  test("RTE-05 RTE-06 without them, root mode has those names too", async () => {
    await using gateway = await start(order, { "websocket-channels": { root: true } });
    const rest: Answers = {
      "POST /emit": "websocket-channels 401",
      "UPGRADE /emit": "websocket-channels 101",
      "POST /publish": "websocket-channels 401",
      "UPGRADE /publish": "http 400",
    };
    for (const name of ["status", "clients", "groups", "sessions", "details", "debug"]) {
      Object.assign(rest, {
        [`UPGRADE /${name}`]: "websocket-channels 101",
        [`POST /${name}`]: "websocket-channels 401",
      });
    }
    expect(await ask(gateway, rest)).toEqual(rest);
  });
});

describe("some of the house", () => {
  const cases: readonly (readonly [spoken: readonly DialectName[], answers: Answers])[] = [
    [
      ["ws-hub"],
      {
        "UPGRADE /ws?session_key=k": "ws-hub 101",
        "UPGRADE /ws/?session_key=k": "ws-hub 101",
        "UPGRADE /ws/": "ws-hub 400",
        "UPGRADE /ws/?echo": "ws-hub 400",
        "GET /ws/": "ws-hub 400",
        "UPGRADE /ws/x": "http 404",
        "UPGRADE /ws/x?echo": "http 404",
      },
    ],
    [
      ["ws4redis"],
      {
        "UPGRADE /ws": "http 400",
        "GET /ws": "http 404",
        "UPGRADE /ws/": "ws4redis 101",
        "UPGRADE /ws/?session_key=k": "ws4redis 101",
        "UPGRADE /ws/x": "ws4redis 101",
        "UPGRADE /ws/x?echo": "ws4redis 101",
        "GET /ws/x": "ws4redis 400",
        "UPGRADE /x?echo": "ws4redis 101",
        "UPGRADE /x": "http 404",
      },
    ],
    [
      ["websocket-channels"],
      {
        "UPGRADE /ws": "http 400",
        "UPGRADE /ws/": "websocket-channels 101",
        "UPGRADE /ws/?session_key=k": "websocket-channels 101",
        "UPGRADE /ws/?echo": "websocket-channels 101",
        "UPGRADE /ws/x?echo": "websocket-channels 101",
        "GET /ws/x?echo": "websocket-channels 426",
        "UPGRADE /x?echo": "http 404",
        "UPGRADE /x": "http 404",
      },
    ],
    [
      ["ws-hub", "ws4redis"],
      {
        "UPGRADE /ws/?session_key=k": "ws-hub 101",
        "UPGRADE /ws/?echo": "ws4redis 101",
        "UPGRADE /ws/": "ws-hub 400",
        "UPGRADE /ws/x": "ws4redis 101",
      },
    ],
    [
      ["ws-hub", "websocket-channels"],
      {
        "UPGRADE /ws/?session_key=k": "ws-hub 101",
        // Meant for a dialect that is not here: nobody wants it, and WS-HUB has the path itself.
        "UPGRADE /ws/?echo": "websocket-channels 101",
        "UPGRADE /ws/": "websocket-channels 101",
        "UPGRADE /ws/x?echo": "websocket-channels 101",
      },
    ],
    [
      ["ws4redis", "websocket-channels"],
      {
        "UPGRADE /ws": "http 400",
        "UPGRADE /ws/?session_key=k": "websocket-channels 101",
        "UPGRADE /ws/?echo": "ws4redis 101",
        "UPGRADE /ws/x?echo": "ws4redis 101",
        "UPGRADE /ws/x": "websocket-channels 101",
      },
    ],
    [
      ["socketio"],
      {
        "UPGRADE /ws/x": "http 404",
        "POST /emit": "http 404",
        "POST /publish": "http 404",
        "UPGRADE /socket.io/?EIO=4&transport=websocket": "socketio 101",
      },
    ],
  ];

  test.each([...cases])("RTE-02 RTE-03 RTE-04 RTE-07 %j", async (spoken, answers) => {
    await using gateway = await start(spoken);
    expect(await ask(gateway, answers)).toEqual(answers);
  });

  test("RTE-02 WS-HUB with its key in a header has /ws/ by that, too", async () => {
    await using gateway = await start(["websocket-channels", "ws-hub"], {
      "ws-hub": { fromHeader: true, clientKey: "x-key" },
    });
    const headers = { ...handshakeHeaders(), "X-Key": "k" };
    expect((await rawRequest(gateway.url, { path: "/ws/", headers })).status).toBe(101);
    expect(await gateway.metric("belfry_connections", 'dialect="ws-hub"')).toBe(1);
    expect(await who(gateway, "UPGRADE /ws/")).toBe("websocket-channels 101");
  });
});

describe("the order of a listener's dialects", () => {
  test("RTE-03 RTE-01 with takeBare the first of two takes what both want, on each listener by its own order", async () => {
    await using gateway = await startGateway({
      identity: { sessionEngine: "none" },
      ws4redis: { takeBare: true },
      listeners: [
        { address: "127.0.0.1:0", dialects: ["websocket-channels", "ws4redis"] },
        { address: "127.0.0.1:0", dialects: ["ws4redis", "websocket-channels"] },
      ],
    });
    for (const [index, path, expected] of [
      [0, "/ws/x", "websocket-channels 101"],
      [1, "/ws/x", "ws4redis 101"],
      [0, "/ws/x?echo", "ws4redis 101"],
      [1, "/ws/x?echo", "ws4redis 101"],
    ] as const) {
      const url = gateway.gateway.urls[index] ?? "";
      expect(
        await who({ url, metric: async (...asked) => gateway.metric(...asked) }, `UPGRADE ${path}`),
      ).toBe(expected);
    }
  });
});

describe("mounts of one's own", () => {
  test("RTE-01 the longest mount wins, whatever the query says and whoever stands first", async () => {
    for (const [outer, inner] of [
      ["ws4redis", "websocket-channels"],
      ["websocket-channels", "ws4redis"],
    ] as const) {
      for (const spoken of [[outer, inner] as const, [inner, outer] as const]) {
        await using gateway = await start(spoken, {
          [outer]: { path: "/live/" },
          [inner]: { path: "/live/inner/" },
        });
        const answers: Answers = {
          "UPGRADE /live/inner/x": `${inner} 101`,
          "UPGRADE /live/inner/x?echo": `${inner} 101`,
          "UPGRADE /live/inner/": `${inner} 101`,
          "UPGRADE /live/x": `${outer} 101`,
          "UPGRADE /live/x?echo": `${outer} 101`,
          "UPGRADE /live/innerx": `${outer} 101`,
        };
        expect(await ask(gateway, answers)).toEqual(answers);
      }
    }
  });

  test("RTE-01 /socket.io stays Socket.IO's, and /-/ the gateway's, when the channels are mounted at the root", async () => {
    await using gateway = await start(["websocket-channels", "socketio"], {
      "websocket-channels": { path: "/", root: true },
    });
    const answers: Answers = {
      "UPGRADE /socket.io/?EIO=4&transport=websocket": "socketio 101",
      "GET /-/health/live": "nobody 200",
      "UPGRADE /ws/x": "websocket-channels 101",
      "UPGRADE /": "websocket-channels 101",
    };
    expect(await ask(gateway, answers)).toEqual(answers);
  });
});
