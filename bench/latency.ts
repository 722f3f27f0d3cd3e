// Latency: from Redis PUBLISH to the frame in one client of each dialect, unloaded, beside a bare Redis subscriber.
// Publisher, page and subscriber live in this process, so one clock times all and both receivers pay the same.

import type { DialectName } from "./support/dialects.ts";
import { manners, startBelfry } from "./support/dialects.ts";
import { openPage, openSubscriber, timeArrivals, untilHears } from "./support/receivers.ts";
import { percentile, printTable } from "./support/statistics.ts";
import type { Bench } from "./support/subjects.ts";

export async function latency(
  bench: Bench,
  messages: number,
  dialects: readonly DialectName[],
): Promise<void> {
  const rows: string[][] = [];
  for (const name of dialects) {
    const belfry = await startBelfry(bench, manners[name]);
    const page = await openPage(belfry);
    const bare = await openSubscriber(bench.redisPort, manners[name].channel, "x".repeat(bench.payload));
    await untilHears(page, () => belfry.publish(1));
    const times = await timeArrivals([page, bare], messages, () => belfry.publish(1));
    for (const [index, receiver] of [`a page behind ${belfry.name}`, "a bare Redis subscriber"].entries()) {
      rows.push([receiver, ...quantiles(times.map((time) => time[index] ?? Number.NaN))]);
    }
    page.close();
    bare.close();
    await belfry.stop();
  }
  printTable(
    `Latency of ${messages} single messages, us from PUBLISH`,
    ["receiver", "p50", "p90", "p99"],
    rows,
  );
}

export function quantiles(values: readonly number[]): string[] {
  return [50, 90, 99].map((percent) => percentile(values, percent).toFixed(0));
}
