// How often one may guess at the publish secret or an admin token, and whom a guesser locks out.

import { expect, test } from "bun:test";
import type { SecretSender, SecretVerdict } from "../proofs/access.ts";
import { isLoopback } from "../base/client-address.ts";
import { SecretGuard } from "./secret-guard.ts";

function setUp(wrongSecretsPerMinute = 10) {
  const clock = { now: 0 };
  const sleeps: number[] = [];
  const guard = new SecretGuard({
    limits: { wrongSecretsPerMinute },
    now: () => clock.now,
    sleep: async (ms) => void sleeps.push(ms),
    isExempt: isLoopback,
  });
  return { clock, sleeps, guard, check: guard.checkOf("right") };
}

const from = (countedAs: string): SecretSender => ({ countedAs });

async function verdicts(count: number, ask: (index: number) => SecretVerdict | Promise<SecretVerdict>) {
  const found: Partial<Record<SecretVerdict, number>> = {};
  for (let index = 0; index < count; index++) {
    const verdict = await ask(index);
    found[verdict] = (found[verdict] ?? 0) + 1;
  }
  return found;
}

test("SEC-11 T13 of 10,000 wrong secrets from one address ten are compared, then no right one either", async () => {
  const { check, clock, sleeps } = setUp();
  const guesses = await verdicts(10_000, (index) => check(`guess ${index}`, from("192.0.2.1")));
  expect(guesses).toEqual({ wrong: 10, limited: 9_990 });
  expect(await check("right", from("192.0.2.1"))).toBe("limited");
  expect(await check("right", from("192.0.2.2"))).toBe("right");
  clock.now += 6_000;
  expect(await check("right", from("192.0.2.1"))).toBe("right");
  expect(await check("wrong", from("192.0.2.1"))).toBe("wrong");
  expect(await check("right", from("192.0.2.1"))).toBe("limited");
  expect(sleeps).toEqual([]);
});

test("SEC-11 SEC-13 all secrets of a gateway share the count: who guesses at one may not go on at another", async () => {
  const { guard, check } = setUp();
  const checkToken = guard.checkOf("the token of the admin");
  expect(await verdicts(10, () => check("wrong", from("192.0.2.1")))).toEqual({ wrong: 10 });
  expect(await checkToken("the token of the admin", from("192.0.2.1"))).toBe("limited");
  expect(await checkToken("right", from("192.0.2.2"))).toBe("wrong");
});

test("SEC-11 who shows none, or something else than text, guesses nothing; right ones are not counted", async () => {
  const { check } = setUp(2);
  for (const nothing of [undefined, "", null, 123, ["right"]]) {
    expect(await verdicts(20, () => check(nothing, from("192.0.2.1")))).toEqual({ wrong: 20 });
  }
  expect(await verdicts(1_000, () => check("right", from("192.0.2.1")))).toEqual({ right: 1_000 });
});

test("SEC-15 an address that many share is never locked out: its wrong answers come late", async () => {
  const { check, sleeps } = setUp();
  expect(await verdicts(30, () => check("wrong", from("127.0.0.1")))).toEqual({ wrong: 30 });
  expect(sleeps).toEqual(Array.from({ length: 20 }, () => 1_000));
  expect(await check("right", from("127.0.0.1"))).toBe("right");
  expect(sleeps.length).toBe(20);
});

test("SEC-11 T13 a right secret is judged at once, and no address is asked for until there is a wrong one", async () => {
  const { check } = setUp();
  let asked = 0;
  const sender: SecretSender = {
    get countedAs() {
      asked++;
      return "192.0.2.1";
    },
  };
  expect(check("right", sender)).toBe("right");
  expect(check(undefined, sender)).toBe("wrong");
  expect(asked).toBe(0);
  expect(check("wrong", sender)).toBe("wrong");
  expect(asked).toBeGreaterThan(0);
  asked = 0;
  expect(check("right", sender)).toBe("right");
  expect(asked).toBeGreaterThan(0);
});
