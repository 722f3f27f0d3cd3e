import { afterAll, expect, test } from "bun:test";
import { DialectGateway } from "../../../test/support/dialect-gateway.ts";
import { FakeSocket } from "../../../test/support/fake-socket.ts";
import { Connection } from "../../core/membership.ts";
import { defaultLimits } from "../../vocabulary/limits.ts";
import { createSocketIoContext } from "./context.ts";
import { socketIoOptions } from "./options.ts";
import { joinRoom } from "./join.ts";
import { createClientId } from "../../base/client-id.ts";

/** What the look-up of the secret of `slow` waits for. */
const lookUp = Promise.withResolvers<readonly string[]>();
const gateway = await DialectGateway.speaking("socketio", {
  bus: (bus) => ({
    get: async (keys) => (keys.some((key) => key.endsWith("slow")) ? lookUp.promise : bus.get(keys)),
  }),
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});
const { hub } = gateway;
const context = createSocketIoContext(gateway.context, socketIoOptions.parse({}));

const enter = (id: string, namespace = "/"): Connection => {
  const agent = { disconnect() {}, request() {} };
  const connection = new Connection({
    id,
    namespace,
    format: context.formats.of("4"),
    carrier: new FakeSocket(),
    agent,
  });
  hub.enter(connection);
  return connection;
};

const namesOf = ({ rooms }: Connection): (string | undefined)[] =>
  [...rooms].slice(1).map(({ name }) => name);

test("WSE-07 T15 ids of any form are refused as rooms, whoever has them, wherever they are", async () => {
  const spy = enter(createClientId());
  const chatSpy = enter(createClientId(), "/chat");
  enter("of-another-dialect");
  const elsewhere = createClientId();
  for (const room of ["of-another-dialect", elsewhere, `/#${elsewhere}`]) {
    expect(await joinRoom(context, { connection: spy, client: {}, address: "" }, [{ room }])).toEqual({
      answer: { ok: false, reason: "room" },
      isAcknowledged: true,
    });
  }
  for (const room of [elsewhere, `/chat#${elsewhere}`]) {
    expect(await joinRoom(context, { connection: chatSpy, client: {}, address: "" }, [{ room }])).toEqual({
      answer: { ok: false, reason: "room" },
      isAcknowledged: true,
    });
  }
  expect([namesOf(spy), namesOf(chatSpy)]).toEqual([[], []]);
  // In another namespace the name is nobody's.
  await joinRoom(context, { connection: chatSpy, client: {}, address: "" }, [{ room: "of-another-dialect" }]);
  expect(namesOf(chatSpy)).toEqual(["of-another-dialect"]);
});

test("T20 WSE-03 rooms may be named like members of the prototype", async () => {
  const connection = enter(createClientId());
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
  for (const room of names) await joinRoom(context, { connection, client: {}, address: "" }, [{ room }]);
  expect(namesOf(connection)).toEqual(names);
});

test("SEC-06 WSE-03 a room that cannot be had is not acknowledged as joined: too long a name, too many rooms", async () => {
  const joiner = { connection: enter(createClientId()), client: {}, address: "" };
  const join = async (room: string) => joinRoom(context, joiner, [{ room }]);
  expect(await join("x".repeat(257))).toEqual({
    answer: { ok: false, reason: "room" },
    isAcknowledged: false,
  });
  for (let number = 1; number <= defaultLimits.roomsPerConnection; number++) await join(`r${number}`);
  const tooMany = { answer: { ok: false, reason: "too_many" }, isAcknowledged: false } as const;
  expect(await join("one more")).toEqual(tooMany);
  // It is in there already.
  expect(await join("r1")).toEqual({ answer: { ok: true }, isAcknowledged: true });
});

test("SEC-06 WSE-03 a backend that fills its list while a secret is looked up: not acknowledged either", async () => {
  const connection = enter(createClientId());
  const joining = joinRoom(context, { connection, client: {}, address: "" }, [
    { room: "slow::a", secret: "s" },
  ]);
  for (let number = 1; number <= defaultLimits.roomsPerConnection; number++)
    hub.join(connection, `r${number}`);
  lookUp.resolve(["s"]);
  expect(await joining).toEqual({ answer: { ok: false, reason: "too_many" }, isAcknowledged: false });
  expect(namesOf(connection)).not.toContain("slow::a");
});

test("T28 WSE-03 a secret that is taken back while the room is written for the client's return opens nothing", async () => {
  await gateway.bus.set("ws-emit::secret::till", "first", 60);
  const connection = enter(createClientId());
  const writing = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  const kept = {
    willJoin: async () => {
      writing.resolve();
      await written.promise;
    },
  } as never;
  const joining = joinRoom(context, { connection, client: {}, address: "", kept }, [
    { room: "till::1", secret: "first" },
  ]);
  await writing.promise;
  await gateway.bus.set("ws-emit::secret::till", "second", 60);
  const now = Date.now();
  await gateway.context.revoker.revoke({
    kind: "space",
    name: "till",
    before: now / 1_000,
    untilMs: now + 60_000,
  });
  written.resolve();
  expect(await joining).toEqual({ answer: { ok: false, reason: "secret" }, isAcknowledged: true });
  expect(namesOf(connection)).toEqual([]);
});

test("WSE-03 a room that is no text is acknowledged as ever, and counted and said like every refusal", async () => {
  const joiner = { connection: enter(createClientId()), client: {}, address: "" };
  const before = gateway.observed.length;
  for (const room of [1, true, null, ["a"], { a: 1 }]) {
    expect(await joinRoom(context, joiner, [{ room }])).toEqual({
      answer: { ok: false, reason: "room" },
      isAcknowledged: true,
    });
  }
  await joinRoom(context, joiner, [{ room: "x".repeat(257) }]);
  const reasons = [...Array.from({ length: 5 }, () => "room_not_text"), "room_name_too_long"];
  expect(gateway.observed.slice(before)).toEqual(reasons.map((reason) => `refused ${reason}`));
  for (const reason of new Set(reasons))
    expect(gateway.log).toMatch(new RegExp(`"join_refused".*"${reason}"`));
});
