// The native dialect over HTTP, as people meet it who try it by hand: a wrong request is told what would be right.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { DialectGateway } from "../../../test/support/dialect-gateway.ts";
import type { DialectParts } from "../../../test/support/dialect-gateway.ts";
import { rawRequest } from "../../../test/support/raw.ts";
import { until } from "../../../test/support/until.ts";
import type { RawResponse } from "../../../test/support/raw.ts";

const secret = "publish secret of the test";
const stream = { Accept: "text/event-stream" };

class NativeGateway extends DialectGateway {
  static async start(parts: DialectParts = {}): Promise<NativeGateway> {
    return this.speaking("native", { secret, ...parts });
  }

  async ask(
    method: string,
    path: string,
    { headers = {}, body = "" }: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<RawResponse> {
    return rawRequest(this.url, { method, path, headers, body });
  }

  async post(path: string, body: string, headers: Record<string, string> = {}): Promise<RawResponse> {
    return this.ask("POST", path, { body, headers: { Authorization: `Bearer ${secret}`, ...headers } });
  }
}

let gateway: NativeGateway;
beforeAll(async () => {
  gateway = await NativeGateway.start();
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

/** What the first message of a websocket says. */
async function first(path: string): Promise<unknown> {
  using socket = await gateway.open(path);
  return JSON.parse(String(await socket.waitForMessage()));
}

describe("/connect by hand", () => {
  test("a GET by plain curl is told both ways in", async () => {
    const { status, headers, text } = await gateway.ask("GET", "/connect?room=x", {
      headers: { Accept: "*/*" },
    });
    expect(status).toBe(426);
    expect(headers.get("upgrade")).toBe("websocket");
    expect(text).toContain("websocket");
    expect(text).toContain('-H "Accept: text/event-stream"');
  });

  test("the subprotocol `belfry` is selected without a token too: browsers close a websocket that selects none of theirs", async () => {
    const url = `${gateway.url.replace("http", "ws")}/connect`;
    for (const offered of [["belfry"], ["belfry", "bearer.of-a-gateway-with-tokens"]]) {
      const socket = new WebSocket(url, offered);
      await new Promise((resolve, reject) => {
        socket.addEventListener("open", resolve);
        socket.addEventListener("error", reject);
      });
      expect(socket.protocol).toBe("belfry");
      socket.close();
    }
  });

  test("a HEAD is answered as a GET would be, and opens nothing", async () => {
    const head = async (path: string, headers = {}): Promise<Response> =>
      fetch(`${gateway.url}${path}`, { method: "HEAD", headers });
    expect((await head("/connect?room=x")).status).toBe(426);
    expect((await head("/connect", stream)).status).toBe(400);
    const { status, headers } = await head("/connect?room=x", stream);
    expect([status, gateway.connected, gateway.admitted]).toEqual([200, 0, 0]);
    expect(headers.get("content-type")).toStartWith("text/event-stream");
  });

  test("other methods are told which there are", async () => {
    const { status, headers } = await gateway.ask("POST", "/connect?room=x", { body: "x" });
    expect([status, headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("a list of rooms is no room: it is refused with what to write instead", async () => {
    const refused = {
      type: "refused",
      room: "time,news",
      error: { code: "room_name_invalid", retry: false },
    };
    expect(await first("/connect?room=time,news")).toMatchObject(refused);
    const { status, text } = await gateway.ask("GET", "/connect?room=time,news", { headers: stream });
    expect(status).toBe(403);
    expect(text).toContain("one room= for each room, and %2C for a comma");
  });

  test("a stream of a room with a secret is told the other ways in", async () => {
    const { status, text } = await gateway.ask("GET", "/connect?room=shop::x", { headers: stream });
    expect([status, text]).toEqual([
      403,
      "Expected the secret of the room: join over a websocket, or show a ticket or a token\n",
    ]);
  });

  test("a comma that belongs to a name is written as %2C", async () => {
    expect(await first("/connect?room=a%2Cb")).toMatchObject({ type: "joined", room: "a,b" });
    expect(await first("/connect?x=1,2&room=time")).toMatchObject({ type: "joined", room: "time" });
  });
});

test("SEC-05 a name with control characters is refused on every door", async () => {
  const invalid = { code: "room_name_invalid" };
  for (const name of ["\0", "time\0", "time\n", "\u001b[31m", "\u007f", "\u0085"]) {
    const encoded = encodeURIComponent(name);
    expect(await first(`/connect?room=${encoded}`)).toMatchObject({ type: "refused", error: invalid });
    expect((await gateway.ask("GET", `/connect?room=${encoded}`, { headers: stream })).status).toBe(403);
    using socket = await gateway.open("/connect");
    socket.send(JSON.stringify({ id: 1, type: "join", room: name }));
    expect(JSON.parse(String(await socket.waitForMessage()))).toMatchObject({ id: 1, error: invalid });
    const posts = [
      await gateway.post(`/rooms/${encoded}`, "x"),
      await gateway.post("/api/publish", JSON.stringify({ room: name, data: 1 })),
      await gateway.post("/api/publish", JSON.stringify({ rooms: ["time", name], data: 1 })),
    ];
    expect(posts.map(({ status }) => status)).toEqual([400, 400, 400]);
    gateway.observed.length = 0;
    await gateway.bus.publish(`belfry:${name}`, "x");
    await until(() => gateway.observed.length > 0);
    expect(gateway.observed).toEqual(["skipped room_name_invalid"]);
  }
});

test("a command with a wrong field is told which, and what it must be", async () => {
  using socket = await gateway.open("/connect");
  socket.send('{"id":1,"type":"history","room":"time","limit":101}');
  const message = "Expected `limit` to be a whole number from 1 to 100";
  expect(JSON.parse(String(await socket.waitForMessage()))).toEqual({
    id: 1,
    error: { code: "bad_message", message, retry: false },
  });
});

describe("the doors of backends by hand", () => {
  test.each(["GET", "PUT", "DELETE", "OPTIONS"])("%s /rooms/x is told to be a POST", async (method) => {
    const { status, headers, text } = await gateway.ask(method, "/rooms/x");
    expect([status, headers.get("allow")]).toEqual([405, "POST"]);
    expect(text).toStartWith("Expected POST /rooms/<room>");
  });

  test("without a room, the sentence says where it belongs", async () => {
    for (const path of ["/rooms", "/rooms/"]) {
      const { status, text } = await gateway.post(path, "x");
      expect(status).toBe(404);
      expect(text).toStartWith("Expected POST /rooms/<room>");
    }
  });

  test("without a publish secret, every method is told that they are closed", async () => {
    await using closed = await NativeGateway.start({ secret: undefined });
    for (const method of ["GET", "POST"]) {
      const { status, text } = await closed.ask(method, "/rooms/x");
      expect(status).toBe(404);
      expect(text).toContain("no publish secret");
    }
  });

  test("SEC-11 a missing and a wrong secret are told apart, and neither is repeated", async () => {
    for (const path of ["/rooms/x", "/api/publish"]) {
      const missing = await gateway.ask("POST", path, { body: "{}" });
      const wrong = await gateway.post(path, "{}", { Authorization: "Bearer hunter2" });
      expect([missing.status, wrong.status]).toEqual([401, 401]);
      expect(missing.text).toContain("Authorization with Bearer and the publish secret, got none");
      expect(wrong.text).toContain("got another one");
      expect(wrong.text).not.toContain("hunter2");
      expect(wrong.headers.get("www-authenticate")).toBe("Bearer");
    }
  });

  test.each(["application/json", "application/json; charset=utf-8", "application/vnd.api+JSON"])(
    "a body that says to be %s must be it",
    async (type) => {
      for (const path of ["/rooms/x", "/rooms/x?event=update"]) {
        const broken = await gateway.post(path, '{"a":1', { "Content-Type": type });
        expect(broken.status).toBe(400);
        expect(JSON.parse(broken.text)).toMatchObject({
          error: {
            code: "body_invalid",
            message: "Expected the body to be JSON in UTF-8, as its Content-Type says",
          },
        });
        expect((await gateway.post(path, '{"a":1}', { "Content-Type": type })).status).toBe(200);
      }
    },
  );

  test("any other body is taken as it is: plain `curl -d` works", async () => {
    for (const type of ["application/x-www-form-urlencoded", "text/plain", "application/jsonlines"])
      expect((await gateway.post("/rooms/x", '{"a":1', { "Content-Type": type })).status).toBe(200);
  });
});
