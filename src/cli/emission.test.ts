import { afterEach, describe, expect, test } from "bun:test";
import { dialects } from "../dialects/registry.ts";
import { postEmission } from "./emission.ts";
import { publisherOf } from "./gateway-url.ts";

const door = publisherOf(dialects)?.publishing ?? { path: "", body: () => "" };

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
      asked.push({ url: `${request.method} ${new URL(request.url).pathname}`, body: await request.text() });
      return answer();
    },
  });
  servers.push(server);
  return { url: `http://127.0.0.1:${server.port}`, asked };
}

async function refusal(url: string): Promise<string> {
  return postEmission(emission, { url, secret: "s3cret", door }).then(
    () => "published",
    (error: unknown) => (error instanceof Error ? error.message.replaceAll(url, "URL") : "no error"),
  );
}

describe("belfry publish over HTTP", () => {
  test("WSE-20 WSE-21 WSE-24 SIO-15 posts the emission, digits as they were typed", async () => {
    const { url, asked } = gateway(() => new Response("OK\n"));
    expect(await postEmission(emission, { url: `${url}/`, secret: "s3cret", door })).toBe(
      `Published \`update\` to \`time\` by ${url}/`,
    );
    expect(asked).toEqual([
      {
        url: "POST /emit",
        body: '{"room":"time","event":"update","namespace":"/","secret":"s3cret","data":{"n": 12345678901234567890}}',
      },
    ]);
  });

  test("WSE-24 without data there is none", async () => {
    const { url, asked } = gateway(() => new Response("OK\n"));
    await postEmission({ ...emission, data: undefined }, { url, secret: "s", door });
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

  test("SEC-04 the secret follows no redirect", async () => {
    const other = gateway(() => new Response("OK\n"));
    const first = gateway(() => Response.redirect(`${other.url}/emit`, 307));
    expect(await refusal(first.url)).toContain("refused (307)");
    expect(other.asked).toEqual([]);
  });
});
