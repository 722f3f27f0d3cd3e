import { expect, test } from "bun:test";
import { RecoveryByRule } from "./recovery-by-rule.ts";
import type { LogAnswers } from "./recovery-by-rule.ts";
import type { Answer, Asked, Recovery } from "./recovery.ts";

/** A tape and logs that answer with their name and the room, each when it is told to. */
function stores(isSettled = true) {
  const ready: (() => void)[] = [];
  const asked: string[] = [];
  const gaps: Parameters<Recovery["onGap"]>[0][] = [];
  const answer = (store: string, { room, position }: Asked): Answer => ({
    verdict: position === undefined ? undefined : { recovered: true, missed: [] },
    at: `${store} ${room}`,
  });
  const tape: Recovery = {
    keptSeconds: 1,
    resume(rooms, enter) {
      asked.push(`tape ${rooms.map(({ room }) => room).join()}`);
      ready.push(() => {
        enter(rooms.map((one) => answer("tape", one)));
      });
    },
    here: (_, room) => `tape ${room}`,
    onGap(listener) {
      gaps.push(listener);
      return () => void gaps.splice(gaps.indexOf(listener), 1);
    },
  };
  const logs: LogAnswers = {
    isSettled,
    isLogged: ({ room }) => room?.startsWith("log") === true,
    prepare(rooms, enter) {
      asked.push(`log ${rooms.map(({ room }) => room).join()}`);
      ready.push(() => {
        enter((one) => answer("log", one));
      });
    },
    here: (_, room) => `log ${room}`,
  };
  return { recovery: new RecoveryByRule(tape, logs), ready, asked, gaps };
}

const ask = (room: string | undefined, position?: string): Asked => ({
  namespace: "/",
  room,
  position,
  dialect: "native",
});

test("each room is answered by its store, in the order in which it was asked, in one turn", () => {
  const { recovery, ready, asked } = stores();
  let answers: readonly Answer[] | undefined;
  recovery.resume([ask("log1", "e:1"), ask("a", "m.1"), ask("log2"), ask(undefined), ask("b")], (given) => {
    answers = given;
  });
  expect(asked).toEqual(["log log1,log2"]);
  ready.shift()?.();
  expect(asked).toEqual(["log log1,log2", "tape a,,b"]);
  expect(answers).toBeUndefined();
  ready.shift()?.();
  expect(answers?.map(({ at }) => at)).toEqual([
    "log log1",
    "tape a",
    "log log2",
    "tape undefined",
    "tape b",
  ]);
});

test("a position of the tape is the tape's to answer, also where the room has a log", () => {
  const { recovery, asked } = stores();
  recovery.resume([ask("log1", "marker.7")], () => undefined);
  expect(asked).toEqual(["tape log1"]);
});

test("I4 a client with a position of the tape in a room with a log counts by the log from then on, which follows the room", () => {
  const { recovery, ready, asked } = stores();
  const client = {};
  let answers: readonly Answer[] | undefined;
  recovery.resume(
    [{ ...ask("log1", "marker.7"), client }, ask("log2", "e:1"), ask("a", "marker.7")],
    (given) => {
      answers = given;
    },
  );
  for (const act of ready.splice(0)) act();
  for (const act of ready.splice(0)) act();
  expect(asked).toEqual(["log log1,log2", "tape log1,a"]);
  const verdict = { recovered: true, missed: [] } as const;
  expect(answers).toEqual([
    { verdict, at: "log log1" },
    { verdict, at: "log log2" },
    { verdict, at: "tape a" },
  ]);
});

test("what the tape knows of a room with a log is not sure while the log is read", () => {
  const { recovery, ready } = stores(false);
  let answers: readonly Answer[] | undefined;
  recovery.resume([ask("log1", "marker.7"), ask("a", "marker.7"), ask("log2")], (given) => {
    answers = given;
  });
  for (const act of ready.splice(0)) act();
  for (const act of ready.splice(0)) act();
  expect(answers?.map(({ verdict }) => verdict)).toEqual([
    { recovered: false, reason: "unavailable" },
    { recovered: true, missed: [] },
    undefined,
  ]);
});

test("where a room stands and what is missing come from its store", () => {
  const { recovery, gaps } = stores();
  expect([recovery.here("/", "log1"), recovery.here("/", "a"), recovery.here("/", undefined)]).toEqual([
    "log log1",
    "tape a",
    "tape undefined",
  ]);
  const told: unknown[] = [];
  const stop = recovery.onGap((rooms) => told.push(rooms));
  recovery.tellGap([{ namespace: "/", room: "log1" }]);
  gaps[0]?.();
  expect(told).toEqual([[{ namespace: "/", room: "log1" }], undefined]);
  stop();
  recovery.tellGap([]);
  expect([told.length, gaps.length]).toEqual([2, 0]);
});
