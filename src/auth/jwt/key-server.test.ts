// The keys of an issuer, from a real HTTP server that changes them, fails, stalls, redirects and floods.

import { afterEach, describe, expect, test } from "bun:test";
import { SignJWT, errors, exportJWK, generateKeyPair } from "jose";
import type { JWK } from "jose";
import { createVerifier } from "./verifier.ts";
import { KeyServer, KeysUnavailable } from "./key-server.ts";

const now = 1_800_000_000;
const open: Bun.Server<undefined>[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server.stop(true);
});

/** An issuer with keys by name. */
async function createIssuer(...kids: string[]) {
  const pairs = new Map(
    await Promise.all(
      kids.map(async (kid) => {
        const pair = await generateKeyPair("ES256", { extractable: true });
        return [kid, { ...pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg: "ES256" } }] as const;
      }),
    ),
  );
  const of = (kid: string) => {
    const pair = pairs.get(kid);
    if (!pair) throw new Error(`no key ${kid}`);
    return pair;
  };
  return {
    jwks: (...names: string[]) => ({ keys: names.map((kid): JWK => of(kid).jwk) }),
    sign: async (kid: string, header: object = { kid }) =>
      new SignJWT({ sub: "42", exp: now + 600 })
        .setProtectedHeader({ alg: "ES256", ...header })
        .sign(of(kid).privateKey),
  };
}

function serve(answer: () => Response | Promise<Response>) {
  const state = { answer, requests: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => {
      state.requests++;
      return state.answer();
    },
  });
  open.push(server);
  return { state, url: `${server.url.href}keys` };
}

/** A gateway's view of the server, with a clock of its own. */
function createKeys(url: string) {
  const clock = { now: 0 };
  const server = new KeyServer({ url, fetch, now: () => clock.now });
  const keyOf = async (token: string) => {
    const [head = "", payload = "", signature = ""] = token.split(".");
    const header = JSON.parse(Buffer.from(head, "base64url").toString()) as { alg: string };
    return server.keyOf(header, { payload, signature, protected: head });
  };
  return { clock, keyOf };
}

const failureOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("keys that change", () => {
  test("T18 a token of a new key makes the gateway ask once more, and old tokens stay good", async () => {
    const issuer = await createIssuer("a", "b");
    const { state, url } = serve(() => Response.json(issuer.jwks("a")));
    const { clock, keyOf } = createKeys(url);
    await keyOf(await issuer.sign("a"));
    state.answer = () => Response.json(issuer.jwks("a", "b"));
    const fresh = await issuer.sign("b");
    expect(await failureOf(keyOf(fresh))).toBeInstanceOf(errors.JWKSNoMatchingKey);
    clock.now += 5_000;
    await Promise.all([keyOf(fresh), keyOf(fresh), keyOf(await issuer.sign("a"))]);
    expect(state.requests).toBe(2);
  });

  test("T18 a flood of tokens with unknown keys is one request in five seconds", async () => {
    const issuer = await createIssuer("a", "b");
    const { state, url } = serve(() => Response.json(issuer.jwks("a")));
    const { clock, keyOf } = createKeys(url);
    for (let second = 0; second < 20; second++) {
      const tries = Array.from({ length: 20 }, async (_, index) =>
        keyOf(await issuer.sign("b", { kid: `unknown ${index}` })),
      );
      expect((await Promise.allSettled(tries)).every(({ status }) => status === "rejected")).toBe(true);
      clock.now += 1_000;
    }
    expect(state.requests).toBe(4);
  });

  test("T18 old keys are fetched anew behind the back of those who come; a key that was taken back is refused then", async () => {
    const issuer = await createIssuer("a", "b");
    const { state, url } = serve(() => Response.json(issuer.jwks("a")));
    const { clock, keyOf } = createKeys(url);
    const token = await issuer.sign("a");
    await keyOf(token);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    state.answer = async () => promise.then(() => Response.json(issuer.jwks("b")));
    clock.now += 5 * 60_000 + 1;
    // It waits for no answer.
    await keyOf(token);
    resolve(undefined);
    clock.now += 5_000;
    await keyOf(await issuer.sign("b"));
    expect(await failureOf(keyOf(token))).toBeInstanceOf(errors.JWKSNoMatchingKey);
  });
});

describe("a server that is away", () => {
  const failures: Record<string, () => Response | Promise<Response>> = {
    "status 500": () => new Response("", { status: 500 }),
    "a page": () => new Response("<html>"),
    "no set": () => Response.json({ keys: "none" }),
    "a redirect": () => Response.redirect("http://127.0.0.1:1/keys"),
    "too large": () => new Response(`{"keys":[],"pad":"${"x".repeat(300_000)}"}`),
    never: async () => new Promise<Response>(() => undefined),
  };

  test.each(Object.entries(failures))(
    "T18 SEC-02 %s: keys that are known stay good for a day, then no token is",
    async (_, failure) => {
      const issuer = await createIssuer("a");
      const { state, url } = serve(() => Response.json(issuer.jwks("a")));
      const { clock, keyOf } = createKeys(url);
      const token = await issuer.sign("a");
      await keyOf(token);
      state.answer = failure;
      for (let hour = 0; hour < 24; hour++) {
        await keyOf(token);
        clock.now += 3_600_000;
      }
      clock.now += 1;
      expect(await failureOf(keyOf(token))).toBeInstanceOf(KeysUnavailable);
      state.answer = () => Response.json(issuer.jwks("a"));
      clock.now += 5_000;
      await keyOf(token);
    },
    20_000,
  );

  test("T18 SEC-02 without keys each token waits two seconds at most, and all of them for one request", async () => {
    const issuer = await createIssuer("a");
    const { state, url } = serve(failures["never"] ?? (() => new Response()));
    const verify = createVerifier({
      options: { algorithm: "ES256", jwksUrl: url },
      fetch,
      nowMs: () => now * 1_000,
    });
    const token = await issuer.sign("a");
    const start = performance.now();
    const verdicts = await Promise.all(Array.from({ length: 50 }, async () => verify(token)));
    expect(performance.now() - start).toBeLessThan(4_000);
    expect(new Set(verdicts.map((verdict) => verdict.kind === "unavailable" && verdict.reason))).toEqual(
      new Set(["jwt_keys"]),
    );
    expect(state.requests).toBe(1);
  });
});

test("T18 a token without a key's name is tried with each key that fits", async () => {
  const issuer = await createIssuer("a", "b", "c");
  const { url } = serve(() => Response.json(issuer.jwks("a", "b")));
  const verify = createVerifier({
    options: { algorithm: "ES256", jwksUrl: url },
    fetch,
    nowMs: () => now * 1_000,
  });
  for (const kid of ["a", "b"]) expect((await verify(await issuer.sign(kid, {}))).kind).toBe("verified");
  expect(await verify(await issuer.sign("c", {}))).toMatchObject({ kind: "denied", reason: "jwt_invalid" });
  // A key of another name is not tried.
  expect(await verify(await issuer.sign("b", { kid: "a" }))).toMatchObject({ kind: "denied" });
});

test("T18 symmetric and private keys in a set open nothing", async () => {
  const issuer = await createIssuer("a");
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const secret = Buffer.alloc(32, 1);
  const keys = [
    { kty: "oct", k: secret.toString("base64url"), kid: "hs" },
    { ...(await exportJWK(privateKey)), kid: "private" },
  ];
  const { url } = serve(() => Response.json({ keys }));
  const verify = createVerifier({
    options: { algorithm: "ES256", jwksUrl: url },
    fetch,
    nowMs: () => now * 1_000,
  });
  const byHmac = await new SignJWT({ exp: now + 600 })
    .setProtectedHeader({ alg: "HS256", kid: "hs" })
    .sign(secret);
  const byPrivate = await new SignJWT({ exp: now + 600 })
    .setProtectedHeader({ alg: "ES256", kid: "private" })
    .sign(privateKey);
  for (const token of [byHmac, byPrivate, await issuer.sign("a")])
    expect((await verify(token)).kind).not.toBe("verified");
});

test("T18 a changed secret: tokens of the earlier one are good while it is listed", async () => {
  const [first, second] = ["the first secret of thirty-two bytes.", "the second secret of thirty-two bytes"];
  const sign = async (secret: string) =>
    new SignJWT({ exp: now + 600 })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(secret));
  const verifier = (secretFallbacks: string[]) =>
    createVerifier({
      options: { algorithm: "HS256", secret: second, secretFallbacks },
      fetch,
      nowMs: () => now * 1_000,
    });
  expect((await verifier([first])(await sign(first))).kind).toBe("verified");
  expect((await verifier([first])(await sign(second))).kind).toBe("verified");
  expect((await verifier([])(await sign(first))).kind).toBe("denied");
  expect((await verifier([first])(await sign("a third secret of thirty-two bytes..."))).kind).toBe("denied");
});
