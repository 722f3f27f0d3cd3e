// Webhooks of whole gateways: events arrive each once by id and in the order of their room, also where the gateway that sends is
// killed or stands still, and where Redis starts anew; and no secret of theirs is in any output.

import { createClient } from "@redis/client";
import { expect, setDefaultTimeout, test } from "bun:test";
import { eventFields, eventsQueue } from "../../src/brokers/room-event.ts";
import { Cluster } from "../support/cluster.ts";
import { run } from "../support/process.ts";
import { startRedis } from "../support/redis.ts";
import { ServedGateway, belfryPath } from "../support/serve.ts";
import { until } from "../support/until.ts";
import { WebhookReceiver } from "../support/webhook-receiver.ts";

setDefaultTimeout(90_000);

const secret = `whsec_${Buffer.from("canary-of-the-signing-secret-000").toString("base64")}`;
const publishSecret = "publish-secret-of-the-test";
/** Long enough for a lease to end, ms. */
const takeoverMs = 25_000;

class WebhookCluster extends Cluster {
  static async open(): Promise<WebhookCluster> {
    return new WebhookCluster(await startRedis({ args: ["--appendonly", "yes", "--appendfsync", "always"] }));
  }

  /** A config file with webhooks to these. */
  async configFor(receivers: readonly WebhookReceiver[], more: object = {}): Promise<string> {
    const urls = receivers.map(({ url }) => `${url}?token=canary-of-the-query`);
    const webhooks = { urls, secrets: [secret], allowPrivate: ["127.0.0.1"], ...more };
    return this.writeConfig({ secret: publishSecret, listeners: [{ api: true }], webhooks });
  }

  /** What the store of presence would write: events of two rooms in turns. */
  async happen(from: number, to: number): Promise<void> {
    const backend = createClient({ url: this.redis.url });
    await backend.connect();
    const adding: Promise<string>[] = [];
    for (let seq = from; seq < to; seq++) {
      for (const room of ["a", "b"]) {
        const event = {
          type: "user_joined",
          namespace: "/",
          room,
          user: `u${seq}`,
          epoch: "e",
          seq,
          at: Date.now(),
        } as const;
        adding.push(backend.xAdd(eventsQueue, "*", Object.fromEntries(eventFields(event))));
      }
    }
    await Promise.all(adding);
    backend.destroy();
  }
}

async function serve(config: string): Promise<ServedGateway> {
  return ServedGateway.start({ args: ["--config", config, "--log-level", "debug"] });
}

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

async function heardAll(receivers: readonly WebhookReceiver[], count: number): Promise<void> {
  const counts = () => receivers.map((to) => `${to.seqs("a").length} and ${to.seqs("b").length}`).join(", ");
  const isDone = () => receivers.every((to) => ["a", "b"].every((room) => to.seqs(room).length >= count));
  await until(isDone, takeoverMs + 20_000, () => `${count} events of each room, got ${counts()}`);
  for (const to of receivers) {
    for (const room of ["a", "b"]) expect(to.seqs(room)).toEqual(range(0, count));
    expect(to.faults).toEqual([]);
  }
}

/** The gateway of these that sends now: the one that was counted as asking, which it is once it has read the answer. */
async function senderOf(gateways: readonly ServedGateway[]): Promise<ServedGateway> {
  const senders: ServedGateway[] = [];
  await until(async () => {
    for (const gateway of gateways) {
      if ((await gateway.metrics()).sum("belfry_webhook_requests_total") > 0) senders.push(gateway);
    }
    return senders.length > 0;
  });
  const [sender] = senders;
  if (!sender) throw new Error("Expected a gateway that sends, got none");
  return sender;
}

test.concurrent("F9 the gateway that sends is killed: another goes on, each event comes once by its id, in the order of its room", async () => {
  await using cluster = await WebhookCluster.open();
  await using one = await WebhookReceiver.start(secret);
  await using other = await WebhookReceiver.start(secret);
  const receivers = [one, other];
  const config = await cluster.configFor(receivers);
  await using first = await serve(config);
  await using second = await serve(config);
  await cluster.happen(0, 50);
  await heardAll(receivers, 50);
  // Both URLs may be served by different gateways: whichever asked is killed with a request on its way.
  const killed = await senderOf([first, second]);
  for (const to of receivers) to.behaviour = "stall";
  const before = receivers.map(({ requests }) => requests.length);
  await cluster.happen(50, 150);
  await until(() => receivers.some(({ requests }, index) => requests.length > (before[index] ?? 0)));
  killed.process.kill("SIGKILL");
  for (const to of receivers) to.behaviour = 200;
  await cluster.happen(150, 200);
  await heardAll(receivers, 200);
  expect((await cluster.redis.command("XLEN", eventsQueue)) as number).toBe(0);
});

test.concurrent("F9 killed after an answer that Redis did not hear of: what comes again has the same id", async () => {
  await using cluster = await WebhookCluster.open();
  await using to = await WebhookReceiver.start(secret);
  const config = await cluster.configFor([to]);
  let round = 0;
  for (; round < 2; round++) {
    await using gateway = await serve(config);
    const before = to.requests.length;
    await cluster.happen(round * 100, round * 100 + 100);
    await until(() => to.requests.length > before, takeoverMs);
    gateway.process.kill("SIGKILL");
    await gateway.process.exited;
  }
  await using _last = await serve(config);
  await heardAll([to], round * 100);
  // At least once: each id says one event, however often it came.
  for (const event of to.taken) expect(to.events.find(({ id }) => id === event.id)).toEqual(event);
});

test.concurrent("the gateway that sends stands still: another goes on, and the first one does no harm when it wakes", async () => {
  await using cluster = await WebhookCluster.open();
  await using to = await WebhookReceiver.start(secret);
  const config = await cluster.configFor([to]);
  await using first = await serve(config);
  await cluster.happen(0, 10);
  await heardAll([to], 10);
  to.behaviour = "stall";
  const before = to.requests.length;
  await cluster.happen(10, 20);
  await until(() => to.requests.length > before);
  first.process.kill("SIGSTOP");
  to.behaviour = 200;
  await using second = await serve(config);
  await heardAll([to], 20);
  first.process.kill("SIGCONT");
  await cluster.happen(20, 40);
  await heardAll([to], 40);
  expect(second.process.output).not.toContain("queue_refused");
});

test.concurrent("Redis starts anew while events wait: nothing is lost that it kept", async () => {
  await using cluster = await WebhookCluster.open();
  await using to = await WebhookReceiver.start(secret);
  const config = await cluster.configFor([to]);
  await using gateway = await serve(config);
  to.behaviour = 500;
  await cluster.happen(0, 150);
  await until(() => to.requests.length > 0);
  await cluster.redis.restart();
  to.behaviour = 200;
  await until(async () => (await fetch(`${gateway.url}/-/health/ready`)).status === 200, 20_000);
  await cluster.happen(150, 200);
  await heardAll([to], 200);
});

test.concurrent("a gateway that is drained lets go at once, and the next one goes on", async () => {
  await using cluster = await WebhookCluster.open();
  await using to = await WebhookReceiver.start(secret);
  const config = await cluster.configFor([to]);
  {
    await using _first = await serve(config);
    to.behaviour = 500;
    await cluster.happen(0, 20);
    await until(() => to.requests.length > 0);
  }
  to.behaviour = 200;
  const since = performance.now();
  await using _second = await serve(config);
  await heardAll([to], 20);
  expect(performance.now() - since).toBeLessThan(10_000);
});

test.concurrent("GET /api/webhooks lists what waits and what was given up, and shows no query of a URL", async () => {
  await using cluster = await WebhookCluster.open();
  await using to = await WebhookReceiver.start(secret);
  const config = await cluster.configFor([to], { retry: 1 });
  await using gateway = await serve(config);
  const list = async (query = "") => {
    const answer = await fetch(`${gateway.url}/api/webhooks${query}`, {
      headers: { authorization: `Bearer ${publishSecret}` },
    });
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { readonly webhooks: readonly Record<string, unknown>[] }).webhooks;
  };
  expect(await list()).toEqual([{ url: to.url, waiting: 0, deadLetters: 0, newest: [] }]);
  to.behaviour = 503;
  await cluster.happen(0, 3);
  await until(async () => (await list())[0]?.["deadLetters"] === 6, 20_000);
  const [webhook] = await list("?letters=2");
  expect(webhook).toMatchObject({
    url: to.url,
    waiting: 0,
    newest: [
      {
        reason: "status",
        text: "Expected an answer 2xx within 1 s, got status 503",
        event: { room: "b", seq: 2 },
      },
      { event: { type: "user_joined", room: "a", namespace: "/", user: "u2", seq: 2 } },
    ],
  });
  expect((await fetch(`${gateway.url}/api/webhooks`)).status).toBe(401);
});

test.concurrent("T17 neither the secrets nor the paths of webhooks are in the log, in the metrics or in what is printed", async () => {
  await using cluster = await WebhookCluster.open();
  await using to = await WebhookReceiver.start(secret);
  const config = await cluster.configFor([to]);
  await using gateway = await serve(config);
  to.behaviour = 500;
  await cluster.happen(0, 5);
  await gateway.process.waitFor(/"event":"webhook_failed"/);
  to.behaviour = 200;
  await gateway.process.waitFor(/"event":"webhook_back"/);
  const metrics = await (await fetch(`${gateway.url}/-/metrics`)).text();
  const printed = await run([belfryPath, "config", "print", "--config", config]);
  expect(printed.stdout).toContain("webhooks.secrets");
  const wrong = await run([belfryPath, "config", "check", "--webhooks-secrets", "canary-of-a-wrong-secret"]);
  expect(wrong.code).toBe(1);
  const outputs = [gateway.process.output, metrics, printed.stdout, wrong.stdout, wrong.stderr];
  for (const text of outputs) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(secret.slice(6));
    expect(text).not.toContain("canary-of-a-wrong-secret");
    expect(text).not.toContain("canary-of-the-signing-secret");
  }
  expect(gateway.process.output).not.toContain("canary-of-the-query");
});
