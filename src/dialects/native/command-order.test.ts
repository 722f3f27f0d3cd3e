// The order of commands, with work that ends when the test says so.

import { beforeEach, expect, test } from "bun:test";
import { CommandOrder } from "./command-order.ts";
import type { Command } from "./read-command.ts";

let begun: string[];
let ends: Map<string, () => void>;
let order: CommandOrder;
let idle: number;

beforeEach(() => {
  begun = [];
  ends = new Map();
  idle = 0;
  order = new CommandOrder({
    begin(command) {
      const name = nameOf(command);
      begun.push(name);
      if (command.type !== "join" && command.type !== "token") return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      ends.set(name, resolve);
      return promise;
    },
    idle: () => void idle++,
  });
});

function nameOf(command: Command): string {
  return "room" in command
    ? `${command.type} ${command.room} ${command.id}`
    : `${command.type} ${command.id}`;
}

const join = (id: number, room: string): Command => ({
  type: "join",
  id,
  room,
  secret: undefined,
  at: undefined,
  presence: false,
});
const leave = (id: number, room: string): Command => ({ type: "leave", id, room });
const token = (id: number): Command => ({ type: "token", id, token: "" });
const ping = (id: number): Command => ({ type: "ping", id });

function take(...commands: readonly Command[]): void {
  for (const command of commands) expect(order.take(command, 0)).toBe(true);
}

/** The work ends, and what follows has begun. */
async function end(name: string): Promise<void> {
  ends.get(name)?.();
  await Bun.sleep(0);
}

test("what is said about a room waits for the join before it, and nothing else does", async () => {
  take(join(1, "a"), leave(2, "a"), join(3, "a"), leave(4, "a"), leave(5, "b"), ping(6));
  expect(begun).toEqual(["join a 1", "leave b 5", "ping 6"]);
  await end("join a 1");
  expect(begun.slice(3)).toEqual(["leave a 2", "join a 3"]);
  await end("join a 3");
  expect(begun.slice(5)).toEqual(["leave a 4"]);
  expect(idle).toBe(1);
  take(leave(7, "a"));
  expect(begun.at(-1)).toBe("leave a 7");
});

test("all that is said behind a token waits for it; what was said before the token does not", async () => {
  take(join(1, "a"), leave(2, "a"), token(3), join(4, "a"), token(5), ping(6));
  expect(begun).toEqual(["join a 1", "token 3"]);
  await end("join a 1");
  expect(begun.slice(2)).toEqual(["leave a 2"]);
  await end("token 3");
  expect(begun.slice(3)).toEqual(["join a 4", "token 5"]);
  expect(idle).toBe(0);
  await end("token 5");
  expect(begun.slice(5)).toEqual(["ping 6"]);
});

test("a join behind a token waits for the one before it still", async () => {
  take(join(1, "a"), token(2), leave(3, "a"), ping(4));
  await end("token 2");
  expect(begun).toEqual(["join a 1", "token 2", "ping 4"]);
  take(leave(5, "a"));
  await end("join a 1");
  expect(begun.slice(3)).toEqual(["leave a 3", "leave a 5"]);
});

test("SEC-06 what waits is bounded, and what was taken is carried out", async () => {
  take(token(0), join(1, "a"));
  for (let id = 2; id <= 1_000; id++) take(leave(id, "a"));
  expect(order.take(ping(1_001), 0)).toBe(false);
  await end("token 0");
  expect(order.take(leave(1_002, "a"), 0)).toBe(true);
  await end("join a 1");
  expect(begun).toHaveLength(1_002);
  take(token(2_000));
  expect(order.take(ping(2_001), 300_000)).toBe(true);
  expect(order.take(ping(2_002), 1)).toBe(false);
  await end("token 2000");
  expect(begun.at(-1)).toBe("ping 2001");
});
