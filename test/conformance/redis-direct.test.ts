// The second connection for commands: by it a gateway hands to Redis what clients say (`Voice`), within the call, and what goes
// to logs. Where it is not there, the first one does its work. Real servers, which lose connections and hang.

import { expect, test } from "bun:test";
import type { Backplane } from "../../src/brokers/driver.ts";
import { openBackplane } from "../../src/brokers/registry.ts";
import { readPosition } from "../../src/brokers/log-store.ts";
import { createRoomRules } from "../../src/config/room-rules.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { voiceOf } from "../../src/brokers/voice.ts";
import type { Voice } from "../../src/core/bus.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { Ear, createRecorder, errorOf, exact, timeUntil } from "./bus-support.ts";
import { until } from "../support/until.ts";

interface Place extends Backplane, AsyncDisposable {
  /** Its voice. */
  readonly say: Voice["say"];
}

async function open(url: string, tls = {}): Promise<Place> {
  const options = { url, tls, observe: createRecorder(), limits: defaultLimits, needsVoice: true };
  const backplane = await openBackplane(options);
  return {
    ...backplane,
    say: async (...said) => voiceOf(backplane).say(...said),
    [Symbol.asyncDispose]: backplane.close,
  };
}

/** The connections of a server that said something last by this command, by their ids. */
async function lastBy(server: RedisServer, command: string): Promise<readonly string[]> {
  const list = String(await server.command("CLIENT", "LIST"));
  const lines = list.split("\n").filter((line) => new RegExp(` cmd=${command}( |$)`).test(line));
  return lines.map((line) => /^id=(\d+)/.exec(line)?.[1] ?? "");
}

test("RTE-11 with a user, a password, a database; over TLS; over a unix socket", async () => {
  await using guarded = await startRedis({ password: "pa ss/ö@:" });
  await using secured = await startRedis({ transport: "tls" });
  await using local = await startRedis({ transport: "socket" });
  const places = [
    [`${guarded.url}/3`, {}],
    [secured.url, { ca: secured.caFile }],
    [`unix://${local.socketPath}?db=1`, {}],
  ] as const;
  for (const [url, tls] of places) {
    await using place = await open(url, tls);
    const ear = await Ear.open(place.bus, exact("voice"));
    await place.say("voice", "hello", 60);
    await ear.waitForText("hello");
    expect(await place.keys.get(["voice"])).toEqual(["hello"]);
  }
  expect(await guarded.command("GET", "voice")).toBe(null);
});

test("W4R-05 it is written within the call, whatever else waits for the end of the turn", async () => {
  await using server = await startRedis();
  await using place = await open(server.url);
  const ear = await Ear.open(place.bus, exact("order"));
  // Bytes go by the other connection, at the end of the turn.
  const later = place.bus.publish("order", Buffer.from("published"));
  const now = place.say("order", "said");
  await Promise.all([later, now]);
  await ear.waitFor(2);
  expect(ear.texts).toEqual(["said", "published"]);
});

test("RTE-11 a lost connection is made anew; meanwhile nothing that was said is lost", async () => {
  await using server = await startRedis();
  await using place = await open(server.url);
  const ear = await Ear.open(place.bus, exact("voice"));
  for (let round = 0; round < 3; round++) {
    await place.say("voice", `${round} before`, 60);
    const [id = ""] = await lastBy(server, "setex");
    await server.command("CLIENT", "KILL", "ID", id);
    // Whatever was on its way is refused, what comes then is not.
    await until(
      () =>
        place.say("voice", "probe").then(
          () => true,
          () => false,
        ),
      5_000,
      () => "a message that is taken",
    );
    await place.say("voice", `${round} after`);
    await ear.waitForText(`${round} after`);
    expect(place.bus.state()).toEqual({ isReady: true });
  }
});

test("WSE-26 a Redis that hangs: what was refused meanwhile is not heard when it wakes", async () => {
  await using server = await startRedis();
  await using place = await open(server.url);
  const ear = await Ear.open(place.bus, exact("voice"));
  await place.say("voice", "before");
  server.pause();
  const start = performance.now();
  const refusals = await Promise.all([
    errorOf(place.say("voice", "late 1")),
    errorOf(place.say("voice", "late 2", 60)),
  ]);
  expect(performance.now() - start).toBeLessThan(4_000);
  for (const refusal of refusals) expect(refusal).toMatchObject({ code: "bus_unavailable" });
  expect(await errorOf(place.say("voice", "late 3"))).toMatchObject({ code: "bus_unavailable" });
  server.resume();
  await timeUntil(place.bus, true, 15_000);
  await place.say("voice", "after");
  await ear.waitForText("after");
  expect(ear.texts).toEqual(["before", "after"]);
}, 40_000);

test("RTE-11 a Redis that restarts: refused while it is away, taken when it is back", async () => {
  await using server = await startRedis();
  await using place = await open(server.url);
  const ear = await Ear.open(place.bus, exact("voice"));
  await server.kill();
  await timeUntil(place.bus, false, 5_000);
  expect(await errorOf(place.say("voice", "lost"))).toMatchObject({ code: "bus_unavailable" });
  await server.restart();
  await timeUntil(place.bus, true, 15_000);
  await place.say("voice", "back");
  await ear.waitForText("back");
  expect(ear.texts).toEqual(["back"]);
}, 40_000);

test("SEC-06 an order that the user may not give is refused, and the connection goes on", async () => {
  await using server = await startRedis({ users: ["mute on >mute ~* &* +@all -setex"] });
  await using place = await open(server.urlFor("mute", "mute"));
  const ear = await Ear.open(place.bus, exact("voice"));
  const refusal = await errorOf(place.say("voice", "kept", 60));
  expect(refusal).toMatchObject({ code: "bus_unavailable" });
  expect(refusal.message).toContain("no permission for that user (NOPERM)");
  await place.say("voice", "not kept");
  await ear.waitFor(2);
  expect(ear.texts).toEqual(["kept", "not kept"]);
});

const history = { size: 100, seconds: 60 };
const entry = (room: string, text: string) => ({
  name: { namespace: "/", room },
  history,
  body: JSON.stringify({ text }),
  channel: "log",
});

/** Of a gateway with logs, where no client speaks. */
async function openLog(url: string): Promise<Backplane & AsyncDisposable> {
  const rules = createRoomRules([{ match: "*", history }]);
  const backplane = await openBackplane({ url, observe: createRecorder(), limits: defaultLimits, rules });
  return { ...backplane, [Symbol.asyncDispose]: backplane.close };
}

test("what goes to logs in one turn is written at once, in its order, and any text arrives as it is", async () => {
  await using server = await startRedis();
  await using place = await openLog(server.url);
  const ear = await Ear.open(place.bus, exact("log"));
  const texts = ["plain", "", "grüß dich 🎉", "a\r\n$3\r\nb", "\u0000", "x".repeat(100_000)];
  const appended = await Promise.all(texts.map(async (text) => place.log.append(entry("räume/1", text))));
  expect(appended.map(({ kind, at }) => [kind, readPosition(at)?.offset])).toEqual(
    texts.map((_, i) => ["stored", i + 1]),
  );
  await ear.waitFor(texts.length);
  expect(ear.texts.map((said) => (JSON.parse(said) as { text: string }).text)).toEqual(texts);
  // The last command of one connection was the script: not of the first one, which sends PINGs and canaries.
  expect(await lastBy(server, "evalsha\\|?\\S*|cmd=eval")).toHaveLength(1);
});

test("RTE-11 a lost connection: logs go on by the other one", async () => {
  await using server = await startRedis();
  await using place = await openLog(server.url);
  for (let round = 1; round <= 3; round++) {
    await place.log.append(entry("news", "before"));
    const [id = ""] = await lastBy(server, "eval(sha)?");
    await server.command("CLIENT", "KILL", "ID", id);
    await until(
      () =>
        place.log.append(entry("news", "probe")).then(
          () => true,
          () => false,
        ),
      5_000,
      () => "an entry that is taken",
    );
    expect(place.bus.state()).toEqual({ isReady: true });
  }
});

test("WSE-26 a Redis that hangs: what a log was refused meanwhile is not heard when it wakes", async () => {
  await using server = await startRedis();
  await using place = await openLog(server.url);
  const ear = await Ear.open(place.bus, exact("log"));
  await place.log.append(entry("news", "before"));
  await ear.waitFor(1);
  server.pause();
  const refusals = await Promise.all(
    ["late 1", "late 2"].map(async (text) => errorOf(place.log.append(entry("news", text)))),
  );
  for (const refusal of refusals) expect(refusal).toMatchObject({ code: "bus_unavailable" });
  server.resume();
  await timeUntil(place.bus, true, 15_000);
  await place.log.append(entry("news", "after"));
  await ear.waitFor(2);
  expect(ear.texts.map((said) => (JSON.parse(said) as { text: string }).text)).toEqual(["before", "after"]);
}, 40_000);

test("what one publisher says in one turn is heard in its order, also where only some of it goes to a log", async () => {
  await using server = await startRedis();
  await using place = await openLog(server.url);
  const ear = await Ear.open(place.bus, exact("log"));
  // A script that Redis does not know yet is sent a second time.
  await place.log.append({ ...entry("news", "first"), channel: "other" });
  const bodies = Array.from({ length: 20 }, (_, number) => `{"number":${number}}`);
  await Promise.all(
    bodies.map(async (body, number) =>
      number % 2 === 0
        ? place.bus.publish("log", body)
        : place.log.append({ ...entry("news", ""), body, channel: "log" }),
    ),
  );
  await ear.waitFor(bodies.length);
  expect(ear.texts.map((said) => (JSON.parse(said) as { number: number }).number)).toEqual(
    bodies.map((_, number) => number),
  );
});
