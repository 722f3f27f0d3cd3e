import { expect, test } from "bun:test";
import { LastMessages } from "./last-messages.ts";

test("W4R-08 the last message of a client is told by its bytes alone, until the client says another one", () => {
  const lastMessages = new LastMessages();
  const hello = Buffer.from("hé");
  expect(lastMessages.clientsOf(hello)).toEqual([]);
  const first = lastMessages.add("a", "hé");
  const second = lastMessages.add("b", hello);
  expect(lastMessages.clientsOf(hello)).toEqual(["a", "b"]);
  expect(lastMessages.clientsOf(Buffer.from("he"))).toEqual([]);
  lastMessages.delete(first);
  lastMessages.delete(first);
  expect(lastMessages.clientsOf(hello)).toEqual(["b"]);
  lastMessages.delete(second);
  expect(lastMessages.clientsOf(hello)).toEqual([]);
});
