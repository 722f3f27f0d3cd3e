// What the official test suites of the protocols ask for, case by case and in our own words: Engine.IO 4, Engine.IO 3 and
// Socket.IO 5, each against a gateway that echoes as their servers do (test/support/echo-gateway.ts), with their heartbeat
// of 300 and 200 ms. docs/compat.md says where we go another way.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { PollingClient } from "../support/polling-client.ts";
import { RunningProcess } from "../support/process.ts";
import { RawWebSocket } from "../support/raw.ts";
import type { RawMessage } from "../support/raw.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const pingIntervalMs = 300;
const pingTimeoutMs = 200;
const fixture = fileURLToPath(new URL("../support/echo-gateway.ts", import.meta.url));

/** A gateway that echoes, in a process of its own. */
class Echo {
  url = "";
  #process: RunningProcess | undefined;

  async start(layer: "engine" | "socket", generations: "v4" | "all"): Promise<void> {
    this.#process = new RunningProcess([process.execPath, fixture, layer, "0", generations]);
    this.url = (await this.#process.waitFor(/http:\S+/))[0];
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}

const statusOf = async (url: string, init?: RequestInit): Promise<number> => (await fetch(url, init)).status;
const post = async (url: string, body: string): Promise<readonly [number, string]> => {
  const answer = await fetch(url, { method: "POST", body });
  return [answer.status, await answer.text()];
};
const poll = async (url: string): Promise<readonly [number, string]> => {
  const answer = await fetch(url);
  return [answer.status, await answer.text()];
};

/** Is the websocket refused, at the handshake or after it? */
const isRefused = async (url: string, path: string): Promise<boolean> => {
  const socket = await RawWebSocket.tryOpen(url, path);
  if (!(socket instanceof RawWebSocket)) return socket.status === 400;
  await socket.waitForClose();
  return true;
};

for (const version of [4, 3] as const) {
  describe(`Engine.IO ${version}`, () => {
    const echo = new Echo();
    beforeAll(async () => {
      await echo.start("engine", version === 4 ? "v4" : "all");
    });
    afterAll(async () => {
      await echo.stop();
    });

    /** Packets in the payload of this version. */
    const pack = (...packets: readonly string[]): string =>
      version === 4 ? packets.join("\u001e") : packets.map((packet) => `${packet.length}:${packet}`).join("");
    const path = (transport: string, more = ""): string =>
      `/engine.io/?EIO=${version}&transport=${transport}${more}`;
    const fields = { pingInterval: pingIntervalMs, pingTimeout: pingTimeoutMs, maxPayload: 1_000_000 };

    /** The open packet of a new session, as polling gets it; in version 3 as text, which has to be asked for. */
    const open = async (): Promise<Record<string, unknown>> => {
      const answer = await fetch(echo.url + path("polling", "&b64=1"));
      expect(answer.status).toBe(200);
      const text = await answer.text();
      const packet = version === 4 ? text : text.slice(text.indexOf(":") + 1);
      expect(packet).toStartWith("0");
      return JSON.parse(packet.slice(1)) as Record<string, unknown>;
    };
    /** The polling URL of a new session. */
    const session = async (): Promise<string> =>
      echo.url + path("polling", `&b64=1&sid=${String((await open())["sid"])}`);
    const websocket = async (more = ""): Promise<RawWebSocket> =>
      RawWebSocket.open(echo.url, path("websocket", more));
    const opened = async (): Promise<RawWebSocket> => {
      const socket = await websocket();
      await socket.waitForMessage();
      return socket;
    };
    const sidOf = (url: string): string => new URL(url).searchParams.get("sid") ?? "";

    test("EIO-04 a session opens over polling", async () => {
      expect(await open()).toEqual({ sid: expect.any(String), upgrades: ["websocket"], ...fields });
    });

    test("EIO-04 a session opens over a websocket", async () => {
      using socket = await websocket();
      const packet = String(await socket.waitForMessage());
      expect(packet).toStartWith("0");
      expect(JSON.parse(packet.slice(1))).toEqual({ sid: expect.any(String), upgrades: [], ...fields });
    });

    test("EIO-03 EIO-15 another version is refused, and a missing one where 3 is off", async () => {
      const versions = version === 4 ? ["EIO=abc&", ""] : ["EIO=abc&"];
      for (const eio of versions) {
        expect(await statusOf(`${echo.url}/engine.io/?${eio}transport=polling`)).toBe(400);
        expect(await isRefused(echo.url, `/engine.io/?${eio}transport=websocket`)).toBe(true);
      }
    });

    test("EIO-02 EIO-15 another transport, or none, is refused", async () => {
      for (const transport of ["&transport=abc", ""]) {
        const wrong = `/engine.io/?EIO=${version}${transport}`;
        expect(await statusOf(echo.url + wrong)).toBe(400);
        expect(await isRefused(echo.url, wrong)).toBe(true);
      }
    });

    test("EIO-15 a handshake by another method is refused", async () => {
      for (const method of ["POST", "PUT"]) {
        expect(await statusOf(echo.url + path("polling"), { method })).toBe(400);
      }
    });

    const payloads: readonly (readonly [string, readonly string[]])[] = [
      ["one text packet", ["4hello"]],
      ["several text packets", ["4test1", "4test2", "4test3"]],
      ["text and binary", ["4hello", version === 4 ? "bAQIDBA==" : "b4AQIDBA=="]],
    ];
    test.each(payloads)("EIO-07 EIO-08 EIO-09 %s: said by POST, heard by GET", async (_what, packets) => {
      const url = await session();
      expect(await post(url, pack(...packets))).toEqual([200, "ok"]);
      expect(await poll(url)).toEqual([200, pack(...packets)]);
    });

    if (version === 3) {
      test("EIO-09 text and binary, heard in the binary form by who never said b64", async () => {
        const handshake = await (await fetch(echo.url + path("polling"))).text();
        const url = `${echo.url}${path("polling")}&sid=${/"sid":"([^"]+)"/.exec(handshake)?.[1]}`;
        expect(await post(url, pack("4hello", "b4AQIDBA=="))).toEqual([200, "ok"]);
        const heard = Buffer.from(await (await fetch(url)).arrayBuffer());
        expect(heard.toString("hex")).toBe("0006ff3468656c6c6f0105ff0401020304");
      });
    }

    test("EIO-17 a payload that is none ends the session", async () => {
      const url = await session();
      expect((await post(url, "abc"))[0]).toBe(400);
      expect((await poll(url))[0]).toBe(400);
    });

    test("EIO-16 two polls at once: the first gets the end, the second a refusal", async () => {
      const url = await session();
      const first = poll(url);
      await Bun.sleep(5);
      expect([400, 500]).toContain((await poll(`${url}&t=burst`))[0]);
      expect(await first).toEqual([200, pack("1")]);
      expect((await poll(url))[0]).toBe(400);
    });

    const frames: readonly RawMessage[] = [
      "4hello",
      version === 4 ? Buffer.of(1, 2, 3, 4) : Buffer.of(4, 1, 2, 3, 4),
    ];
    test.each(frames.map((frame) => [frame]))("EIO-10 %p comes back over a websocket", async (frame) => {
      using socket = await opened();
      socket.send(frame);
      expect(await socket.waitForMessage()).toEqual(frame);
    });

    test("EIO-17 a frame that is no packet closes the websocket", async () => {
      using socket = await opened();
      socket.send("abc");
      await socket.waitForClose();
    });

    test("EIO-11 EIO-12 the heartbeat goes on over polling", async () => {
      const url = await session();
      const [asked, answer] = version === 4 ? (["2", "3"] as const) : (["3", "2"] as const);
      for (let beat = 0; beat < 3; beat++) {
        if (version === 3) expect((await post(url, pack(answer)))[0]).toBe(200);
        expect(await poll(url)).toEqual([200, pack(asked)]);
        if (version === 4) expect((await post(url, pack(answer)))[0]).toBe(200);
      }
    });

    test("EIO-11 EIO-12 EIO-14 without it the session is over on the stroke, for whatever comes then", async () => {
      const url = await session();
      await Bun.sleep(pingIntervalMs + pingTimeoutMs);
      expect(version === 4 ? await poll(url) : await post(url, "1:2")).toEqual([
        400,
        '{"code":1,"message":"Session ID unknown"}',
      ]);
    });

    test("EIO-11 EIO-12 the heartbeat goes on over a websocket", async () => {
      using socket = await opened();
      for (let beat = 0; beat < 3; beat++) {
        if (version === 3) socket.send("2");
        expect(await socket.waitForMessage()).toBe(version === 4 ? "2" : "3");
        if (version === 4) socket.send("3");
      }
    });

    test("EIO-11 EIO-12 EIO-14 without it the websocket is closed", async () => {
      using socket = await opened();
      await socket.waitForClose();
    });

    test("EIO-14 the client ends its session over polling", async () => {
      const url = await session();
      const held = poll(url);
      expect((await post(url, pack("1")))[0]).toBe(200);
      expect(await held).toEqual([200, pack("6")]);
      expect((await poll(url))[0]).toBe(400);
    });

    test("EIO-14 the client ends its session over a websocket", async () => {
      using socket = await opened();
      socket.send("1");
      await socket.waitForClose();
    });

    test("EIO-13 a websocket takes the session over", async () => {
      const url = await session();
      using socket = await websocket(`&sid=${sidOf(url)}`);
      socket.send("2probe");
      expect(await socket.waitForMessage()).toBe("3probe");
      expect(await poll(url)).toEqual([200, pack("6")]);
      socket.send("5");
      socket.send("4hello");
      expect(await socket.waitForMessage()).toBe("4hello");
    });

    test("EIO-13 after that, polls and other websockets are turned away, and disturb nothing", async () => {
      const url = await session();
      using socket = await websocket(`&sid=${sidOf(url)}`);
      socket.send("2probe");
      expect(await socket.waitForMessage()).toBe("3probe");
      socket.send("5");
      socket.send("4first");
      expect(await socket.waitForMessage()).toBe("4first");
      expect((await poll(url))[0]).toBe(400);
      using second = await websocket(`&sid=${sidOf(url)}`);
      await second.waitForClose();
      socket.send("4hello");
      expect(await socket.waitForMessage()).toBe("4hello");
    });
  });
}

describe("Socket.IO 5", () => {
  const echo = new Echo();
  beforeAll(async () => {
    await echo.start("socket", "v4");
  });
  afterAll(async () => {
    await echo.stop();
  });

  const open = async (): Promise<RawWebSocket> => {
    const socket = await RawWebSocket.open(echo.url, "/socket.io/?EIO=4&transport=websocket");
    await socket.waitForMessage();
    return socket;
  };
  /** What comes next and is no ping. */
  const next = async (socket: RawWebSocket): Promise<RawMessage> => {
    for (;;) {
      const message = await socket.waitForMessage();
      if (message !== "2") return message;
      socket.send("3");
    }
  };
  const connected = async (): Promise<RawWebSocket> => {
    const socket = await open();
    socket.send("40");
    await next(socket);
    await next(socket);
    return socket;
  };

  const connects: readonly (readonly [string, string, string])[] = [
    ["40", "40", '42["auth",{}]'],
    ['40{"token":"123"}', "40", '42["auth",{"token":"123"}]'],
    ["40/custom,", "40/custom,", '42/custom,["auth",{}]'],
    ['40/custom,{"token":"abc"}', "40/custom,", '42/custom,["auth",{"token":"abc"}]'],
  ];
  test.each(connects)("SIO-01 SIO-02 %s connects", async (asked, head, auth) => {
    using socket = await open();
    socket.send(asked);
    const answer = String(await next(socket));
    expect(answer).toStartWith(head);
    expect(JSON.parse(answer.slice(head.length))).toEqual({ sid: expect.any(String) });
    expect(await next(socket)).toBe(auth);
  });

  test("SIO-05 a namespace that does not exist is refused", async () => {
    using socket = await open();
    socket.send("40/random");
    expect(await next(socket)).toBe('44/random,{"message":"Invalid namespace"}');
  });

  test("SIO-06 SIO-12 nonsense instead of a connect ends the connection, and so does silence", async () => {
    using wrong = await open();
    wrong.send("4abc");
    await wrong.waitForClose();
    using silent = await open();
    // It answers every ping, and says nothing else.
    expect(await next(silent).catch(String)).toContain("got opcode 8");
  });

  test("SIO-11 leaving `/` is not answered, and the connection stays", async () => {
    using socket = await connected();
    socket.send("41");
    expect(await socket.waitForMessage()).toBe("2");
  });

  test("SIO-11 who leaves another namespace stays in `/`", async () => {
    using socket = await connected();
    socket.send("40/custom");
    await next(socket);
    await next(socket);
    socket.send("41/custom");
    socket.send('42["message","message to main namespace"]');
    expect(await next(socket)).toBe('42["message-back","message to main namespace"]');
  });

  const two = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]';
  const events: readonly (readonly [string, string])[] = [
    ['42["message",1,"2",{"3":[true]}]', '42["message-back",1,"2",{"3":[true]}]'],
    [`452-["message",${two}`, `452-["message-back",${two}`],
    ['42456["message-with-ack",1,"2",{"3":[false]}]', '43456[1,"2",{"3":[false]}]'],
    [`452-789["message-with-ack",${two}`, `462-789[${two}`],
  ];
  test.each(events)("SIO-07 SIO-09 SIO-10 %s is taken whole", async (event, answer) => {
    using socket = await connected();
    socket.send(event);
    const attachments = event.startsWith("45") ? [Buffer.of(1, 2, 3), Buffer.of(4, 5, 6)] : [];
    for (const attachment of attachments) socket.send(attachment);
    expect(await next(socket)).toBe(answer);
    for (const attachment of attachments) expect(await next(socket)).toEqual(attachment);
  });

  test.each([["4abc"], ["42{}"], ['42abc["message-with-ack",1,"2",{"3":[false]}]']])(
    "SIO-12 %s ends the connection",
    async (packet) => {
      using socket = await connected();
      socket.send(packet);
      await socket.waitForClose();
    },
  );

  test("EIO-13 the layer below is that of Engine.IO 4: a websocket takes a session over", async () => {
    const client = await PollingClient.open(echo.url);
    using socket = await RawWebSocket.open(echo.url, client.path("websocket"));
    socket.send("2probe");
    expect(await socket.waitForMessage()).toBe("3probe");
    socket.send("5");
    socket.send("40");
    expect(String(await next(socket))).toStartWith("40{");
    expect((await client.poll()).status).toBe(400);
  });
});
