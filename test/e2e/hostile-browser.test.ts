// Hostile browsers against a gateway in a process of its own: the packets that crashed other servers, over every
// transport, many times, while well-behaved clients go on (T3, T4, T5, T6, T20; scorecard S2).

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { emit } from "../support/emit.ts";
import { Crowd } from "../support/crowd.ts";
import { hostileBodies, hostileFrames, hostilePackets, hostileRequests } from "../support/hostile.ts";
import { PollingClient } from "../support/polling-client.ts";
import { RawWebSocket, rawRequest } from "../support/raw.ts";
import { ServedGateway } from "../support/serve.ts";
import { until } from "../support/until.ts";

const mib = 1024 * 1024;
const secret = "publish-secret";
const rounds = 20;
/** Attackers at the same time. */
const atOnce = 8;

let gateway: ServedGateway;
let crowd: Crowd;
let ticks = 0;
let rung: Promise<void> = Promise.resolve();

beforeAll(async () => {
  gateway = await ServedGateway.start({ args: ["--secret", secret, "--cors", "*"] });
  crowd = await Crowd.connect([gateway.url], 12);
  for (const member of crowd.members) expect(await member.join("time")).toBe(true);
});
afterAll(async () => {
  crowd[Symbol.dispose]();
  await gateway[Symbol.asyncDispose]();
});

/** Rings once for the well-behaved. One ring after the other: two requests at once have no order. */
async function tick(): Promise<void> {
  rung = rung.then(ring);
  await rung;
}

async function ring(): Promise<void> {
  await emit(gateway.url, { event: "tick", room: "time", secret, data: ticks++ });
}

/** All are connected still, and heard every tick once, in order; the process is the same, and found no fault in itself. */
async function expectUndisturbed(): Promise<void> {
  await tick();
  const expected = Array.from({ length: ticks }, (_, index) => index);
  await until(() =>
    crowd.members.every((member) => member.heard.length >= ticks || member.troubles.length > 0),
  );
  for (const member of crowd.members) {
    expect(member.firsts).toEqual(expected);
    expect(member.troubles).toEqual([]);
  }
  expect(gateway.process.isRunning).toBe(true);
  expect(gateway.process.output).not.toContain('"level":"error"');
}

async function gauge(name: string): Promise<number> {
  return (await gateway.metrics()).sum(name);
}

/** Runs every attack so many times, several at once, in an order that mixes them. A tick rings now and then. */
async function attack(attacks: readonly (() => Promise<void>)[], times: number): Promise<void> {
  const all = Array.from({ length: times }, () => attacks).flat();
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let mine = all[next++]; mine; mine = all[next++]) {
      await mine();
      if (++done % 50 === 0) await tick();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

/** An event that a live session acknowledges. */
const question = '4277["join",{"room":"after"}]';
const answer = "4377[]";

async function openWebSocket(query: string): Promise<RawWebSocket> {
  const socket = await RawWebSocket.open(gateway.url, `/socket.io/?${query}&transport=websocket`);
  if (query === "EIO=4") socket.send("40");
  await socket.waitForMessages(2);
  return socket;
}

/** Waits for the answer or the end: one of them must come. */
async function settle(socket: RawWebSocket): Promise<void> {
  try {
    while ((await socket.waitForMessage(10_000)) !== answer);
  } catch (error) {
    if (!socket.connection.hasEnded && !String(error).includes("opcode 8")) throw error;
  }
}

async function overWebSocket(query: string, packets: readonly (string | Uint8Array)[]): Promise<void> {
  using socket = await openWebSocket(query);
  for (const packet of packets) {
    if (typeof packet === "string") socket.send(packet);
    else socket.send(query === "EIO=3" ? Buffer.concat([Uint8Array.of(4), packet]) : packet);
  }
  socket.send(question);
  await settle(socket);
}

async function overPolling(query: string, body: string | Uint8Array): Promise<void> {
  const session = await PollingClient.open(gateway.url, { query });
  await session.post(query === "EIO=4" ? "40" : "2:40");
  const { status } = await session.post(body);
  expect([200, 400, 413]).toContain(status);
  const asked = await session.post(query === "EIO=4" ? question : `${question.length}:${question}`);
  expect([200, 400]).toContain(asked.status);
  if (asked.status === 200) await session.post(query === "EIO=4" ? "1" : "1:1");
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

function payloadV4(packets: readonly (string | Uint8Array)[]): string {
  return packets.map((packet) => (typeof packet === "string" ? packet : `b${base64(packet)}`)).join("\u001e");
}

function payloadV3(packets: readonly (string | Uint8Array)[]): string {
  const texts = packets.map((packet) => (typeof packet === "string" ? packet : `b4${base64(packet)}`));
  return texts.map((text) => `${text.length}:${text}`).join("");
}

describe("T3 T4 T5 T20 nobody is disturbed, and the process stays the same, whatever is sent", () => {
  const packets = Object.values(hostilePackets);
  const suites: Readonly<Record<string, readonly (() => Promise<void>)[]>> = {
    [`${packets.length} kinds of packets over websockets of version 4`]: packets.map(
      (packet) => async () => overWebSocket("EIO=4", packet),
    ),
    [`${packets.length} kinds of packets over websockets of version 3`]: packets.map(
      (packet) => async () => overWebSocket("EIO=3", packet),
    ),
    [`${packets.length} kinds of packets over polling of version 4`]: packets.map(
      (packet) => async () => overPolling("EIO=4", payloadV4(packet)),
    ),
    [`${packets.length} kinds of packets over polling of version 3`]: packets.map(
      (packet) => async () => overPolling("EIO=3", payloadV3(packet)),
    ),
    [`${Object.keys(hostileFrames).length} kinds of frames`]: Object.values(hostileFrames).map(
      (bytes) => async () => {
        using socket = await openWebSocket("EIO=4");
        socket.connection.write(bytes);
        socket.send(question);
        // A frame that is not whole swallows the question: its end is the connection's.
        await Promise.race([settle(socket), Bun.sleep(100)]);
      },
    ),
    [`${Object.keys(hostileBodies).length} kinds of bodies`]: Object.values(hostileBodies).flatMap((body) =>
      ["EIO=4", "EIO=3"].map((query) => async () => overPolling(query, body)),
    ),
    [`${hostileRequests.length} kinds of requests`]: hostileRequests.map(
      ([method, query, headers = {}]) =>
        async () => {
          const path = `/socket.io/?${query}`;
          const { status, text } = await rawRequest(gateway.url, { method, path, headers });
          expect([200, 400, 426], `${method} ${query}`).toContain(status);
          // A session that came of it is closed again, so that what is left over can be counted.
          const sid = /"sid":"([^"]+)"/.exec(text)?.[1];
          const close = { method: "POST", path: `/socket.io/?transport=polling&sid=${sid ?? ""}`, body: "1" };
          if (sid !== undefined) expect((await rawRequest(gateway.url, close)).status).toBe(200);
        },
    ),
  };

  /** 100 that keep their last attachment back while all the others attack: how long each of them lived, ms. */
  const hoarders: Promise<number>[] = [];
  beforeAll(async () => {
    const before = await gauge("belfry_process_resident_memory_bytes");
    for (let index = 0; index < 100; index++) {
      const socket = await openWebSocket("EIO=4");
      const started = performance.now();
      socket.send('4510-["x",{"_placeholder":true,"num":9}]');
      for (let part = 0; part < 9; part++) socket.send(new Uint8Array(1_000));
      hoarders.push(socket.waitForClose(15_000).then(() => performance.now() - started));
    }
    expect((await gauge("belfry_process_resident_memory_bytes")) - before).toBeLessThan(16 * mib);
  });

  for (const [name, attacks] of Object.entries(suites)) {
    test(`T3 T4 T5 T20 ${name}, ${rounds} times each`, async () => {
      await attack(attacks, rounds);
      await expectUndisturbed();
    }, 60_000);
  }

  test("T3 T5 all of it once more: memory is where it was, and no session is left over", async () => {
    const all = Object.values(suites).flat();
    const before = await gauge("belfry_process_resident_memory_bytes");
    await attack(all, 8);
    await expectUndisturbed();
    // The collector takes its time: what it has not done yet is no leak.
    await until(async () => {
      await tick();
      return (await gauge("belfry_process_resident_memory_bytes")) - before < 48 * mib;
    }, 20_000);
    await until(async () => (await gauge("belfry_connections")) === crowd.members.length);
    expect(await gauge("belfry_rooms")).toBe(1);
  }, 60_000);

  test("T5 SIO-09 whoever announced attachments and did not send them all was closed, 10 s later", async () => {
    const lifetimes = await Promise.all(hoarders);
    expect(Math.min(...lifetimes)).toBeGreaterThan(9_000);
    expect(Math.max(...lifetimes)).toBeLessThan(12_000);
  }, 15_000);
});

describe("T6 fragments without end", () => {
  const count = 5_000_000;
  const inPiece = 10_000;

  /** Sends so many fragments of one message, each masked with zeros. @returns how many were taken before the end. */
  async function sendFragments(socket: RawWebSocket, payload: string): Promise<number> {
    const fragment = Buffer.concat([
      Uint8Array.of(0x00, 0x80 | payload.length, 0, 0, 0, 0),
      Buffer.from(payload),
    ]);
    const piece = Buffer.concat(Array.from({ length: inPiece }, () => fragment));
    socket.sendFrame(1, '4277["join",{"room":"', false);
    let sent = 0;
    while (sent < count && !socket.connection.hasEnded) {
      socket.connection.write(piece);
      sent += inPiece;
      // The gateway reads on, and so do the controls.
      if (sent % (10 * inPiece) === 0) await tick();
    }
    return sent;
  }

  test("T6 5,000,000 empty ones: memory and 100 clients are unharmed, and the message ends as it should", async () => {
    using controls = await Crowd.connect([gateway.url], 100);
    for (const member of controls.members) await member.join("time");
    const first = ticks;
    const before = await gauge("belfry_process_resident_memory_bytes");
    using socket = await openWebSocket("EIO=4");
    const started = performance.now();
    expect(await sendFragments(socket, "")).toBe(count);
    socket.sendFrame(0, 'after"}]');
    expect(await socket.waitForMessage(20_000)).toBe(answer);
    const seconds = (performance.now() - started) / 1_000;
    const raised = (await gauge("belfry_process_resident_memory_bytes")) - before;
    console.log(`${count} empty fragments: ${seconds.toFixed(1)} s, ${(raised / mib).toFixed(1)} MiB`);
    expect(raised).toBeLessThan(16 * mib);
    await expectUndisturbed();
    await until(() => controls.members.every((member) => member.heard.length === ticks - first));
    expect(controls.members.flatMap((member) => member.troubles)).toEqual([]);
  }, 60_000);

  test("T6 5,000,000 of one byte: closed at the limit of a message", async () => {
    const before = await gauge("belfry_process_resident_memory_bytes");
    using socket = await openWebSocket("EIO=4");
    await sendFragments(socket, "x");
    expect((await socket.waitForClose()).code).not.toBe(1000);
    expect((await gauge("belfry_process_resident_memory_bytes")) - before).toBeLessThan(16 * mib);
    await expectUndisturbed();
  }, 60_000);
});
