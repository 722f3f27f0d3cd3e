import { expect, test } from "bun:test";
import type { SecretVerdict } from "../proofs/access.ts";
import type { Exchange } from "../server/route.ts";
import { audienceRoute } from "./audience.ts";

const asked: unknown[] = [];
const verdicts: Readonly<Record<string, SecretVerdict>> = { right: "right", limited: "limited" };
const route = audienceRoute({
  checkSecret: async (candidate) => verdicts[String(candidate)] ?? "wrong",
  count: (addressed) => asked.push(addressed),
});

async function ask(body: string, token = "right", method = "POST"): Promise<string> {
  const init = { method, headers: { authorization: `Bearer ${token}` } };
  const request = new Request("http://localhost/-/audience", method === "POST" ? { ...init, body } : init);
  const answer = await route.fetch(request, { address: "192.0.2.1" } as Exchange);
  return `${answer.status} ${await answer.text()}`;
}

test("whom a message is for, as its publication says", async () => {
  expect(await ask('{"rooms":["a"],"skip":["x"],"not":"ws-hub"}')).toBe('200 {"clients":1}');
  expect(await ask('\ufeff{"rooms":null}')).toBe('200 {"clients":2}');
  expect(asked).toEqual([
    { namespace: "/", rooms: ["a"], isTree: false, except: [], skip: ["x"], not: "ws-hub" },
    { namespace: "/", rooms: undefined, isTree: false, except: [], skip: [] },
  ]);
});

test.each(["", "[]", "{", '{"rooms":"a"}', '{"more":1}'])("%p is none", async (body) => {
  expect(await ask(body)).toStartWith("400 ");
});

test("SEC-13 T13 by whoever shows the publish secret, and guesses no more than elsewhere", async () => {
  expect(await ask("{}", "right", "GET")).toStartWith("405 ");
  expect(await ask("{}", "wrong")).toStartWith("401 ");
  expect(await ask("{}", "limited")).toStartWith("429 ");
});
