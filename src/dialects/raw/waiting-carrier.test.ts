import { describe, expect, test } from "bun:test";
import { FakeSocket } from "../../../test/support/fake-socket.ts";
import { WaitingCarrier } from "./waiting-carrier.ts";

function setUp(maxBytes = 1_000) {
  const socket = new FakeSocket();
  let overflows = 0;
  const held = new WaitingCarrier(socket, maxBytes, () => void overflows++);
  return { socket, held, overflows: () => overflows };
}

describe("until it is released", () => {
  test("W4R-04 what comes meanwhile waits, in order, behind what it hears first", () => {
    const { socket, held } = setUp();
    held.send(["live 1", "live 2"]);
    held.send([Uint8Array.of(3)]);
    expect(socket.sent).toEqual([]);
    held.release(["kept 1", "kept 2"]);
    expect(socket.sent).toEqual(["kept 1", "kept 2", "live 1", "live 2", Uint8Array.of(3)]);
  });

  test("W4R-04 it is reached one by one, not by topics, and is not writable", () => {
    const { socket, held } = setUp();
    expect([held.isOnTopics, held.isWritable]).toEqual([false, false]);
    held.release([]);
    expect([held.isOnTopics, held.isWritable]).toEqual([true, true]);
    held.fallBehind();
    expect([socket.isOnTopics, held.isOnTopics]).toEqual([false, false]);
  });

  test("nothing to say is nothing sent", () => {
    const { socket, held } = setUp();
    held.release([]);
    expect(socket.sent).toEqual([]);
  });

  test("its topics are the client's", () => {
    const { socket, held } = setUp();
    held.subscribe("a");
    held.subscribe("b");
    held.unsubscribe("a");
    expect([...socket.topics]).toEqual(["b"]);
  });
});

describe("SEC-06 what may wait is bounded", () => {
  test("SEC-06 beyond the bound each frame is dropped and said, and the rest still comes", () => {
    // Each costs 256 bytes beside its own: what is small is bounded as well.
    const { socket, held, overflows } = setUp(600);
    held.send(["12345", "67890", "é"]);
    expect([overflows(), held.bufferedBytes]).toEqual([0, 3 * 256 + 12]);
    held.send(["lost", "lost too"]);
    expect([overflows(), held.bufferedBytes]).toEqual([2, 3 * 256 + 12]);
    held.release(["first"]);
    expect(socket.sent).toEqual(["first", "12345", "67890", "é"]);
  });

  test("SEC-06 W4R-04 one message of any size finds room behind little", () => {
    const { socket, held, overflows } = setUp(10);
    held.send(["x".repeat(1_000)]);
    expect(overflows()).toBe(0);
    held.release([]);
    expect(socket.sent).toEqual(["x".repeat(1_000)]);
  });

  test("SEC-06 what waited once does not count for ever: the client would seem to be behind", () => {
    const { held } = setUp();
    held.send(["x".repeat(90)]);
    expect(held.bufferedBytes).toBe(346);
    held.release([]);
    expect(held.bufferedBytes).toBe(0);
  });
});

test("after the release it is the client itself", () => {
  const { socket, held, overflows } = setUp(1);
  held.release(["first"]);
  held.send(["a", "b"]);
  held.send(["c"]);
  expect(socket.sent).toEqual(["first", "a", "b", "c"]);
  expect(overflows()).toBe(0);
});
