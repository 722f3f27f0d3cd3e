import { expect, test } from "bun:test";
import { DialectGateway, exchangeOf } from "../../../test/support/dialect-gateway.ts";
import type { DialectParts } from "../../../test/support/dialect-gateway.ts";
import { FakeSocket } from "../../../test/support/fake-socket.ts";
import type { BrowserSide } from "../dialect.ts";

const setup = async (options: DialectParts["options"] = {}) => {
  const clock = { now: 0 };
  const gateway = await DialectGateway.speaking("socketio", { options, now: () => clock.now });
  const side: BrowserSide = {
    ...gateway.browser,
    tick(now) {
      clock.now = now;
      gateway.tick();
    },
  };
  return {
    clock,
    gateway,
    side,
    [Symbol.asyncDispose]: async () => gateway[Symbol.asyncDispose](),
  };
};

/** A websocket that joined `/`. */
const connect = async (side: BrowserSide): Promise<FakeSocket> => {
  const url = "http://localhost/socket.io/?EIO=4&transport=websocket";
  const handler = await side.routes[0]?.upgrade?.(new Request(url), exchangeOf(url));
  if (!handler || handler instanceof Response) throw new Error("Expected the handshake to be accepted");
  const socket = new FakeSocket();
  socket.handler = handler;
  handler.open(socket);
  handler.message("40");
  socket.sent.length = 0;
  return socket;
};

test("EIO-11 after a pause of the whole process, answers that wait to be read are read before anyone is judged", async () => {
  await using scene = await setup();
  const { clock, side } = scene;
  const socket = await connect(side);
  const tick = (now: number): void => {
    clock.now = now;
    side.tick(now);
  };
  for (let now = 0; now <= 25_000; now += 250) tick(now);
  expect(socket.sent).toEqual(["2"]);
  // The process stood still for a minute; the pong is in the kernel's buffer.
  tick(85_000);
  expect(socket.closedWith).toBeUndefined();
  socket.handler?.message("3");
  tick(85_250);
  expect(socket.closedWith).toBeUndefined();
  for (let now = 85_500; now <= 111_000; now += 250) tick(now);
  expect(socket.sent).toEqual(["2", "2"]);
  // Whoever really is silent is closed with the next tick, also when every tick is late.
  tick(140_000);
  expect(socket.closedWith).toBeUndefined();
  tick(150_000);
  expect(socket.closedWith).toBe(1000);
});

/** Sends one request of a polling client. @returns the status and the text. */
const ask = async (
  side: BrowserSide,
  url: string,
  body?: string,
): Promise<readonly [number | undefined, string | undefined]> => {
  const request = new Request(url, body === undefined ? {} : { method: "POST", body });
  const answer = await side.routes[0]?.fetch(request, exchangeOf(url));
  return [answer?.status, await answer?.text()];
};

/** The URL of a new polling session. */
const openSession = async (side: BrowserSide, version: 3 | 4): Promise<string> => {
  const url = `http://localhost/socket.io/?EIO=${version}&b64=1&transport=polling`;
  const [, opened] = await ask(side, url);
  return `${url}&sid=${/"sid":"([^"]+)"/.exec(opened ?? "")?.[1]}`;
};

const unknown = [400, '{"code":1,"message":"Session ID unknown"}'] as const;

test("EIO-11 EIO-14 a request that comes after the deadline is not served, though no tick came since", async () => {
  for (const body of [undefined, "3"]) {
    await using scene = await setup({ pingInterval: 0.3, pingTimeout: 0.2 });
    const { clock, side } = scene;
    const url = await openSession(side, 4);
    side.tick((clock.now = 315));
    clock.now = 499;
    expect(await ask(side, url)).toEqual([200, "2"]);
    clock.now = 500;
    expect(await ask(side, url, body)).toEqual(unknown);
  }
});

test("EIO-11 a poll gets the ping that is due, though no tick came since", async () => {
  await using scene = await setup({ pingInterval: 0.3, pingTimeout: 0.2 });
  const { clock, side } = scene;
  const url = await openSession(side, 4);
  clock.now = 300;
  expect(await ask(side, url)).toEqual([200, "2"]);
  // What comes in time is taken, and counts from when it came.
  clock.now = 499;
  expect(await ask(side, url, "3")).toEqual([200, "ok"]);
  clock.now = 799;
  expect((await ask(side, url, "6"))[0]).toBe(200);
  clock.now = 999;
  expect(await ask(side, url)).toEqual(unknown);
});

test("EIO-11 a ping that went out late leaves the client its time", async () => {
  await using scene = await setup({ pingInterval: 0.3, pingTimeout: 0.2 });
  const { clock, side } = scene;
  const url = await openSession(side, 4);
  side.tick((clock.now = 480));
  clock.now = 679;
  expect(await ask(side, url, "3")).toEqual([200, "ok"]);
});

test("EIO-11 the time for the answer runs from when the ping goes out, where somebody is there to get it", async () => {
  await using scene = await setup({ pingInterval: 0.3, pingTimeout: 0.2 });
  const { clock, side } = scene;
  const socket = await connect(side);
  side.tick((clock.now = 340));
  clock.now = 539;
  socket.handler?.message("3");
  expect([socket.sent, socket.closedWith]).toEqual([["2"], undefined]);
});

test("EIO-12 EIO-14 version 3: the ping that comes after the deadline is not served", async () => {
  await using scene = await setup({ pingInterval: 0.3, pingTimeout: 0.2 });
  const { clock, side } = scene;
  const url = await openSession(side, 3);
  clock.now = 499;
  expect(await ask(side, url, "1:2")).toEqual([200, "ok"]);
  clock.now = 999;
  expect(await ask(side, url, "1:2")).toEqual(unknown);
});

test("EIO-13 EIO-14 a websocket that wants to take over a session whose time is over is refused", async () => {
  await using scene = await setup({ pingInterval: 0.3, pingTimeout: 0.2 });
  const { clock, side } = scene;
  const url = await openSession(side, 3);
  clock.now = 500;
  const upgrade = url.replace("polling", "websocket");
  const answer = await side.routes[0]?.upgrade?.(new Request(upgrade), exchangeOf(upgrade));
  expect(answer instanceof Response ? answer.status : "accepted").toBe(400);
});

test("EIO-13 a 5 that comes after the time for it does not upgrade", async () => {
  await using scene = await setup({ upgradeTimeout: 0.4 });
  const { clock, side } = scene;
  const url = await openSession(side, 4);
  const upgrade = url.replace("polling", "websocket");
  const handler = await side.routes[0]?.upgrade?.(new Request(upgrade), exchangeOf(upgrade));
  if (!handler || handler instanceof Response) throw new Error("Expected the handshake to be accepted");
  const socket = new FakeSocket();
  socket.handler = handler;
  handler.open(socket);
  handler.message("2probe");
  clock.now = 400;
  handler.message("5");
  expect(socket.closedWith).toBe(1000);
  expect((await ask(side, url, "6"))[0]).toBe(200);
});

test("EIO-11 a frame of a websocket that comes after the deadline is not served", async () => {
  await using scene = await setup({ pingInterval: 0.3, pingTimeout: 0.2 });
  const { clock, side } = scene;
  const socket = await connect(side);
  side.tick((clock.now = 300));
  clock.now = 500;
  socket.handler?.message('421["leave",{"room":"a"}]');
  expect(socket.sent).toEqual(["2"]);
  expect(socket.closedWith).toBe(1000);
});

test("EIO-11 requests that waited while the whole process stood still are served", async () => {
  await using scene = await setup();
  const { clock, side } = scene;
  const url = await openSession(side, 4);
  await ask(side, url, "40");
  for (let now = 0; now <= 25_000; now += 250) side.tick((clock.now = now));
  clock.now = 85_000;
  expect((await ask(side, url, "3"))[0]).toBe(200);
  side.tick(85_000);
  side.tick((clock.now = 85_250));
  expect((await ask(side, url, "6"))[0]).toBe(200);
});

test("EIO-04 SIO-06 EIO-13 the clock is asked to be fine enough for the shortest delay", async () => {
  const shortest = async (options: DialectParts["options"]): Promise<number> => {
    await using scene = await setup(options);
    return scene.side.shortestDelayMs;
  };
  expect(await shortest({})).toBe(10_000);
  expect(await shortest({ pingTimeout: 0.2 })).toBe(200);
  expect(await shortest({ connectTimeout: 0.1 })).toBe(100);
  expect(await shortest({ upgradeTimeout: 0.3 })).toBe(300);
});

test("EIO-06 a held poll is kept open for as long as a heartbeat may take", async () => {
  await using scene = await setup();
  const { side } = scene;
  const [route] = side.routes;
  const open = "http://localhost/socket.io/?EIO=4&transport=polling";
  const opened = await (await route?.fetch(new Request(open), exchangeOf(open)))?.text();
  const poll = `${open}&sid=${/"sid":"([^"]+)"/.exec(opened ?? "")?.[1]}`;
  const held: number[] = [];
  const answer = route?.fetch(new Request(poll), {
    ...exchangeOf(poll),
    hold: (seconds) => void held.push(seconds),
  });
  expect(held).toEqual([50]);
  for (const client of side.clients()) client.close("server");
  expect(await (await answer)?.text()).toBe("1");
});

test("EIO-15 refusals are counted by reason", async () => {
  await using scene = await setup();
  const { side, gateway } = scene;
  const fetch = async (query: string, init: RequestInit = {}): Promise<number | undefined> => {
    const url = `http://localhost/socket.io/?${query}`;
    return (await side.routes[0]?.fetch(new Request(url, init), exchangeOf(url)))?.status;
  };
  expect(await fetch("EIO=4")).toBe(400);
  expect(await fetch("EIO=9&transport=polling")).toBe(400);
  expect(await fetch("EIO=4&transport=polling&sid=x")).toBe(400);
  expect(await fetch("EIO=4&transport=polling", { method: "POST" })).toBe(400);
  expect(await fetch("EIO=4&transport=websocket")).toBe(400);
  expect(gateway.observed).toEqual([
    "refused transport_unknown",
    "refused version_unsupported",
    "refused session_unknown",
    "refused handshake_method",
    "refused upgrade_missing",
  ]);
});
