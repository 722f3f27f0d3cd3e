import { describe, expect, test } from "bun:test";
import { formatMarker } from "../brokers/marker.ts";
import type { Answer, Asked } from "./recovery.ts";
import { TapeRecovery } from "./tape-recovery.ts";
import type { TapeSource } from "./tape.ts";
import { publicationWith } from "../../test/support/publication.ts";

const source = "a".repeat(24);
const token = (number: number): string => formatMarker({ source, line: "00000001", number });
const ask = (position?: string): Asked => ({ namespace: "/", room: "a", position, dialect: "x" });
const said = publicationWith({ rooms: ["a"] });

const from: TapeSource = { filter: { kind: "exact", name: "c" }, decode: () => said };

function record(recovery: TapeRecovery) {
  return recovery.record(said, from, { channel: "c", payload: Buffer.from("said") });
}

function opened(maxAgeMs = 1_000) {
  const clock = { now: 0 };
  const recovery = new TapeRecovery({ maxAgeMs, maxBytes: 1e6, now: () => clock.now });
  let gaps = 0;
  const stop = recovery.onGap(() => {
    gaps++;
  });
  const mark = (number: number): void => {
    recovery.step();
    recovery.mark(token(number));
  };
  const resume = (...asked: readonly Asked[]) => {
    const got: { answers?: readonly Answer[] } = {};
    recovery.resume(asked, (answers) => {
      got.answers = answers;
    });
    return got;
  };
  return { recovery, clock, stop, mark, resume, gaps: () => gaps };
}

test("a first join and a known position are answered at once", () => {
  const { recovery, mark, resume } = opened();
  mark(1);
  const at = `${token(1)}.0`;
  expect(resume(ask(), ask(at)).answers).toEqual([
    { verdict: undefined, at },
    { verdict: { recovered: true, missed: [] }, at },
  ]);
  recovery.step();
  const next = record(recovery) ?? "";
  const missed = [{ publication: said, at: next, order: 2 }];
  expect(resume(ask(at)).answers).toEqual([{ verdict: { recovered: true, missed }, at: next }]);
});

test("a position ahead is waited for, and answered behind the message that brings the tape there", async () => {
  const { recovery, mark, resume } = opened();
  mark(1);
  const got = resume(ask(`${token(1)}.1`));
  expect(got.answers).toBeUndefined();
  recovery.step();
  const at = record(recovery);
  expect(got.answers).toBeUndefined();
  await Promise.resolve();
  expect(got.answers).toEqual([{ verdict: { recovered: true, missed: [] }, at }]);
});

test("a position that does not come within 2 s is lost", () => {
  const { recovery, clock, mark, resume } = opened();
  mark(1);
  const got = resume(ask(`${token(2)}.0`), ask());
  clock.now = 1_999;
  recovery.tick();
  expect(got.answers).toBeUndefined();
  clock.now = 2_000;
  recovery.tick();
  expect(got.answers?.map(({ verdict }) => verdict)).toEqual([
    { recovered: false, reason: "too_old" },
    undefined,
  ]);
});

describe("where it can be proved that this gateway has heard what was said", () => {
  /** Each proof ends when the test says so. */
  function proved() {
    const opening = opened();
    const proofs: PromiseWithResolvers<void>[] = [];
    opening.recovery.proveBy({
      open: async () => undefined,
      async mark() {
        const proof = Promise.withResolvers<void>();
        proofs.push(proof);
        return proof.promise;
      },
    });
    const settle = async (): Promise<void> => {
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    };
    return { ...opening, proofs, settle };
  }

  test("I3 a client with a position ahead waits for as long as the gateway is behind", async () => {
    const { recovery, clock, mark, resume, proofs, settle } = proved();
    mark(1);
    const got = resume(ask(`${token(1)}.1`));
    for (clock.now = 0; clock.now < 20_000; clock.now += 250) recovery.tick();
    expect(got.answers).toBeUndefined();
    recovery.step();
    const at = record(recovery);
    proofs[0]?.resolve();
    await settle();
    expect(got.answers).toEqual([{ verdict: { recovered: true, missed: [] }, at }]);
  });

  test("a position that is not on the line is lost as soon as that is proved; one that came meanwhile has a proof of its own", async () => {
    const { mark, resume, proofs, settle } = proved();
    mark(1);
    const lost = { recovered: false, reason: "too_old" } as const;
    const [first, second] = [resume(ask(`${token(2)}.0`)), resume(ask(`${token(3)}.0`))];
    expect(proofs).toHaveLength(1);
    proofs[0]?.resolve();
    await settle();
    expect([first.answers?.[0]?.verdict, second.answers]).toEqual([lost, undefined]);
    expect(proofs).toHaveLength(2);
    proofs[1]?.resolve();
    await settle();
    expect(second.answers?.[0]?.verdict).toEqual(lost);
  });

  test("while nothing can be asked, a position that does not come within 2 s is lost; a proof that does not come ends the wait, too", async () => {
    const { recovery, clock, mark, resume, proofs, settle } = proved();
    mark(1);
    const refused = resume(ask(`${token(2)}.0`));
    const tickFor = async (ms: number, isRefused: boolean): Promise<void> => {
      for (const end = clock.now + ms; clock.now < end; clock.now += 250) {
        recovery.tick();
        if (isRefused) for (const proof of proofs) proof.reject(new Error("refused"));
        await settle();
      }
    };
    await tickFor(1_900, true);
    expect(refused.answers).toBeUndefined();
    await tickFor(300, true);
    expect(refused.answers).toBeDefined();
    const silent = resume(ask(`${token(2)}.0`));
    await tickFor(29_000, false);
    expect(silent.answers).toBeUndefined();
    await tickFor(2_000, false);
    expect(silent.answers).toBeDefined();
  });
});

test("before the first marker of a gateway, a client joins without a position and is told of a cut", () => {
  const { recovery, mark, resume, gaps } = opened();
  expect(resume(ask()).answers).toEqual([{ verdict: undefined, at: undefined }]);
  recovery.cut();
  mark(1);
  expect(gaps()).toBe(1);
});

test("a gap is told once per outage, at the first marker after it, to those who still listen", () => {
  const { recovery, mark, gaps, stop } = opened();
  mark(1);
  mark(2);
  expect(gaps()).toBe(0);
  recovery.cut();
  recovery.cut();
  expect(gaps()).toBe(0);
  mark(3);
  mark(4);
  expect(gaps()).toBe(1);
  stop();
  recovery.cut();
  mark(5);
  expect(gaps()).toBe(1);
});

test("F3 I3 what comes before the first marker after an outage has a gap in front of it: clients must not go back over it", () => {
  const { recovery, mark, gaps } = opened();
  mark(1);
  recovery.cut();
  recovery.step();
  expect(record(recovery)).toBeUndefined();
  expect(gaps()).toBe(1);
  record(recovery);
  expect(gaps()).toBe(1);
  // Again, with the position from which they can come back.
  mark(2);
  expect([gaps(), recovery.here()]).toEqual([2, `${token(2)}.0`]);
  record(recovery);
  expect(gaps()).toBe(2);
});

test("tape.seconds 0: nothing has a position, and a gap is told all the same", () => {
  const { recovery, clock, mark, resume, gaps } = opened(0);
  mark(1);
  expect(recovery.here()).toBeUndefined();
  recovery.cut();
  mark(2);
  expect(gaps()).toBe(1);
  const got = resume(ask(`${token(1)}.0`));
  clock.now = 2_000;
  recovery.tick();
  expect(got.answers).toEqual([{ verdict: { recovered: false, reason: "too_old" }, at: undefined }]);
});
