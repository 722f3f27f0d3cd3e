// Latency: from Redis PUBLISH to the frame in one client, unloaded, beside a bare Redis subscriber. Publisher, page and
// subscriber live in this process, so one clock times all and both receivers pay the same.

import { connect } from "node:net";
import { percentile, printTable } from "./support/statistics.ts";
import type { Bench, Subject } from "./support/subjects.ts";
import { startBelfry } from "./support/subjects.ts";

const warmUp = 50;

export async function latency(bench: Bench, messages: number): Promise<void> {
  const belfry = await startBelfry(bench);
  const page = await openPage(belfry);
  const bare = await openSubscriber(bench.redisPort);
  const times: { page: number; bare: number }[] = [];
  for (let sent = 0; sent < messages + warmUp; sent++) {
    await Bun.sleep(4);
    const start = performance.now();
    const arrivals = Promise.all([page.next(), bare.next()]);
    await belfry.publish(1);
    const [through, direct] = await arrivals;
    times.push({ page: (through - start) * 1000, bare: (direct - start) * 1000 });
  }
  const measured = times.slice(warmUp);
  const row = (name: string, values: readonly number[]) => [
    name,
    ...[50, 90, 99].map((percent) => percentile(values, percent).toFixed(0)),
  ];
  printTable(
    `Latency of ${messages} single messages, us from PUBLISH`,
    ["receiver", "p50", "p90", "p99"],
    [
      row(
        "a page behind belfry",
        measured.map((time) => time.page),
      ),
      row(
        "a bare Redis subscriber",
        measured.map((time) => time.bare),
      ),
    ],
  );
  page.close();
  bare.close();
  await belfry.stop();
}

/** Something that messages arrive at. */
interface Receiver {
  /** When the next message arrives. */
  next(): Promise<number>;
  close(): void;
}

class Arrivals {
  #resolve: (at: number) => void = () => {};
  next(): Promise<number> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }
  arrived(): void {
    this.#resolve(performance.now());
  }
}

/** A page in the room `time`. */
async function openPage(subject: Subject): Promise<Receiver> {
  const arrivals = new Arrivals();
  const socket = new WebSocket(`ws://127.0.0.1:${subject.port}/socket.io/?EIO=4&transport=websocket`);
  await new Promise<void>((resolve) => {
    socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
      if (data.startsWith("42")) arrivals.arrived();
      else if (data.startsWith("0")) socket.send("40");
      else if (data.startsWith("40")) socket.send('420["join",{"room":"time"}]');
      else if (data.startsWith("43")) resolve();
      else if (data === "2") socket.send("3");
    });
  });
  return {
    next: () => arrivals.next(),
    close: () => {
      socket.close();
    },
  };
}

async function openSubscriber(port: number): Promise<Receiver> {
  const arrivals = new Arrivals();
  const channel = "bench-belfry";
  const socket = connect(port, "127.0.0.1");
  socket.write(`*2\r\n$9\r\nSUBSCRIBE\r\n$${channel.length}\r\n${channel}\r\n`);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.on("data", (data) => {
    // The gateway's canaries pass here too.
    if (data.includes('"emit"')) arrivals.arrived();
  });
  return {
    next: () => arrivals.next(),
    close: () => {
      socket.destroy();
    },
  };
}
