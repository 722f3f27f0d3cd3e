import { expect, test } from "bun:test";
import { defaultLimits } from "../vocabulary/limits.ts";
import { silent } from "../core/observe.ts";
import { createBus } from "../../test/support/bus.ts";

const shared = { observe: silent, limits: defaultLimits };

async function refusal(url: string): Promise<unknown> {
  return createBus({ ...shared, url }).catch((error: unknown) => error);
}

test("RTE-11 no URL, or memory:, is the memory bus", async () => {
  for (const url of [undefined, "memory:", "memory://"]) {
    const bus = await createBus({ ...shared, url });
    expect(bus.label).toBe("memory");
    await bus.close();
  }
});

test("RTE-11 T17 a URL that no broker knows is refused, and not repeated", async () => {
  const cases = [
    ["http://:hunter2@host", "http:"],
    ["hunter2", "no known scheme"],
    ["hunter2 :x", "no known scheme"],
    ["", "no known scheme"],
  ] as const;
  for (const [url, got] of cases) {
    expect(await refusal(url)).toMatchObject({
      code: "config_invalid",
      message: expect.stringMatching(
        new RegExp(
          `^Expected a URL of Redis that begins with redis://, .*, such as redis://localhost.*, got ${got}$`,
        ),
      ),
    });
  }
});

test("RTE-11 a wrong Redis URL is refused before anything connects", async () => {
  expect(await refusal("redis://:hunter2@host:0")).toMatchObject({
    code: "config_invalid",
    message: "Expected a port from 1 to 65535 in the Redis URL, got 0",
  });
});
