// The client is small, stands alone, and its types are those that the gateway writes.

import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { buildClient } from "./build.ts";
import type { Client, Publication } from "./client.ts";

/** 4 KB. */
const maxPackedBytes = 4_096;

test.each(["module", "script"] as const)("the %s is at most 4 KB as it is sent", async (kind) => {
  const text = await buildClient(kind);
  expect(gzipSync(text).length).toBeLessThanOrEqual(maxPackedBytes);
  expect(text).not.toMatch(/\bimport\b|\brequire\(/);
});

/** Types that are each other's. */
type Same<A, B> = [A, B] extends [B, A] ? true : false;

interface Events {
  clock: string;
}
type On = Client<Events>["on"];

test("events are typed by a map of the user's own", () => {
  const listener: Same<Parameters<On>[1], (data: string, publication: Publication<string>) => void> = true;
  const names: Same<Parameters<Client<Events>["publish"]>[1], "clock"> = true;
  const data: Same<Parameters<Client<Events>["publish"]>[2], string> = true;
  const untyped: Same<Parameters<Client["publish"]>[1], string> = true;
  expect([listener, names, data, untyped]).toEqual([true, true, true, true]);
});
