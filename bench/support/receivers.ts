// What a message arrives at, in this process, so that one clock times its way: a page behind a server, and a bare Redis
// subscriber.

import { connect } from "node:net";
import type { Page } from "./generator.ts";

export interface Receiver {
  /** When the next message arrives, ms. */
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

/** A page, once it is open; one of the style `socketio` has joined the room `time` then. */
export async function openPage({
  port,
  page,
}: {
  readonly port: number;
  readonly page: Page;
}): Promise<Receiver> {
  const arrivals = new Arrivals();
  const socket = new WebSocket(`ws://127.0.0.1:${port}${page.path.replaceAll("{n}", "here")}`);
  await new Promise<void>((resolve, reject) => {
    const isPlain = page.style === "plain";
    socket.addEventListener("error", () => {
      reject(new Error(`Expected a page at ${page.path}`));
    });
    if (isPlain) socket.addEventListener("open", () => resolve());
    socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
      if (isPlain || data.startsWith("42")) arrivals.arrived();
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

/** A bare subscriber; `mark` is in every message of ours: the gateway's canaries may pass on the channel too. */
export async function openSubscriber(port: number, channel: string, mark: string): Promise<Receiver> {
  const arrivals = new Arrivals();
  const socket = connect(port, "127.0.0.1");
  socket.write(`*2\r\n$9\r\nSUBSCRIBE\r\n$${channel.length}\r\n${channel}\r\n`);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.on("data", (data) => {
    if (data.includes(mark)) arrivals.arrived();
  });
  return {
    next: () => arrivals.next(),
    close: () => {
      socket.destroy();
    },
  };
}

const warmUp = 50;

/**
 * Publishes one by one, a pause between. @returns for each message when it arrived at each receiver, us after the
 * publish began.
 */
export async function timeArrivals(
  receivers: readonly Receiver[],
  messages: number,
  publish: () => Promise<void>,
): Promise<readonly (readonly number[])[]> {
  const times: number[][] = [];
  for (let sent = 0; sent < messages + warmUp; sent++) {
    await Bun.sleep(4);
    const start = performance.now();
    const arrivals = Promise.all(receivers.map((receiver) => receiver.next()));
    await publish();
    times.push((await arrivals).map((at) => (at - start) * 1000));
  }
  return times.slice(warmUp);
}

/** Until the receiver hears: a page may be open before its server has put it into the room. */
export async function untilHears(receiver: Receiver, publish: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    const heard = receiver.next();
    await publish();
    if (await Promise.race([heard.then(() => true), Bun.sleep(200).then(() => false)])) return;
  }
  throw new Error("Expected a page to hear a message within 10 s");
}
