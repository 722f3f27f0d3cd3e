// Nothing that anybody says to a dialect comes out where it does not belong (T17, S9): not in the output at its most
// talkative level, not in metrics, not in error answers, not when Redis is lost. Run over the registry: each driver knows
// all the places where something can be said. All dialects on one port, in a process of its own.

import { expect, setDefaultTimeout, test } from "bun:test";
import { ask } from "../../support/dialects/ask.ts";
import { Canaries } from "../../support/dialects/canaries.ts";
import { allDrivers } from "../../support/dialects/drivers.ts";
import { admitted } from "../../support/dialects/ear.ts";
import { ServedSite } from "../../support/dialects/served-site.ts";
import { configOf, publishSecret } from "../../support/dialects/site.ts";
import { startRedis } from "../../support/redis.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(60_000);

test("T17 SEC-04 SEC-05 no input of any dialect is seen in the output, metrics or error answers", async () => {
  const canaries = new Canaries();
  canaries.watch(publishSecret);
  const { make } = canaries;
  const config = configOf(allDrivers);
  await using redis = await startRedis();
  await using site = await ServedSite.open(redis, allDrivers, {
    log: { level: "debug", format: "json" },
    roomSecrets: { configured: make("configured") },
    identity: { ...config.identity, secretKey: make("secretkey") },
    "ws-hub": { ...config["ws-hub"], adminToken: make("admintokenofours") },
  });
  const answers: string[] = [];
  for (const driver of allDrivers) {
    const before = canaries.count;
    answers.push(...(await driver.whisper(site, make)));
    expect({ dialect: driver.dialect, isThorough: canaries.count - before >= 15 }).toEqual({
      dialect: driver.dialect,
      isThorough: true,
    });
  }
  /** Everything wrong, with words wherever there is room for one. @returns what came back. */
  const sayWrong = async (where: string): Promise<void> => {
    for (const driver of allDrivers) {
      for (const request of driver.badRequests(site, () => make(`${where}${driver.dialect}`))) {
        const cookie = `sessionid=${make(`${where}cookie`)}`;
        const authorization = `Bearer ${make(`${where}bearer`)}`;
        const headers = { Cookie: cookie, Authorization: authorization, ...request.headers };
        answers.push((await ask(site.url, { ...request, headers })).whole);
      }
    }
  };
  await sayWrong("wrong");
  const members = await Promise.all(allDrivers.map(async (driver) => driver.enter(site, make("room"))));
  await redis.kill();
  await until(() => site.output.includes('"event":"bus_down"'), 20_000);
  await sayWrong("lost");
  for (const member of members) {
    // What clients say now is lost.
    admitted(member).socket.send(make("saidtonobody"));
    admitted(member)[Symbol.dispose]();
  }
  for (const path of ["/-/metrics", "/-/health/ready", "/-/health/live"]) {
    answers.push((await ask(site.url, { path })).text);
  }
  expect(await site.stop()).toBe(0);
  expect(canaries.count).toBeGreaterThan(300);
  const debugLines = site.output.split("\n").filter((line) => line.includes('"level":"debug"'));
  expect(debugLines.length).toBeGreaterThan(50);
  expect(site.output).toContain('"event":"listening"');
  expect(canaries.foundIn(answers.join("\n"))).toEqual([]);
  // The one line that says what a page sent: its Origin, which somebody has to list.
  const lines = site.output.split("\n").filter((line) => !line.includes('"event":"origin_refused"'));
  expect(canaries.foundIn(lines.join("\n"))).toEqual([]);
});

test("T17 the finder of this suite finds a word in every guise", () => {
  const canaries = new Canaries();
  const word = canaries.make("a b");
  canaries.make("another");
  for (const text of [
    `x ${word.toUpperCase()} y`,
    `x=${encodeURIComponent(word)}&`,
    Buffer.from(word).toString("hex"),
    `"${Buffer.from(`${word} and more`).toString("base64")}"`,
  ]) {
    expect(canaries.foundIn(text)).toEqual([word]);
  }
  expect(canaries.foundIn("canary-another-")).toEqual([]);
});
