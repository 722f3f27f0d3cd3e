// Identity of Socket.IO pages (docs/auth.md), by the official client: the token in its `auth`, the event `token`, and what
// the client does of itself when its token ends.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { io } from "socket.io-client";
import type { Socket } from "socket.io-client";
import { emit } from "../support/emit.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { auth, nowSeconds, signToken, signTokenFor } from "../support/tokens.ts";

setDefaultTimeout(30_000);

let redis: RedisServer;
let gateway: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  gateway = await startGateway({
    redis: redis.url,
    auth,
    socketio: { joinAnswers: true, recovery: true },
    roomSecrets: { shop: "right" },
    secret: "publish-secret-of-the-test",
  });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await redis.stop();
});

type Auth = Readonly<Record<string, unknown>>;

interface Refusal {
  readonly message: string;
  readonly data: { readonly code: string; readonly retry: boolean };
}

/** A page. It comes back at once. */
class Page implements Disposable {
  readonly socket: Socket;

  constructor(shown: Auth | ((answer: (shown: Auth) => void) => void), more: object = {}, namespace = "/") {
    this.socket = io(`${gateway.url}${namespace}`, {
      auth: shown,
      forceNew: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 20,
      ...more,
    });
  }

  /** @returns undefined when it is connected, otherwise what the page learns. */
  async verdict(): Promise<Refusal | undefined> {
    return new Promise((resolve) => {
      this.socket.once("connect", () => {
        resolve(undefined);
      });
      this.socket.once("connect_error", (error) => {
        resolve({ message: error.message, data: (error as Error & Pick<Refusal, "data">).data });
      });
    });
  }

  async ask(event: string, argument: unknown): Promise<Readonly<Record<string, unknown>>> {
    return (await this.socket.timeout(5_000).emitWithAck(event, argument)) as Record<string, unknown>;
  }

  [Symbol.dispose](): void {
    this.socket.disconnect();
  }
}

const john = { sub: "john", groups: ["staff"], rooms: ["chat::*"] };

describe.each(["polling", "websocket"])("over %s", (transport) => {
  const transports = { transports: [transport] };

  test("SEC-10 a token in `auth` opens the rooms that it names, in each namespace", async () => {
    for (const namespace of ["/", "/chat"]) {
      const rooms = namespace === "/" ? ["chat::*"] : ["/chat,chat::*"];
      using page = new Page({ token: await signToken({ ...john, rooms }) }, transports, namespace);
      expect(await page.verdict()).toBeUndefined();
      for (const room of ["chat::1", "user:john::inbox", "group:staff::news", "time"])
        expect(await page.ask("join", { room })).toEqual({ ok: true });
      expect(await page.ask("join", { room: "shop::1", secret: "right" })).toEqual({ ok: true });
      for (const room of ["shop::2", "user:jane::inbox", "chatty::1"])
        expect(await page.ask("join", { room })).toEqual({ ok: false, reason: "secret" });
    }
  });

  test.each<[string, () => Promise<unknown>, string, boolean]>([
    ["junk", async () => "junk", "token_invalid", false],
    ["an empty text", async () => "", "token_invalid", false],
    ["no text", async () => ["x"], "token_invalid", false],
    [
      "another secret",
      async () => signToken(john, "another secret of more than 32 bytes"),
      "token_invalid",
      false,
    ],
    ["expired", async () => signToken({ ...john, exp: nowSeconds() - 100 }), "token_expired", true],
  ])("T18 %s is refused as a connect_error, and never taken for none", async (_, sign, code, retry) => {
    using page = new Page({ token: await sign() }, { ...transports, reconnection: false });
    const verdict = await page.verdict();
    expect(verdict?.data).toEqual({ code, retry });
    expect(verdict?.message).toMatch(/^Expected a token/);
    expect(page.socket.connected).toBe(false);
  });

  test("without a token a page is anonymous, as before", async () => {
    for (const shown of [{}, { token: null }, { other: 1 }]) {
      using page = new Page(shown, transports);
      expect(await page.verdict()).toBeUndefined();
      expect(await page.ask("join", { room: "time" })).toEqual({ ok: true });
      expect(await page.ask("join", { room: "chat::1" })).toEqual({ ok: false, reason: "secret" });
    }
  });

  test("T18 T28 at the end of its token the page comes back by itself with a fresh one, asked for by `auth`", async () => {
    let asked = 0;
    using page = new Page((answer) => {
      asked++;
      void (asked === 1 ? signTokenFor(2, john) : signToken(john)).then((token) => {
        answer({ token });
      });
    }, transports);
    expect(await page.verdict()).toBeUndefined();
    const reason = await new Promise<string>((resolve) => page.socket.once("disconnect", resolve));
    expect(["transport close", "transport error"]).toContain(reason);
    expect(await page.verdict()).toBeUndefined();
    expect(asked).toBe(2);
    expect(await page.ask("join", { room: "chat::1" })).toEqual({ ok: true });
  });

  test("a fresh token on the open connection extends it; one with fewer rights takes rooms away", async () => {
    using page = new Page({ token: await signTokenFor(3, john) }, transports);
    expect(await page.verdict()).toBeUndefined();
    let disconnects = 0;
    page.socket.on("disconnect", () => disconnects++);
    for (const room of ["chat::1", "group:staff::news"]) await page.ask("join", { room });
    expect(await page.ask("token", await signToken(john))).toMatchObject({ ok: true, left: [] });
    expect(await page.ask("token", "junk")).toEqual({ ok: false, code: "token_invalid", retry: false });
    expect(await page.ask("token", { token: 1 })).toMatchObject({ ok: false, code: "token_invalid" });
    const jane = await signToken({ sub: "jane" });
    expect(await page.ask("token", jane)).toEqual({ ok: false, code: "token_other_user", retry: false });
    await Bun.sleep(5_000);
    expect(disconnects).toBe(0);
    const fewer = await signToken({ sub: "john" });
    const { left } = await page.ask("token", fewer);
    expect((left as string[]).sort()).toEqual(["chat::1", "group:staff::news"]);
  });

  test("T28 a page that comes back to its session is judged by the token that it shows then", async () => {
    const tokens = [await signToken(john), await signToken(john), await signToken({ sub: "john" })];
    let asked = 0;
    using page = new Page((answer) => {
      answer({ token: tokens[asked++] });
    }, transports);
    expect(await page.verdict()).toBeUndefined();
    await page.ask("join", { room: "chat::1" });
    // So that it has a place to come back to.
    const heard = new Promise((resolve) => page.socket.once("said", resolve));
    await gatewayEmit("chat::1", "said");
    await heard;
    for (const recovered of [true, false]) {
      page.socket.io.engine.close();
      expect(await page.verdict()).toBeUndefined();
      expect(page.socket.recovered).toBe(recovered);
    }
    expect(asked).toBe(3);
  });
});

async function gatewayEmit(room: string, event: string): Promise<void> {
  await emit(gateway.url, { secret: "publish-secret-of-the-test", room, event, data: 1 });
}

test("without `auth.jwt` a token in `auth` is none, and the event `token` has no meaning", async () => {
  await using plain = await startGateway({});
  const socket = io(plain.url, { auth: { token: "junk" }, forceNew: true });
  await new Promise((resolve) => socket.once("connect", () => resolve(undefined)));
  const answer = await socket
    .timeout(500)
    .emitWithAck("token", "junk")
    .catch(() => "none");
  expect(answer).toBe("none");
  socket.disconnect();
});
