// Memory of an idle connection: resident bytes of a fresh process before its pages came and after all heard a message.

import { createClient } from "@redis/client";
import type { DialectName, Manner } from "./support/dialects.ts";
import { manners, startBelfry } from "./support/dialects.ts";
import { Generator } from "./support/generator.ts";
import { startGevent, startGorilla, startSocketIo } from "./support/peers.ts";
import { memoryOf } from "./support/process.ts";
import { printTable } from "./support/statistics.ts";
import type { Bench, Start, Subject } from "./support/subjects.ts";
import { startBare } from "./support/subjects.ts";

/** Each segment of a channel's path costs a topic. */
const deepChannel: Manner = {
  ...manners["websocket-channels"],
  name: "websocket-channels, depth 4",
  page: { style: "plain", path: "/ws/a/b/c/time" },
  channel: "websocket:a/b/c/time",
};

/** A page that hears its user and its session too: each is a Redis name and a topic of its own. */
const knownVisitor: Manner = {
  ...manners.ws4redis,
  name: "ws4redis, own user and session",
  page: {
    style: "plain",
    path: "/ws/time?subscribe-broadcast&subscribe-user&subscribe-session",
    header: "Cookie: sessionid=session-of-page-{n}",
  },
  flags: ["--identity-session-engine", "cache", "--identity-username", "session:username"],
};

/** Sessions as Django keeps them in a Redis cache with a JSON serialiser. */
async function writeSessions(bench: Bench, count: number): Promise<void> {
  const redis = await createClient({ url: bench.redisUrl }).connect();
  const numbers = Array.from({ length: count }, (_, number) => number);
  await Promise.all(
    numbers.map((number) =>
      redis.set(
        `:1:django.contrib.sessions.cachesession-of-page-${number}`,
        JSON.stringify({ _auth_user_id: `${number}`, username: `user-${number}` }),
      ),
    ),
  );
  await redis.close();
}

function startsOf(dialects: readonly DialectName[]): readonly Start[] {
  const own = [...dialects.map((name) => manners[name]), deepChannel, knownVisitor];
  return [
    (bench) => startBare(bench, "plain"),
    async (bench) => ({ ...(await startBare(bench, "stream")), name: "bare engine, event streams" }),
    ...own
      .filter(({ dialect }) => dialects.some((name) => manners[name].dialect === dialect))
      .map(
        (manner): Start =>
          (bench) =>
            startBelfry(bench, manner),
      ),
    ...(dialects.includes("socketio") ? [startSocketIo] : []),
    ...(dialects.includes("ws-hub") ? [startGorilla] : []),
    ...(dialects.includes("websocket-channels") ? [startGevent] : []),
  ];
}

export async function idleMemory(
  bench: Bench,
  clients: number,
  dialects: readonly DialectName[],
): Promise<void> {
  await writeSessions(bench, clients);
  const rows: string[][] = [];
  for (const start of startsOf(dialects)) {
    const subject = await start(bench);
    rows.push(
      "absence" in subject ? [subject.name, `not run: ${subject.absence}`] : await measure(subject, clients),
    );
  }
  printTable(
    `Idle memory, ${clients} connections in one room`,
    ["server", "before, MiB", "after, MiB", "KB per connection"],
    rows,
  );
}

/** What collectors take to give back what the connecting cost; after 10 s little changes. */
const settleMs = 20_000;

async function measure(subject: Subject, clients: number): Promise<string[]> {
  const before = memoryOf(subject.pid);
  const pages = await Generator.start(subject, clients, 1);
  await pages.untilAllHear(() => subject.publish(1));
  await Bun.sleep(settleMs);
  const after = memoryOf(subject.pid);
  await pages.stop();
  await subject.stop();
  const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);
  return [subject.name, mib(before), mib(after), ((after - before) / clients / 1024).toFixed(2)];
}
