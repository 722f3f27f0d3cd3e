// Centrifugo in a run: history, positioning and recovery on in every channel, kept in Redis, and pages with its own client.

import {
  buildCentrifugo,
  centrifugoProgram,
  centrifugoVersion,
  untilHealthy,
  writeCentrifugoConfig,
} from "../../support/centrifugo.ts";
import { freePort } from "../../support/ports.ts";
import { RunningProcess } from "../../support/process.ts";
import { CentrifugeClient } from "../centrifuge-client.ts";
import { persistently } from "../publishers.ts";
import { servedBy } from "../system.ts";
import type { System } from "../system.ts";

export const centrifugo: System = {
  title: `Centrifugo ${centrifugoVersion}`,
  absence: buildCentrifugo,
  async serve(redisPort) {
    const port = await freePort();
    const config = writeCentrifugoConfig(port, redisPort);
    const server = new RunningProcess([centrifugoProgram, "--config", config]);
    const url = `http://127.0.0.1:${port}`;
    await untilHealthy(url);
    return servedBy(server, url);
  },
  client: async (parts) => CentrifugeClient.start(parts),
  publishers: (parts) =>
    ["a", "b", "c"].map((way) =>
      persistently({ ...parts, name: `${parts.room}-${way}` }, (id) => ({
        path: "/api/publish",
        body: JSON.stringify({ channel: parts.room, data: { id }, idempotency_key: id }),
        storedIn,
      })),
    ),
};

/** A refusal comes with status 200. */
function storedIn(answer: string): string | undefined {
  const { error, result } = JSON.parse(answer) as {
    readonly error?: unknown;
    readonly result?: { readonly offset: number; readonly epoch: string };
  };
  if (error !== undefined || !result) throw new Error(`Expected it to be taken, got ${answer}`);
  return `${result.epoch}:${result.offset}`;
}
