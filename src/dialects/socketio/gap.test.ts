// A gateway that may have missed something ends all pages that count positions, in fair turns, and none hears anything newer
// before its end: it would come back with a position behind what it missed.

import { expect, test } from "bun:test";
import { setImmediate } from "node:timers/promises";
import { DialectGateway, exchangeOf } from "../../../test/support/dialect-gateway.ts";
import { FakeSocket } from "../../../test/support/fake-socket.ts";
import { publicationWith } from "../../../test/support/publication.ts";
import type { GapListener, Recovery } from "../../recovery/recovery.ts";

/** Each look at the clock takes a millisecond. */
async function setUp() {
  const clock = { now: 0 };
  let tell: GapListener = () => undefined;
  const recovery = (own: Recovery): Recovery => ({
    keptSeconds: own.keptSeconds,
    resume(asked, enter) {
      own.resume(asked, enter);
    },
    here: () => "marker.1",
    onGap(listener) {
      tell = listener;
      return () => undefined;
    },
  });
  const options = { recovery: true, aliases: true, joinAnswers: true };
  const gateway = await DialectGateway.speaking("socketio", { options, recovery, now: () => clock.now++ });
  return {
    gateway,
    tellGap: () => {
      tell();
    },
    [Symbol.asyncDispose]: async () => gateway[Symbol.asyncDispose](),
  };
}

/** A websocket whose page is in the room. */
async function join({ browser }: DialectGateway): Promise<FakeSocket> {
  const url = "http://localhost/socket.io/?EIO=4&transport=websocket";
  const handler = await browser.routes[0]?.upgrade?.(new Request(url), exchangeOf(url));
  if (!handler || handler instanceof Response) throw new Error("Expected the handshake to be accepted");
  const socket = new FakeSocket();
  socket.isOnTopics = false;
  socket.handler = handler;
  handler.open(socket);
  handler.message("40");
  handler.message('420["join",{"room":"r"}]');
  // In this turn of the event loop: promises alone.
  const isAnswered = (): boolean => socket.sent.some((frame) => String(frame).startsWith("430"));
  for (let count = 0; count < 1_000 && !isAnswered(); count++) await Promise.resolve();
  expect(isAnswered()).toBe(true);
  socket.sent.length = 0;
  return socket;
}

test("F3 I4 I10 after a gap all are ended in fair turns, hear nothing newer before that, and get no position behind it", async () => {
  await using scene = await setUp();
  const { gateway, tellGap } = scene;
  const { hub } = gateway;
  const sockets: FakeSocket[] = [];
  for (let count = 0; count < 50; count++) sockets.push(await join(gateway));
  tellGap();
  const newcomer = await join(gateway);
  const open = (): readonly FakeSocket[] => sockets.filter(({ closedWith }) => closedWith === undefined);
  const last = sockets[0];
  let turns = 0;
  for (; open().length > 0 && turns < 100; turns++) {
    const left = open().length;
    hub.deliver(publicationWith({ rooms: ["r"], event: "newer" }), { tape: "marker.2" });
    if (last && last.closedWith === undefined) last.handler?.message('42["my_ping"]');
    await setImmediate();
    expect(left - open().length).toBeLessThanOrEqual(5);
  }
  expect(turns).toBeGreaterThan(5);
  expect(sockets.flatMap(({ sent }) => sent).filter((frame) => String(frame).includes("newer"))).toEqual([]);
  expect(new Set(last?.sent)).toEqual(new Set(['42["my_pong","-"]']));
  expect(newcomer.sent).toEqual(Array.from({ length: turns }, () => '42["newer","marker.2"]'));
  expect(gateway.observed.filter((line) => line.includes("gap")).length).toBe(50);
});
