// A Redis that takes connections but answers none: something in front of it resets them, it still loads its data, or it has
// too many clients. However long that lasts, all is well within 5 s of the healing. The cases run side by side.

import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { type Socket, connect, createServer } from "node:net";
import { silent } from "../../src/core/observe.ts";
import { dial } from "../../src/brokers/redis/dial.ts";
import { Link } from "../../src/brokers/redis/link.ts";
import { parseRedisUrl } from "../../src/brokers/redis/url.ts";
import { until } from "../support/until.ts";
import { Scene } from "./redis-scene.ts";

/** By then the doubling alone would have come to 16 s between two attempts. */
const outageMs = 20_000;
const timeoutMs = 45_000;

describe("a Redis that takes connections and answers none", () => {
  test.concurrent(
    "F3 PSQ-16 a Redis behind something that accepts and resets is back within 5 s of its healing",
    async () => {
      await using scene = await Scene.open();
      scene.proxy.cut();
      await scene.outage(outageMs);
      scene.proxy.heal();
      await scene.expectHealed();
    },
    timeoutMs,
  );

  test.concurrent(
    "PSQ-16 a Redis that still loads its data (LOADING)",
    async () => {
      await using scene = await Scene.open({ args: slowLoad });
      const keys = Array.from({ length: 200 }, (_value, index) => [`key ${index}`, "x".repeat(1_024)]);
      await scene.server.command("MSET", ...keys.flat());
      const loaded = scene.server.command("DEBUG", "RELOAD");
      await until(async () => String(await scene.server.command("INFO")).includes("\nloading:1"));
      scene.proxy.cut();
      scene.proxy.heal();
      await scene.outage(outageMs / 2);
      expect(scene.bus.state()).toMatchObject({ reason: expect.stringContaining("(LOADING)") });
      await loaded;
      await scene.expectHealed();
    },
    timeoutMs,
  );

  test.concurrent(
    "PSQ-16 a Redis that has too many clients",
    async () => {
      await using scene = await Scene.open();
      const only = connect(scene.server.port, "127.0.0.1");
      await ask(only, "CONFIG SET maxclients 1");
      scene.proxy.cut();
      scene.proxy.heal();
      await scene.outage(outageMs);
      expect(scene.bus.state()).toMatchObject({ reason: expect.stringContaining("max number of clients") });
      await ask(only, "CONFIG SET maxclients 100");
      await scene.expectHealed();
      only.destroy();
    },
    timeoutMs,
  );

  test.concurrent(
    "PSQ-16 attempts without an answer are not held against a Redis that answers and hangs up once",
    async () => {
      // Ends four connections, answers on the next one and hangs up, and stays from then on: about 11 s in all.
      let accepted = 0;
      const server = createServer((socket) => {
        accepted += 1;
        socket.on("error", () => undefined);
        if (accepted > 1 && accepted <= 5) socket.end();
        else if (accepted === 6) socket.once("data", () => socket.end("+PONG\r\n"));
        else socket.on("data", () => socket.write("+PONG\r\n"));
        if (accepted === 1) socket.once("data", () => setTimeout(() => socket.destroy(), 100));
      });
      await once(server.listen(0, "127.0.0.1"), "listening");
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      const link: Link = new Link({
        dial: () => dial(parseRedisUrl(`redis://127.0.0.1:${port}`), { rejectUnauthorized: true }, 2_000),
        knock: async () => false,
        observe: silent,
        onUp: () => undefined,
        onDown: () => undefined,
      });
      await link.open();
      await until(() => accepted === 6, 15_000);
      const start = performance.now();
      await until(() => accepted === 7, 30_000);
      expect(performance.now() - start).toBeLessThan(3_000);
      link.close();
      server.close();
    },
    timeoutMs,
  );
});

/** Each key takes 100 ms, and connections are served in between. */
const slowLoad =
  "--enable-debug-command yes --key-load-delay 100000 --loading-process-events-interval-bytes 1024 --rdbcompression no".split(
    " ",
  );

/** One command on a connection that stays. */
async function ask(socket: Socket, command: string): Promise<void> {
  socket.write(`${command}\r\n`);
  const [answer] = await once(socket, "data");
  expect(String(answer)).toBe("+OK\r\n");
}
