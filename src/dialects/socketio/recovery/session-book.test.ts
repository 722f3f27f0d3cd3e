import { expect, test } from "bun:test";
import { MemoryKeys } from "../../../brokers/memory/keys.ts";
import { nothingKept } from "../../../recovery/recovery.ts";
import { silent } from "../../../core/observe.ts";
import { GatewayError } from "../../../vocabulary/errors.ts";
import { KeptSession } from "./kept-session.ts";
import { sessionKey } from "./pid.ts";
import { SessionBook } from "./session-book.ts";

/** Keys of a store that can be away. */
class AwayKeys extends MemoryKeys {
  isAway = false;

  override async set(key: string, value: string): Promise<void> {
    this.#check();
    return super.set(key, value, 60);
  }

  override async remove(key: string): Promise<void> {
    this.#check();
    return super.remove(key);
  }

  #check(): void {
    if (this.isAway) throw new GatewayError("bus_unavailable", "Expected a store, got none");
  }
}

function setUp() {
  const clock = { now: 0 };
  const keys = new AwayKeys();
  const bus = { losses: 0, isReady: true, state: () => ({ isReady: bus.isReady, reason: "" }) };
  const ports = { bus, keys, recovery: nothingKept, observe: silent, now: () => clock.now };
  return { clock, keys, bus, book: new SessionBook(ports) };
}

test("a key that could not be written says less than its client knows: it is removed, and none gets it meanwhile", async () => {
  const { keys, book } = setUp();
  expect(await book.write("k", "old")).toBe(true);
  keys.isAway = true;
  expect(await book.write("k", "new")).toBe(false);
  keys.isAway = false;
  book.tick(1_000);
  await Promise.resolve();
  expect(await keys.get(["k"])).toEqual([undefined]);
  await keys.set("k", "old");
  expect(await book.write("k", "newer")).toBe(true);
  expect(await book.take("k")).toEqual(Buffer.from("newer"));
});

test("what is written again while its old value is to be removed stays", async () => {
  const { keys, book } = setUp();
  keys.isAway = true;
  await book.write("k", "lost");
  keys.isAway = false;
  const written = book.write("k", "good");
  book.tick(1_000);
  expect(await written).toBe(true);
  expect(await keys.get(["k"])).toEqual(["good"]);
});

test("F1 a store that came back empty has every session again within a second", async () => {
  const { clock, keys, bus, book } = setUp();
  const session = KeptSession.begin(book, "s", { namespace: "/", user: undefined });
  const key = sessionKey(session.pid, "/");
  const look = async (now: number): Promise<boolean> => {
    clock.now = now;
    book.tick(now);
    session.tick(now);
    await Bun.sleep(1);
    return (await keys.get([key]))[0] !== undefined;
  };
  expect(await look(250)).toBe(true);
  bus.losses = 1;
  bus.isReady = false;
  await keys.remove(key);
  expect(await look(500)).toBe(false);
  expect(await look(2_000)).toBe(false);
  bus.isReady = true;
  await look(2_250);
  expect(await look(3_250)).toBe(true);
});
