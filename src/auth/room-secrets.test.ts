// Who may join: where the secret comes from, what counts as a guess, and whom a guesser locks out.

import { describe, expect, test } from "bun:test";
import { ShownBefore } from "../proofs/shown-before.ts";
import type { EnterVerdict } from "../proofs/access.ts";
import type { RoomSecretsParts, SecretRequest } from "./room-secrets.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { defaultLimits } from "../vocabulary/limits.ts";
import { silent } from "../core/observe.ts";
import { isLoopback } from "../base/client-address.ts";
import { RoomSecrets } from "./room-secrets.ts";

const keyPrefixes = ["ws-emit::secret::", "ws-emit::room_secret::", "r2ws::room_secret::"];
const canary = "cAnArY7291";

interface Setup {
  readonly stored?: Readonly<Record<string, string>>;
  readonly configured?: Readonly<Record<string, string>>;
  readonly parts?: Partial<RoomSecretsParts>;
}

function setUp({ stored = {}, configured = {}, parts = {} }: Setup = {}) {
  const clock = { now: 0 };
  const values = new Map(Object.entries(stored));
  const lookups: (readonly string[])[] = [];
  const reports: unknown[] = [];
  const keys = {
    get: (names: readonly string[]) => {
      lookups.push(names);
      return Promise.resolve(names.map((key) => values.get(key)));
    },
  };
  const access = new RoomSecrets({
    keys,
    keyPrefixes,
    configured: new Map(Object.entries(configured)),
    limits: defaultLimits,
    observe: { ...silent, report: (...report) => void reports.push(report) },
    now: () => clock.now,
    isExempt: isLoopback,
    ...parts,
  });
  const join = (request: Partial<SecretRequest>): Promise<EnterVerdict> =>
    Promise.resolve(
      access.mayJoin({ room: "dir::a", secret: "right", address: "192.0.2.1", client: {}, ...request }),
    );
  return { join, clock, values, lookups, reports };
}

function failing(error: Error): RoomSecretsParts["keys"] {
  return { get: () => Promise.reject(error) };
}

/** The verdicts of so many wrong guesses, one after the other. */
async function guess(times: number, join: () => Promise<EnterVerdict>): Promise<EnterVerdict[]> {
  const verdicts: EnterVerdict[] = [];
  for (let index = 0; index < times; index++) verdicts.push(await join());
  return verdicts;
}

const fiveWrong: EnterVerdict[] = Array.from({ length: 5 }, () => "secret_wrong");

describe("where the secret comes from", () => {
  test("WSE-03 WSE-05 the space before the first `::`, one lookup with all names in their order", async () => {
    const { join, lookups } = setUp({ stored: { "ws-emit::secret::dir": "right" } });
    expect(await join({ room: "dir::a::b" })).toBe("allowed");
    expect(lookups).toEqual([
      ["ws-emit::secret::dir", "ws-emit::room_secret::dir", "r2ws::room_secret::dir"],
    ]);
  });

  test("WSE-03 the empty space of `::x` is one like others", async () => {
    const { join } = setUp({ stored: { "ws-emit::secret::": "right" } });
    expect(await join({ room: "::x" })).toBe("allowed");
    expect(await join({ room: "::x", secret: "wrong" })).toBe("secret_wrong");
  });

  test.each([
    [["ws-emit::secret::dir", "ws-emit::room_secret::dir", "r2ws::room_secret::dir"], "first"],
    [["ws-emit::room_secret::dir", "r2ws::room_secret::dir"], "first"],
    [["r2ws::room_secret::dir"], "first"],
  ])("WSE-05 of %j the first decides, the others are no second password", async (keys) => {
    const stored = Object.fromEntries(keys.map((key, index) => [key, index === 0 ? "right" : `old${index}`]));
    const { join } = setUp({ stored });
    expect(await join({})).toBe("allowed");
    for (const secret of ["old1", "old2"]) expect(await join({ secret })).toBe("secret_wrong");
  });

  test("WSE-05 WSE-03 a first key that is empty refuses, whatever the next one says", async () => {
    const { join } = setUp({ stored: { "ws-emit::secret::dir": "", "ws-emit::room_secret::dir": "right" } });
    expect(await join({})).toBe("secret_wrong");
  });

  test("WSE-03 WSE-05 no key at all refuses", async () => {
    expect(await setUp().join({})).toBe("secret_wrong");
  });

  test("WSE-05 a configured space is decided by the configuration alone", async () => {
    const { join, lookups } = setUp({
      configured: { dir: "right" },
      stored: { "ws-emit::secret::dir": "stored" },
    });
    expect(await join({})).toBe("allowed");
    expect(await join({ secret: "stored" })).toBe("secret_wrong");
    expect(lookups).toEqual([]);
  });

  test("WSE-06 a changed secret holds for the next join at once", async () => {
    const { join, values } = setUp({ stored: { "ws-emit::secret::dir": "right" } });
    expect(await join({})).toBe("allowed");
    values.set("ws-emit::secret::dir", "new");
    expect(await join({})).toBe("secret_wrong");
    expect(await join({ secret: "new" })).toBe("allowed");
  });

  test("T15 a secret that was shown before is right for as long as it is the same, and another one is no guess", async () => {
    const { join, values } = setUp({ stored: { "ws-emit::secret::dir": "right" } });
    const secret = new ShownBefore((now) => now === "right");
    const client = {};
    expect(await join({ secret, client })).toBe("allowed");
    values.set("ws-emit::secret::dir", "other");
    const verdicts = await guess(10, async () => join({ secret, client }));
    expect(new Set(verdicts)).toEqual(new Set(["secret_wrong"]));
    values.set("ws-emit::secret::dir", "");
    expect(await join({ secret: new ShownBefore(() => true), client })).toBe("secret_wrong");
    expect(await join({ secret: new ShownBefore(() => true), client, room: "none::a" })).toBe("secret_wrong");
  });

  test("WSE-03 a public room needs no secret", async () => {
    const { join, lookups } = setUp();
    expect(await join({ room: "time", secret: undefined })).toBe("allowed");
    expect(await join({ room: "a:b", secret: undefined })).toBe("allowed");
    expect(lookups).toEqual([]);
  });

  test("T20 spaces named like properties of objects are names like others", async () => {
    const { join } = setUp({ configured: { dir: "right" } });
    for (const space of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      expect(await join({ room: `${space}::x`, secret: "right", address: space })).toBe("secret_wrong");
    }
  });
});

describe("what is no secret", () => {
  test.each([[undefined], [null], [""], [0], [123], [true], [["right"]], [{ secret: "right" }]])(
    "WSE-03 %j is refused without a lookup, and is no guess",
    async (secret) => {
      const { join, lookups } = setUp({ stored: { "ws-emit::secret::dir": "123" } });
      const client = {};
      expect(await guess(20, () => join({ secret, client }))).toEqual(
        Array.from({ length: 20 }, () => "secret_wrong"),
      );
      expect(lookups).toEqual([]);
      expect(await join({ secret: "123", client })).toBe("allowed");
    },
  );

  test("SEC-06 a space over the length of names is refused without a lookup", async () => {
    const { join, lookups } = setUp();
    expect(await join({ room: `${"é".repeat(129)}::x` })).toBe("secret_wrong");
    expect(lookups).toEqual([]);
    expect(await join({ room: `${"é".repeat(128)}::x` })).toBe("secret_wrong");
    expect(lookups).toHaveLength(1);
  });
});

describe("when the bus fails", () => {
  test("SEC-02 nobody enters, it is no guess, and a foreseen failure is not reported once more", async () => {
    const keys = failing(new GatewayError("bus_unavailable", "Expected an answer within 2 s"));
    const { join, reports } = setUp({ parts: { keys }, configured: { here: "right" } });
    const client = {};
    expect(await guess(20, () => join({ client }))).toEqual(Array.from({ length: 20 }, () => "unavailable"));
    expect(reports).toEqual([]);
    // What the configuration knows goes on.
    expect(await join({ room: "here::x", client })).toBe("allowed");
  });

  test("SEC-02 T17 another error refuses too, and is reported without the secret", async () => {
    const { join, reports } = setUp({ parts: { keys: failing(new TypeError("boom")) } });
    expect(await join({ secret: canary })).toBe("unavailable");
    expect(reports).toHaveLength(1);
    expect(Bun.inspect(reports)).not.toContain(canary);
  });
});

describe("guessing", () => {
  const stored = { "ws-emit::secret::dir": "right", "ws-emit::secret::shop": "right" };

  test("WSE-08 T13 after five wrong ones a client may not even be right", async () => {
    const { join, lookups } = setUp({ stored });
    const client = {};
    const wrong = () => join({ secret: "wrong", client });
    expect(await guess(6, wrong)).toEqual([...fiveWrong, "rate_limited"]);
    expect(lookups).toHaveLength(5);
    expect(await join({ client })).toBe("rate_limited");
    // On a client it counts for every space and address.
    expect(await join({ client, room: "shop::a", address: "192.0.2.9" })).toBe("rate_limited");
    expect(lookups).toHaveLength(5);
  });

  test("WSE-08 after five wrong ones an address may not go on with that space by a new client", async () => {
    const { join } = setUp({ stored });
    expect(await guess(6, () => join({ secret: "wrong" }))).toEqual([...fiveWrong, "rate_limited"]);
    expect(await join({})).toBe("rate_limited");
    expect(await join({ address: "::ffff:192.0.2.1" })).toBe("rate_limited");
  });

  test("WSE-08 SEC-15 a limited guesser locks out nobody else", async () => {
    const { join } = setUp({ stored });
    await guess(50, () => join({ secret: "wrong" }));
    expect(await join({ address: "192.0.2.2" })).toBe("allowed");
    expect(await join({ room: "shop::a" })).toBe("allowed");
  });

  test("WSE-08 T13 of 10,000 guesses at once at most five are compared: the right ones among the rest open nothing", async () => {
    const { join } = setUp({ stored, parts: { limits: { ...defaultLimits, roomsPerConnection: 100_000 } } });
    const client = {};
    const secretOf = (index: number): string => (index < 5 ? `wrong${index}` : "right");
    const guesses = Array.from({ length: 10_000 }, (_, index) => join({ secret: secretOf(index), client }));
    const verdicts = await Promise.all(guesses);
    expect(verdicts.slice(0, 5)).toEqual(fiveWrong);
    expect(new Set(verdicts.slice(5))).toEqual(new Set(["rate_limited"]));
  });

  test("WSE-08 a place comes back every twelve seconds", async () => {
    const { join, clock } = setUp({ stored });
    const client = {};
    await guess(5, () => join({ secret: "wrong", client }));
    clock.now = 11_900;
    expect(await join({ client })).toBe("rate_limited");
    clock.now = 12_100;
    expect(await join({ client })).toBe("allowed");
    expect(await guess(2, () => join({ secret: "wrong", client }))).toEqual(["secret_wrong", "rate_limited"]);
    clock.now = 12_100 + 60_000;
    expect(await guess(6, () => join({ secret: "wrong", client }))).toEqual([...fiveWrong, "rate_limited"]);
  });

  test("WSE-08 right ones cost nothing, and bring nothing back", async () => {
    const { join } = setUp({ stored });
    const client = {};
    const right = () => join({ client });
    const wrong = () => join({ secret: "wrong", client });
    expect(await guess(4, wrong)).toEqual(fiveWrong.slice(1));
    expect(await guess(100, right)).toEqual(Array.from({ length: 100 }, () => "allowed"));
    expect(await guess(2, wrong)).toEqual(["secret_wrong", "rate_limited"]);
  });

  test("WSE-03 a page may join many rooms of its space at once", async () => {
    const { join } = setUp({ stored });
    const client = {};
    const joins = Array.from({ length: 500 }, (_, index) => join({ room: `dir::${index}`, client }));
    expect(new Set(await Promise.all(joins))).toEqual(new Set(["allowed"]));
  });

  test("SEC-15 behind a proxy on loopback only the client's own limit counts", async () => {
    const { join } = setUp({ stored });
    const address = "127.0.0.1";
    await guess(50, () => join({ secret: "wrong", address }));
    expect(await join({ address })).toBe("allowed");
    const client = {};
    expect(await guess(6, () => join({ secret: "wrong", address, client }))).toEqual([
      ...fiveWrong,
      "rate_limited",
    ]);
  });

  test("SEC-06 lookups under way are bounded per client", async () => {
    const answers: (() => void)[] = [];
    const get = (keys: readonly string[]) =>
      new Promise<undefined[]>((resolve) => answers.push(() => resolve(keys.map(() => undefined))));
    const { join } = setUp({ parts: { keys: { get } } });
    const client = {};
    const joins = Array.from({ length: 1_500 }, () => join({ client }));
    expect(answers).toHaveLength(1_000);
    for (const answer of answers) answer();
    const verdicts = await Promise.all(joins);
    expect(verdicts.slice(1_000)).toEqual(Array.from({ length: 500 }, () => "rate_limited"));
  });
});

test("SEC-06 a lookup that is done makes room for the next, also when it failed", async () => {
  const limits = { ...defaultLimits, roomsPerConnection: 1 };
  const { join } = setUp({ stored: { "ws-emit::secret::dir": "right" }, parts: { limits } });
  const client = {};
  expect(await guess(3, () => join({ client }))).toEqual(["allowed", "allowed", "allowed"]);
  const away = setUp({ parts: { limits, keys: failing(new GatewayError("bus_unavailable", "away")) } });
  expect(await guess(2, () => away.join({ client }))).toEqual(["unavailable", "unavailable"]);
});

describe("what a refusal tells", () => {
  test("T13 T16 an unknown space and a wrong secret: the same verdict by the same lookups", async () => {
    const ask = async (stored: Readonly<Record<string, string>>) => {
      const { join, lookups } = setUp({ stored });
      return { verdict: await join({ secret: "wrong" }), lookups };
    };
    const known = await ask({ "ws-emit::secret::dir": "right" });
    expect(await ask({})).toEqual(known);
    expect(await ask({ "r2ws::room_secret::dir": "right" })).toEqual(known);
    expect(known.verdict).toBe("secret_wrong");
  });
});
