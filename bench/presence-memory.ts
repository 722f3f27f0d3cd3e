// What presence costs a gateway for each member of a room: resident bytes of a fresh process before and after its pages came,
// each another user by a token, without presence, with it, and with every page watching the room.

import { SignJWT } from "jose";
import { untilReady } from "./support/dialects.ts";
import { freePort, memoryOf, onServersCore, programs } from "./support/process.ts";
import { printTable } from "./support/statistics.ts";
import type { Bench } from "./support/subjects.ts";

const secret = "a secret of the benchmark, 32 bytes";
/** What collectors take to give back what the connecting cost. */
const settleMs = 20_000;
const pagesAtOnce = 64;

interface Way {
  readonly name: string;
  readonly presence: boolean;
  readonly query: string;
}

const ways: readonly Way[] = [
  { name: "without presence", presence: false, query: "" },
  { name: "with presence", presence: true, query: "" },
  { name: "with presence, watched by every page", presence: true, query: "&presence=true" },
];

export async function presenceMemory(bench: Bench, members: number): Promise<void> {
  const tokens = await Promise.all(Array.from({ length: members }, async (_, n) => signToken(n)));
  const costs: number[] = [];
  for (const way of ways) costs.push(await measure(bench, way, tokens));
  const [without = 0] = costs;
  printTable(
    `Presence, ${members} members of one room, each a user with an info`,
    ["gateway", "KB per member", "more than without"],
    ways.map(({ name }, index) => {
      const cost = costs[index] ?? 0;
      return [name, cost.toFixed(2), (cost - without).toFixed(2)];
    }),
  );
}

async function signToken(n: number): Promise<string> {
  const claims = { sub: `user-${n}`, info: { name: `Name of user ${n}` }, exp: Date.now() / 1_000 + 86_400 };
  return new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret));
}

/** @returns KB for each member. */
async function measure(bench: Bench, { presence, query }: Way, tokens: readonly string[]): Promise<number> {
  const port = await freePort();
  const rooms = JSON.stringify([{ match: "*", presence }]);
  const jwt = ["--auth-jwt-algorithm", "HS256", "--auth-jwt-secret", secret];
  const flags = ["--redis", bench.redisUrl, "--address", `127.0.0.1:${port}`, "--dialects", "native"];
  const more = ["--rooms", rooms, "--native-heartbeat", "120", "--log-format", "json"];
  const gateway = onServersCore([programs.belfry, "serve", ...flags, ...jwt, ...more]);
  await untilReady(`http://127.0.0.1:${port}/-/health/ready`);
  const before = memoryOf(gateway.pid);
  const url = `ws://127.0.0.1:${port}/connect?room=bench${query}`;
  const pages: WebSocket[] = [];
  for (let at = 0; at < tokens.length; at += pagesAtOnce) {
    pages.push(
      ...(await Promise.all(tokens.slice(at, at + pagesAtOnce).map(async (token) => join(url, token)))),
    );
  }
  await Bun.sleep(settleMs);
  const after = memoryOf(gateway.pid);
  await gateway.stop();
  for (const page of pages) page.close();
  return (after - before) / tokens.length / 1024;
}

/** Resolves when the page is in the room. */
async function join(url: string, token: string): Promise<WebSocket> {
  const page = new WebSocket(url, ["belfry", `bearer.${token}`]);
  await new Promise((resolve, reject) => {
    page.addEventListener("message", resolve, { once: true });
    page.addEventListener("close", reject, { once: true });
  });
  return page;
}
