import { afterEach, describe, expect, test } from "bun:test";
import type { Publishing } from "../dialects/command-parts.ts";
import { dialects } from "../dialects/registry.ts";
import { postEmission } from "./emission.ts";
import { publishersOf } from "./gateway-url.ts";

const [emit, api] = ["socketio", "native"].map((name) => {
  const found = publishersOf(dialects).find((publisher) => publisher.name === name);
  if (!found) throw new Error(`Expected ${name} to publish`);
  return found.publishing;
}) as [Publishing<unknown>, Publishing<unknown>];

const emission = { room: "time", event: "update", namespace: "/", data: '{"n": 12345678901234567890}' };
const servers: Bun.Server<unknown>[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

interface Asked {
  readonly url: string;
  readonly body: string;
}

/** A gateway that answers one thing. */
function gateway(answer: () => Response): { readonly url: string; readonly asked: Asked[] } {
  const asked: Asked[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (new URL(request.url).pathname === "/-/audience") return Response.json({ clients: 0 });
      asked.push({ url: `${request.method} ${new URL(request.url).pathname}`, body: await request.text() });
      return answer();
    },
  });
  servers.push(server);
  return { url: `http://127.0.0.1:${server.port}`, asked };
}

async function refusal(url: string): Promise<string> {
  return postEmission(emission, [{ url, secret: "s3cret", door: emit }]).then(
    () => "published",
    (error: unknown) => (error instanceof Error ? error.message.replaceAll(url, "URL") : "no error"),
  );
}

describe("belfry publish over HTTP", () => {
  test("WSE-20 WSE-21 WSE-24 SIO-15 posts the emission, digits as they were typed", async () => {
    const { url, asked } = gateway(() => new Response("OK\n"));
    expect(await postEmission(emission, [{ url: `${url}/`, secret: "s3cret", door: emit }])).toEqual([
      `Published \`update\` to \`time\` by ${url}/`,
      "No client of this gateway is in the room now",
    ]);
    expect(asked).toEqual([
      {
        url: "POST /emit",
        body: '{"room":"time","event":"update","namespace":"/","secret":"s3cret","data":{"n": 12345678901234567890}}',
      },
    ]);
  });

  test("WSE-24 without data there is none", async () => {
    const { url, asked } = gateway(() => new Response("OK\n"));
    await postEmission({ ...emission, data: undefined }, [{ url, secret: "s", door: emit }]);
    expect(JSON.parse(asked[0]?.body ?? "")).toEqual({
      room: "time",
      event: "update",
      namespace: "/",
      secret: "s",
    });
  });

  test("WSE-22 WSE-26 a refusal is the gateway's own sentence", async () => {
    expect(await refusal(gateway(() => new Response("Incorrect secret\n", { status: 403 })).url)).toBe(
      "The gateway at URL refused (403): Incorrect secret",
    );
    expect(await refusal(gateway(() => new Response("Redis is away\n", { status: 503 })).url)).toContain(
      "(503): Redis is away",
    );
    expect(
      (await refusal(gateway(() => new Response("x".repeat(9_999), { status: 400 })).url)).length,
    ).toBeLessThan(600);
  });

  test("WSE-20 a gateway without a publish secret is told from a wrong address", async () => {
    expect(await refusal(gateway(() => new Response("", { status: 404 })).url)).toBe(
      "Expected POST /emit at URL, got 404: a gateway without a publish secret has none",
    );
    const { url } = gateway(() => new Response());
    await servers.pop()?.stop(true);
    expect(await refusal(url)).toBe("Expected a gateway at URL, got no connection");
    expect(await refusal("ftp://h")).toBe(
      "Expected `url` to be http://... or https://... (flag --url), got something else",
    );
  });

  test("the native way: the secret in the header, and what became of it in sentences", async () => {
    const answers: Response[] = [
      Response.json({ delivered: 1 }),
      Response.json({ delivered: 2, stored: "e:1.t" }),
      Response.json({ delivered: 0, stored: "e:1.t", repeated: true }),
      Response.json({}),
    ];
    const { url, asked } = gateway(() => answers.shift() ?? new Response());
    const told: (readonly string[])[] = [];
    const target = { url, secret: "s3cret", door: api };
    for (const key of [undefined, "k", "k", undefined])
      told.push(await postEmission({ ...emission, key, version: 7 }, [target]));
    const first = `Published \`update\` to \`time\` by ${url}`;
    expect(told).toEqual([
      [first, "Delivered to 1 client of this gateway"],
      [first, "Delivered to 2 clients of this gateway", "Stored at e:1.t"],
      ["Not published again: its key came before", "Stored at e:1.t"],
      [first],
    ]);
    expect(asked[1]).toEqual({
      url: "POST /api/publish",
      body: '{"room":"time","event":"update","key":"k","version":7,"data":{"n": 12345678901234567890}}',
    });
  });

  test("a gateway without the one way is asked by the other", async () => {
    const answers = [new Response("", { status: 404 }), new Response("OK\n")];
    const { url, asked } = gateway(() => answers.shift() ?? new Response());
    const targets = [api, emit].map((door) => ({ url, secret: "s", door }));
    expect((await postEmission(emission, targets))[0]).toStartWith("Published `update`");
    expect(asked.map((one) => one.url)).toEqual(["POST /api/publish", "POST /emit"]);
    const refusing = gateway(() =>
      Response.json({ error: { code: "c", message: "Expected `x`" } }, { status: 400 }),
    );
    expect(await refusal(refusing.url)).toBe("The gateway at URL refused (400): Expected `x`");
  });

  test("SEC-04 the secret follows no redirect", async () => {
    const other = gateway(() => new Response("OK\n"));
    const first = gateway(() => Response.redirect(`${other.url}/emit`, 307));
    expect(await refusal(first.url)).toContain("refused (307)");
    expect(other.asked).toEqual([]);
  });
});
