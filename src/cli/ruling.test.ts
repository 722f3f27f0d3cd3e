// `belfry rooms`, `room`, `who` and `kick` against a gateway in this process.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { runCommand } from "../../test/support/command-line.ts";
import type { Ran } from "../../test/support/command-line.ts";
import { startGateway } from "../../test/support/gateway.ts";
import type { TestGateway } from "../../test/support/gateway.ts";
import { RawWebSocket } from "../../test/support/raw.ts";
import { auth, signToken } from "../../test/support/tokens.ts";
import { until } from "../../test/support/until.ts";

const secret = "publish-secret-of-the-test";
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    auth,
    secret,
    rooms: [
      { match: "log", history: { size: 10, seconds: 60 } },
      { match: "meeting", presence: true },
    ],
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const run = async (...args: readonly string[]): Promise<Ran> =>
  runCommand([...args, "--url", gateway.url], { env: { BELFRY_SECRET: secret } });

async function join(room: string, user?: string): Promise<RawWebSocket> {
  const headers = user === undefined ? {} : { authorization: `Bearer ${await signToken({ sub: user })}` };
  const socket = await RawWebSocket.open(gateway.url, `/connect?room=${encodeURIComponent(room)}`, headers);
  await socket.waitForMessage();
  return socket;
}

test("rooms, room and who show what there is, as tables and as JSON; kick ends connections", async () => {
  expect(await run("rooms")).toEqual({ code: 0, out: "No room has members.", err: "" });
  using john = await join("log", "john");
  using _other = await join("log");
  using odd = await join("a/b c");
  const rooms = await run("rooms");
  expect(rooms.out.split("\n")).toEqual([
    "ROOM   CONNECTIONS  DIALECTS",
    "a/b c  1            native 1",
    "log    2            native 2",
  ]);
  expect((await run("rooms", "l*", "--json")).out).toBe(
    '{"room":"log","namespace":"/","connections":2,"dialects":{"native":2}}',
  );
  const cut = await run("rooms", "--limit", "1");
  expect(cut).toMatchObject({ code: 0, err: "There are more than 1: --limit shows them." });
  expect(cut.out.split("\n")).toHaveLength(2);

  const room = await run("room", "log");
  expect(room.out).toContain("Connections:  2 (native 2)\n");
  expect(room.out).toContain("Join:         anyone\n");
  expect(room.out).toContain("Log:          the last 10 publications, until 60 s after the last one\n");
  expect(JSON.parse((await run("room", "a/b c", "--json")).out)).toMatchObject({
    room: "a/b c",
    connections: 1,
  });

  const who = await run("who", "log");
  expect(who.out).toMatch(/^CONNECTION +USER +DIALECT +TRANSPORT +ADDRESS +SINCE\n/);
  expect(who.out).toMatch(/\n\S+:\d+ +john +native +websocket +127\.0\.0\.1 +\d{4}-/);
  expect((await run("who", "nobody")).out).toBe("The room has no members.");
  const rows = (await run("who", "a/b c", "--json")).out.split("\n");
  const [row] = rows.map((line) => JSON.parse(line) as { readonly id: string; readonly user: null });
  expect(row?.user).toBe(null);

  expect((await run("kick", "--user", "john")).out).toBe("Connections that were ended: 1");
  await john.waitForClose();
  expect((await run("kick", "--connection", row?.id ?? "")).out).toBe("Connections that were ended: 1");
  await odd.waitForClose();
  expect(JSON.parse((await run("kick", "--room", "log", "--json")).out)).toMatchObject({ disconnected: 1 });
  await until(async () => (await run("rooms")).out === "No room has members.");
});

test("who names the users of a room with presence, each once", async () => {
  expect((await run("who", "meeting")).out).toEndWith("\nUsers present: 0; connections without a user: 0");
  using _john = await join("meeting", "john");
  using _again = await join("meeting", "john");
  using _other = await join("meeting");
  expect((await run("who", "meeting")).out).toEndWith(
    "\nUsers present: 1 (john); connections without a user: 1",
  );
  expect((await run("who", "meeting", "--json")).out.split("\n")).toHaveLength(3);
});

test.each([
  [["kick"], "Expected one of --user, --room and --connection, got 0"],
  [["kick", "--user", "a", "--room", "b"], "Expected one of --user, --room and --connection, got 2"],
  [
    ["kick", "--connection", "x:1"],
    "refused (404): Expected the id of a connection that is there, got another",
  ],
  [["room", ".."], "Expected another name than `.` and `..`"],
  [["room", ""], "Expected a name of 1 or more characters, got an empty one"],
  [["room", "x".repeat(300)], "refused (400): Expected the name of the room to be 1 to 256 bytes of UTF-8"],
  [["rooms", "--limit", "0"], "Expected --limit as a number from 1 to 9999999"],
  [["rooms", "--secret", "wrong-secret-of-the-test"], "refused (401)"],
])("%j is refused: %s", async (args, expected) => {
  const { code, err, out } = await run(...args);
  expect(err).toContain(expected);
  expect({ code, out }).toEqual({ code: 1, out: "" });
});

test("SEC-11 where there is no API, it says why", async () => {
  const errorAt = async (url: string): Promise<string> =>
    (await runCommand(["rooms", "--url", url], { env: { BELFRY_SECRET: secret } })).err;
  await using open = await startGateway();
  expect(await errorAt(open.url)).toContain(
    "got 404: The HTTP API is off, because this gateway has no publish secret",
  );
  await using closed = await startGateway({
    secret,
    listeners: [{ address: "127.0.0.1:0", dialects: ["native"], api: false }],
  });
  expect(await errorAt(closed.url)).toContain(
    "got 404: the listener has `api: false`, or the gateway no publish secret",
  );
});
