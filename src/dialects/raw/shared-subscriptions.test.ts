import { describe, expect, test } from "bun:test";
import type { Subscription } from "../../core/bus.ts";
import type { BrowserContext } from "../dialect.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { notForUs } from "../../core/publication.ts";
import { SharedSubscriptions } from "./shared-subscriptions.ts";

/** A bus on which every subscription waits until the test says how it ends. */
function setUp() {
  const asked: string[] = [];
  const closed: string[] = [];
  const heard: string[] = [];
  const answers: { readonly grant: () => void; readonly refuse: () => void }[] = [];
  const listen: BrowserContext["listen"] = async (feed) => {
    const { filter } = feed;
    const { promise, resolve, reject } = Promise.withResolvers<Subscription>();
    asked.push(`${filter.kind} ${filter.name}`);
    feed.decode({ channel: filter.name, payload: Buffer.from("x") });
    const subscription = { close: async () => void closed.push(filter.name) };
    answers.push({
      grant: () => {
        resolve(subscription);
      },
      refuse: () => {
        reject(new GatewayError("bus_unavailable", "Expected a Redis, got none"));
      },
    });
    return promise;
  };
  const names = new SharedSubscriptions({ listen }, (name) => {
    heard.push(name);
    return notForUs("test");
  });
  return { names, asked, closed, heard, answers };
}

const turn = async (): Promise<void> => {
  for (let at = 0; at < 5; at++) await Promise.resolve();
};

describe("a name of 0.2", () => {
  test("W4R-03 is subscribed once for all who want it, exactly, and read as what it is", async () => {
    const { names, asked, heard, answers } = setUp();
    const wanted = [names.join("john:news"), names.join("john:news")];
    expect(asked).toEqual(["exact john:news"]);
    expect(heard).toEqual(["john:news"]);
    answers[0]?.grant();
    await Promise.all(wanted);
    await names.join("john:news");
    expect(asked).toHaveLength(1);
  });

  test("W4R-04 nobody goes on before it is subscribed", async () => {
    const { names, answers } = setUp();
    let isSubscribed = false;
    const wanted = names.join("john:news").then(() => (isSubscribed = true));
    await turn();
    expect(isSubscribed).toBe(false);
    answers[0]?.grant();
    await wanted;
    expect(isSubscribed).toBe(true);
  });

  test("SEC-06 is left with the last of them", async () => {
    const { names, closed, answers } = setUp();
    const wanted = [names.join("john:news"), names.join("john:news")];
    answers[0]?.grant();
    await Promise.all(wanted);
    names.leave("john:news");
    await turn();
    expect(closed).toEqual([]);
    names.leave("john:news");
    await turn();
    expect(closed).toEqual(["john:news"]);
    // Nothing is counted below nothing.
    names.leave("john:news");
    await turn();
    expect(closed).toEqual(["john:news"]);
  });

  test("SEC-06 is left, too, when whoever wanted it went before it was subscribed", async () => {
    const { names, closed, answers } = setUp();
    void names.join("john:news");
    names.leave("john:news");
    await turn();
    expect(closed).toEqual([]);
    answers[0]?.grant();
    await turn();
    expect(closed).toEqual(["john:news"]);
  });

  test("W4R-03 is asked for anew by who comes after the last one went", async () => {
    const { names, asked, closed, answers } = setUp();
    void names.join("john:news");
    names.leave("john:news");
    const again = names.join("john:news");
    expect(asked).toHaveLength(2);
    answers[0]?.grant();
    answers[1]?.grant();
    await again;
    await turn();
    expect(closed).toEqual(["john:news"]);
  });

  test("SEC-02 W4R-12 that Redis refuses is refused to all who wait, and asked for again later", async () => {
    const { names, asked, answers } = setUp();
    const wanted = [names.join("john:news"), names.join("john:news")].map(async (promise) =>
      promise.then(
        () => "subscribed",
        (error: unknown) => (error instanceof GatewayError ? error.code : String(error)),
      ),
    );
    answers[0]?.refuse();
    expect(await Promise.all(wanted)).toEqual(["bus_unavailable", "bus_unavailable"]);
    names.leave("john:news");
    names.leave("john:news");
    await turn();
    const again = names.join("john:news");
    expect(asked).toHaveLength(2);
    answers[1]?.grant();
    await again;
  });

  test("T20 may be called like a property of every object", async () => {
    const { names, asked, answers } = setUp();
    names.leave("__proto__");
    names.leave("constructor");
    const wanted = names.join("__proto__");
    answers[0]?.grant();
    await wanted;
    expect(asked).toEqual(["exact __proto__"]);
  });
});
