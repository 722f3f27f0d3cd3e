// Questions of the connect hook, over an application that answers when the test says so.

import { expect, test } from "bun:test";
import type { IdentityResult } from "../../proofs/identity-source.ts";
import type { OutboundAnswer } from "../../outbound/outbound.ts";
import { ConnectHook } from "./hook.ts";
import type { HookQuestion } from "./hook.ts";

const about = { path: "/connect", query: "room=a", remote: "192.0.2.1" };

/** A hook; `asked` has what the application was shown, `answer` answers all that wait. */
function opened() {
  const asked: (readonly [token: string | undefined, cookie: string | undefined])[] = [];
  const waiting: (() => void)[] = [];
  const hook = new ConnectHook({
    options: {
      url: "https://app.example/who",
      secrets: [],
      cookie: "sid",
      timeout: 1,
      allowPrivate: [],
    },
    outbound: {
      post: async (_, { headers }) => {
        const token = headers["authorization"];
        asked.push([token, headers["cookie"]]);
        const { promise, resolve } = Promise.withResolvers<OutboundAnswer>();
        const user = token ?? headers["cookie"];
        waiting.push(() => {
          const body = Buffer.from(JSON.stringify({ user }));
          resolve({ kind: "answer", status: user === "Bearer wrong" ? 401 : 200, body });
        });
        return promise;
      },
    },
    revocations: { isRevoked: () => false, isUnknown: false, count: 0 },
    nowMs: () => 1_000,
  });
  const answer = (): void => {
    for (const say of waiting.splice(0)) say();
  };
  return { hook, asked, answer };
}

const userOf = (found: IdentityResult): unknown => (found.kind === "identity" ? found.user : found.kind);

test("50 clients that ask the same at one moment are one question", async () => {
  const { hook, asked, answer } = opened();
  const same = Array.from({ length: 50 }, async () => hook.ask({ token: "a", about: { ...about } }));
  expect(asked).toHaveLength(1);
  answer();
  expect(new Set((await Promise.all(same)).map(userOf))).toEqual(new Set(["Bearer a"]));
  // Its answer has no end, so nothing is kept.
  const next = hook.ask({ token: "a", about });
  expect(asked).toHaveLength(2);
  answer();
  expect(userOf(await next)).toBe("Bearer a");
});

test("T1 another proof, and the same proof about something else, are questions of their own", async () => {
  const { hook, asked, answer } = opened();
  const questions: HookQuestion[] = [
    { token: "a", about },
    { token: "b", about },
    { cookie: "a", about },
    { token: "a", cookie: "a", about },
    { token: "wrong", about },
    { token: "a", about: {} },
    { token: "a", about: { ...about, query: "room=b" } },
    { token: "a", about: { ...about, remote: "192.0.2.2" } },
    { token: "a", about: { ...about, channels: ["subscribe-user"] } },
  ];
  const found = questions.map(async (question) => hook.ask(question));
  expect(asked).toHaveLength(questions.length);
  answer();
  expect((await Promise.all(found)).map(userOf)).toEqual([
    "Bearer a",
    "Bearer b",
    "sid=a",
    "Bearer a",
    "denied",
    ...Array.from({ length: 4 }, () => "Bearer a"),
  ]);
});

test("so many questions wait and no more; clients that join one of them are not counted", async () => {
  const { hook, asked, answer } = opened();
  const found = Array.from({ length: 1_000 }, async (_, index) => hook.ask({ token: `${index}`, about }));
  expect(await hook.ask({ token: "more", about })).toMatchObject({ kind: "unavailable" });
  const joined = hook.ask({ token: "7", about });
  expect(asked).toHaveLength(1_000);
  answer();
  await Promise.all(found);
  expect(userOf(await joined)).toBe("Bearer 7");
  const next = hook.ask({ token: "more", about });
  answer();
  expect(userOf(await next)).toBe("Bearer more");
});
