import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Exchange, Route, Suitability } from "./route.ts";
import { Router } from "./router.ts";

/** A route, named by its text: `/ws/*` is a prefix. Its verdict may be said per path; without one it accepts all. */
interface Spoken {
  readonly name: string;
  readonly says?: Suitability | ((path: string) => Suitability);
}

class Named implements Route {
  readonly name: string;
  readonly path: string;
  readonly isPrefix: boolean;
  readonly accepts?: NonNullable<Route["accepts"]>;

  constructor({ name, says }: Spoken) {
    this.name = name;
    const text = name.split(" ")[0] ?? "";
    this.isPrefix = text.endsWith("/*");
    this.path = this.isPrefix ? text.slice(0, -2) : text;
    if (says) this.accepts = (_request, { path }) => (typeof says === "string" ? says : says(path));
  }

  fetch(): Response {
    return new Response(this.name);
  }
}

const request = new Request("http://a/");

function exchange(path: string): Exchange {
  return {
    path,
    query: new URLSearchParams(),
    address: "",
    countedAs: "",
    origin: undefined,
    isOriginAllowed: true,
    isOwnOrigin: false,
    isScriptAllowed: () => true,
    hold: () => undefined,
  };
}

/** @returns the name of the route, `known` when a path fits and nobody wants it, else `unknown`. */
function routed(routes: readonly (string | Spoken)[], path: string): string {
  const named = routes.map((route) => new Named(typeof route === "string" ? { name: route } : route));
  const { route, isKnownPath } = new Router(named).find(request, exchange(path));
  if (route instanceof Named) return route.name;
  return isKnownPath ? "known" : "unknown";
}

describe("RTE-01 the path decides", () => {
  test("RTE-01 an exact path wins over a prefix; a prefix takes what is below it, and no neighbour", () => {
    const routes = ["/ws/*", "/exact", "/ws/exact"];
    const found = (path: string): string => routed(routes, path);
    expect(["/ws", "/ws/", "/ws/x", "/ws//x"].map(found)).toEqual(["/ws/*", "/ws/*", "/ws/*", "/ws/*"]);
    expect(["/exact", "/ws/exact"].map(found)).toEqual(["/exact", "/ws/exact"]);
    for (const path of ["/wsx", "/exact/", "/exact/x", "/", "/WS", "//ws", "/ws%2fx"]) {
      expect(found(path), path).toBe("unknown");
    }
  });

  test("RTE-01 the longest prefix wins, in whatever order they are listed", () => {
    const routes = ["/*", "/a/*", "/a/b/c/*", "/a/b/*", "/socket.io/*"];
    for (const listed of [routes, routes.toReversed()]) {
      const found = (path: string): string => routed(listed, path);
      expect(found("/a/b/c/d")).toBe("/a/b/c/*");
      expect(found("/a/b/cd")).toBe("/a/b/*");
      expect(found("/a/b")).toBe("/a/b/*");
      expect(found("/ab")).toBe("/*");
      expect(found("/socket.io/")).toBe("/socket.io/*");
      expect(found("/")).toBe("/*");
    }
  });

  test("RTE-01 a longer prefix that takes what nobody else wants still wins over a shorter one that wants it", () => {
    const routes = ["/ws/*", { name: "/ws/django/*", says: "otherwise" } as const];
    expect(routed(routes, "/ws/django/x")).toBe("/ws/django/*");
    expect(routed(routes, "/ws/x")).toBe("/ws/*");
  });

  test("RTE-01 a route that refuses leaves the request to shorter ones, the root last", () => {
    const routes: readonly Spoken[] = [
      { name: "/*", says: "otherwise" },
      { name: "/a/*", says: "no" },
      { name: "/a/b", says: "no" },
    ];
    expect(routed(routes, "/a/b")).toBe("/*");
    expect(routed(routes.slice(1), "/a/b")).toBe("known");
    expect(routed(routes.slice(1), "/b")).toBe("unknown");
    expect(routed([{ name: "/*", says: "no" }], "/b")).toBe("unknown");
  });
});

describe("RTE-02 RTE-03 where paths fit equally well, verdicts decide", () => {
  test("RTE-03 the first yes, else the first likely, else the first otherwise, in the order of the dialects", () => {
    const says = (...verdicts: readonly Suitability[]): string =>
      routed(
        verdicts.map((verdict, index) => ({ name: `/ws/* ${index}`, says: verdict })),
        "/ws/x",
      );
    expect(says("yes", "yes")).toBe("/ws/* 0");
    expect(says("otherwise", "yes")).toBe("/ws/* 1");
    expect(says("no", "otherwise", "otherwise")).toBe("/ws/* 1");
    expect(says("otherwise", "no", "yes", "yes")).toBe("/ws/* 2");
    expect(says("otherwise", "likely", "likely")).toBe("/ws/* 1");
    expect(says("likely", "otherwise", "yes")).toBe("/ws/* 2");
    expect(says("no", "no")).toBe("known");
  });

  test("RTE-02 /ws/ as a path of its own and as the empty name below /ws are the same fit", () => {
    const own: Spoken = { name: "/ws/ own", says: "otherwise" };
    const below = (says: Suitability): Spoken => ({ name: "/ws/* below", says });
    for (const order of [0, 1]) {
      const found = (says: Suitability): string =>
        routed(order === 0 ? [own, below(says)] : [below(says), own], "/ws/");
      expect(found("yes")).toBe("/ws/* below");
      expect(found("otherwise")).toBe("/ws/ own");
      expect(found("no")).toBe("/ws/ own");
    }
  });

  test("RTE-01 whatever the routes say, nobody with a shorter path gets what a longer one wants: 100,000 tables", () => {
    const ranks: readonly Suitability[] = ["no", "otherwise", "likely", "yes"];
    const verdict = fc.constantFrom(...ranks);
    const path = fc.constantFrom("", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/b");
    const route = fc.record({ path, isPrefix: fc.boolean(), says: verdict });
    const fits = (given: { path: string; isPrefix: boolean }, asked: string): boolean =>
      given.path === asked || (given.isPrefix && asked.startsWith(`${given.path}/`));
    fc.assert(
      fc.property(fc.array(route, { maxLength: 6 }), path.filter(Boolean), (routes, asked) => {
        const spoken = routes.map((each, index) => ({
          ...each,
          name: `${each.path}${each.isPrefix ? "/*" : ""} ${index}`,
        }));
        const name = routed(spoken, asked);
        const wanted = spoken.filter((each) => fits(each, asked) && each.says !== "no");
        if (wanted.length === 0)
          return (
            name === (spoken.some((each) => each.path !== "" && fits(each, asked)) ? "known" : "unknown")
          );
        const chosen = wanted.find((each) => each.name === name);
        const reach = (each: { path: string }): number =>
          each.path === asked ? asked.length : each.path.length + 1;
        return (
          chosen !== undefined &&
          wanted.every(
            (each) =>
              reach(each) <= reach(chosen) &&
              (reach(each) < reach(chosen) || ranks.indexOf(each.says) <= ranks.indexOf(chosen.says)),
          )
        );
      }),
      { numRuns: 100_000 },
    );
  });
});
