// What refusals say, run over the registry: fixed sentences that repeat nothing of a request (SEC-05), the same words
// for a forbidden and for an unknown room (T16), and no to pages of other origins (T1). All dialects on one port.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { ask } from "../../support/dialects/ask.ts";
import { tryOpen } from "../../support/dialects/driver.ts";
import { allDrivers } from "../../support/dialects/drivers.ts";
import { Ear } from "../../support/dialects/ear.ts";
import { Site, guardedConfigOf } from "../../support/dialects/site.ts";
import { RawWebSocket } from "../../support/raw.ts";
import { startRedis } from "../../support/redis.ts";
import type { RedisServer } from "../../support/redis.ts";

setDefaultTimeout(60_000);

const good = "https://good.example";

let redis: RedisServer;
let site: Site;
/** The same, with pages of one origin alone. */
let guarded: Site;

beforeAll(async () => {
  redis = await startRedis();
  site = await Site.open(redis, allDrivers);
  guarded = await Site.open(redis, allDrivers, guardedConfigOf(allDrivers, [good]));
  await site.backend.set("ws-emit::secret::shop", "the secret of the shop");
});

afterAll(async () => {
  await guarded[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
  await redis.stop();
});

describe.each(allDrivers.map((driver) => [driver.dialect, driver] as const))("%s", (_dialect, driver) => {
  test("SEC-05 T26 WSE-22 refusals are plain text, and repeat nothing of the request", async () => {
    let count = 0;
    let words: string[] = [];
    const word = (): string => {
      const made = `an-echo-of-the-request-${++count}`;
      words.push(made);
      return made;
    };
    const requests = driver.badRequests(site, word);
    expect(requests.length).toBeGreaterThanOrEqual(8);
    const all = words;
    for (const request of requests) {
      words = [];
      const headers = {
        Cookie: `a=${word()}`,
        Referer: `http://${word()}/`,
        "User-Agent": word(),
        ...request.headers,
      };
      const answer = await ask(site.url, { ...request, headers });
      const shown = { path: request.path, status: answer.status };
      expect({ ...shown, isRefusal: answer.status >= 400 && answer.status < 500 }).toEqual({
        ...shown,
        isRefusal: true,
      });
      expect([...all, ...words].filter((made) => answer.whole.includes(made))).toEqual([]);
      expect(answer.headers.get("content-type") ?? "").toMatch(
        /^(text\/plain|application\/(?:problem\+)?json)/,
      );
      expect({ ...shown, nosniff: answer.headers.get("x-content-type-options") }).toEqual({
        ...shown,
        nosniff: "nosniff",
      });
    }
  });

  // Where a backend grants rooms, nobody asks for one.
  const asking = driver.entry === "asks" ? [driver] : [];
  test.each(asking)(
    "T16 SEC-10 WSE-03 a room that is locked and one that nobody knows are refused with the same words",
    async () => {
      const seen: string[] = [];
      // A space with a secret, one without, and a room of somebody else's.
      for (const name of ["shop::orders", "nobody::orders", "user:john::orders"]) {
        const answer = await driver.enter(site, name);
        seen.push(answer instanceof Ear ? "as if it had joined" : words(answer));
        if (answer instanceof Ear) answer[Symbol.dispose]();
      }
      expect(new Set(seen).size).toBe(1);
    },
  );

  test("T1 EIO-18 W4R-16 SEC-08 pages of another origin do not come in, whatever it looks like", async () => {
    const wrong: string[] = [];
    for (const [origin, isGood] of origins(new URL(guarded.url).host)) {
      const headers = { ...driver.handshakeHeaders, Origin: origin };
      const answer = await tryOpen(guarded, driver.handshake, headers);
      const isIn = answer instanceof RawWebSocket;
      if (isIn !== isGood || (!isIn && answer.status !== 403 && answer.status !== 400)) {
        wrong.push(`${origin}: ${isIn ? "in" : answer.status}`);
      }
      if (isIn) answer[Symbol.dispose]();
    }
    const without = await tryOpen(guarded, driver.handshake, driver.handshakeHeaders);
    expect(without).toBeInstanceOf(RawWebSocket);
    if (without instanceof RawWebSocket) without[Symbol.dispose]();
    expect(wrong).toEqual([]);
  });
});

function words({
  status,
  headers,
  text,
}: Exclude<Awaited<ReturnType<typeof tryOpen>>, RawWebSocket>): string {
  const lines = [...headers].filter(([name]) => name !== "date").map(([name, value]) => `${name}: ${value}`);
  return [status, ...lines.sort(), text].join("\n");
}

/** Origins, and whether they are the listed one. */
function origins(host: string): readonly (readonly [string, boolean])[] {
  const bad = [
    "null",
    "",
    "http://good.example",
    "https://GOOD.example",
    "https://Good.Example",
    "HTTPS://good.example",
    "https://good.example/",
    "https://good.example:443",
    "https://good.example:8443",
    "https://good.example.",
    "https://good.example.evil.example",
    "https://evilgood.example",
    "https://evil.example/good.example",
    "https://evil.example?https://good.example",
    "https://evil.example#https://good.example",
    "https://sub.good.example",
    "https://good.example@evil.example",
    "https://evil.example@good.example",
    "https://good.example:x@evil.example",
    "https://good.example%00.evil.example",
    "https://good.example%2eevil.example",
    String.raw`https://good.example\.evil.example`,
    "https://good.example,https://evil.example",
    "https://evil.example,https://good.example",
    "https://good.example https://evil.example",
    "https://xn--good-example",
    "https://good\u00e9.example",
    "https://g\u043e\u043ed.example",
    "https://good_example",
    "https://goodXexample",
    "https://*",
    "*",
    "*.example",
    "https://*.example",
    "good.example",
    "//good.example",
    "file://",
    "chrome-extension://good.example",
    "ws://good.example",
    "wss://good.example",
    "blob:https://good.example",
    "data:text/html,good.example",
    "javascript:https://good.example",
    `https://${host}.evil.example`,
    `http://evil.example:${host.split(":")[1] ?? ""}`,
    "http://127.0.0.1",
    "http://localhost",
    "https://[::1]",
  ];
  return [...bad.map((origin) => [origin, false] as const), [good, true] as const];
}
