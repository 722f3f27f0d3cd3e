// Joins that wait between the verdict and the room: rights that are taken back meanwhile open nothing, and what is said about
// the room behind the join takes effect behind it.

import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { DialectGateway } from "../../../test/support/dialect-gateway.ts";
import { HeldRecovery } from "../../../test/support/held-recovery.ts";
import type { RawWebSocket } from "../../../test/support/raw.ts";
import { auth, signToken } from "../../../test/support/tokens.ts";

setDefaultTimeout(20_000);

const recovery = new HeldRecovery();
let gateway: DialectGateway;

beforeAll(async () => {
  gateway = await DialectGateway.speaking("native", {
    auth,
    rooms: [
      { match: "chat::*", publish: "members" },
      { match: "kept", history: { size: 10, seconds: 60 } },
    ],
    recovery: recovery.over,
  });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await gateway.bus.set("ws-emit::secret::chat", "first", 60);
});

function say(socket: RawWebSocket, ...commands: readonly object[]): void {
  for (const command of commands) socket.send(JSON.stringify(command));
}

/** The next so many messages, each with what makes it out. */
async function heard(socket: RawWebSocket, count: number): Promise<readonly string[]> {
  const lines: string[] = [];
  while (lines.length < count) {
    const { id, type, room, error } = JSON.parse(String(await socket.waitForMessage())) as {
      readonly id?: number;
      readonly type?: string;
      readonly room?: string;
      readonly error?: { readonly code: string };
    };
    lines.push([id, type, error?.code, room].filter((part) => part !== undefined).join(" "));
  }
  return lines;
}

const isIn = (room: string): boolean => gateway.hub.room("/", room) !== undefined;

test("T28 a token that opens less is the one by which a join that waits is judged", async () => {
  using socket = await gateway.open("/connect");
  const more = await signToken({ sub: "ada", rooms: ["priv::*"] });
  const less = await signToken({ sub: "ada" });
  say(socket, { id: 1, type: "token", token: more }, { id: 2, type: "join", room: "priv::new" });
  expect(await heard(socket, 1)).toEqual(["1 token"]);
  await recovery.until(1);
  say(socket, { id: 3, type: "token", token: less });
  expect(await heard(socket, 1)).toEqual(["3 token"]);
  recovery.release();
  expect(await heard(socket, 1)).toEqual(["2 secret_wrong"]);
  expect(isIn("priv::new")).toBe(false);
});

test("a join that waits is judged again by a fresh token, and enters where that opens it too", async () => {
  using socket = await gateway.open("/connect");
  const sign = async () => signToken({ sub: "ada", rooms: ["priv::*"] });
  say(socket, { id: 1, type: "token", token: await sign() }, { id: 2, type: "join", room: "priv::new" });
  await recovery.until(1);
  say(socket, { id: 3, type: "token", token: await sign() });
  expect(await heard(socket, 2)).toEqual(["1 token", "3 token"]);
  recovery.release();
  await recovery.until(1);
  recovery.release();
  expect(await heard(socket, 1)).toEqual(["2 joined priv::new"]);
});

test("T28 an earlier secret that is taken back opens nothing to a join that waits", async () => {
  using socket = await gateway.open("/connect");
  say(socket, { id: 1, type: "join", room: "chat::1", secret: "first" });
  await recovery.until(1);
  await gateway.bus.set("ws-emit::secret::chat", "second", 60);
  const before = Math.floor(Date.now() / 1_000);
  await gateway.context.revoker.revoke({ kind: "space", name: "chat", before, untilMs: Date.now() + 60_000 });
  recovery.release();
  expect(await heard(socket, 1)).toEqual(["1 secret_wrong"]);
  expect(isIn("chat::1")).toBe(false);
});

test("T28 a user whose rights are taken back is out, and its join that waits comes to nothing", async () => {
  const token = await signToken({ sub: "eve", rooms: ["priv::*"], iat: Math.floor(Date.now() / 1_000) });
  using socket = await gateway.open("/connect?room=priv::1", { Authorization: `Bearer ${token}` });
  await recovery.until(1);
  const before = Math.floor(Date.now() / 1_000);
  await gateway.context.revoker.revoke({ kind: "user", name: "eve", before, untilMs: Date.now() + 60_000 });
  recovery.release();
  expect((await socket.waitForClose()).code).toBe(4501);
  expect(isIn("priv::1")).toBe(false);
});

test("commands for one room take effect in the order in which they were sent", async () => {
  using socket = await gateway.open("/connect");
  say(
    socket,
    { id: 1, type: "join", room: "chat::1", secret: "first" },
    { id: 2, type: "publish", room: "chat::1", data: 1 },
    { id: 3, type: "leave", room: "chat::1" },
    { id: 4, type: "join", room: "chat::1", secret: "wrong" },
    { id: 5, type: "leave", room: "chat::1" },
    { id: 6, type: "publish", room: "chat::1", data: 2 },
    { id: 7, type: "ping" },
  );
  expect(await heard(socket, 1)).toEqual(["7 pong"]);
  await recovery.until(1);
  recovery.release();
  const lines = await heard(socket, 6);
  expect(lines.filter((line) => !line.startsWith("2 "))).toEqual([
    "1 joined chat::1",
    "3 left chat::1",
    "4 secret_wrong",
    "5 left chat::1",
    "6 not_in_room",
  ]);
  expect(lines).toContain("2 published chat::1");
  expect(isIn("chat::1")).toBe(false);
});

test("what was asked of a room's log before the client left the room is answered", async () => {
  using socket = await gateway.open("/connect?room=kept");
  await recovery.until(1);
  recovery.release();
  say(
    socket,
    { id: 1, type: "history", room: "kept" },
    { id: 2, type: "leave", room: "kept" },
    { id: 3, type: "history", room: "kept" },
    { id: 4, type: "ping" },
  );
  const lines = await heard(socket, 5);
  expect(lines.filter((line) => line !== "4 pong")).toEqual([
    "joined kept",
    "1 history kept",
    "2 left kept",
    "3 not_in_room",
  ]);
});

test("a room of the URL is joined before what its page says first", async () => {
  using socket = await gateway.open("/connect?room=kept");
  say(socket, { id: 1, type: "history", room: "kept" });
  await recovery.until(1);
  recovery.release();
  expect(await heard(socket, 2)).toEqual(["joined kept", "1 history kept"]);
});

test("SEC-06 commands that wait for a join are bounded in number and size", async () => {
  using socket = await gateway.open("/connect?room=kept");
  await recovery.until(1);
  const count = 1_200;
  for (let id = 0; id < count; id++) say(socket, { id, type: "leave", room: "kept" });
  expect(new Set((await heard(socket, 200)).map((line) => line.replace(/^\d+ /, "")))).toEqual(
    new Set(["unavailable"]),
  );
  recovery.release();
  expect((await heard(socket, 1_001)).filter((line) => line.endsWith("left kept"))).toHaveLength(1_000);
  using other = await gateway.open("/connect?room=kept");
  await recovery.until(1);
  const data = "x".repeat(60_000);
  for (let id = 0; id < 6; id++) say(other, { id, type: "publish", room: "kept", data });
  expect(await heard(other, 1)).toEqual(["5 unavailable"]);
  recovery.release();
});
