// JSON Web Tokens: good ones of every algorithm, and forged ones.

import { describe, expect, test } from "bun:test";
import { createHmac, createPublicKey, createSign, generateKeyPairSync } from "node:crypto";
import { SignJWT, exportJWK, exportSPKI, generateKeyPair } from "jose";
import { createJwtSource } from "./jwt.ts";
import { jwtAlgorithms } from "../jwt/options.ts";
import { jwtOptions } from "./options.ts";
import type { IdentityRequest, IdentityResult } from "../../proofs/identity-source.ts";
import type { Fetch } from "../result.ts";

const now = 1_800_000_000;
const secret = "a secret of more than sixty-four bytes, which is enough for HS512 too.";
const claims = { sub: "42", username: "john", groups: ["staff"], sid: "abcdefgh", exp: now + 600 };
const asked: IdentityRequest = {
  facility: "",
  channels: [],
  path: "/ws/",
  query: "",
  origin: undefined,
  remote: "192.0.2.7",
};

const noFetch: Fetch = () => {
  throw new Error("Expected no request");
};
const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function source(options: object, fetch = noFetch) {
  return createJwtSource({ options: jwtOptions.parse(options), fetch, nowMs: () => now * 1_000 });
}

async function verify(
  token: string,
  options: object = {},
  fetch = noFetch,
): Promise<IdentityResult | undefined> {
  const request = new Request("http://127.0.0.1/", { headers: { authorization: `Bearer ${token}` } });
  return await source({ algorithm: "HS256", secret, ...options }, fetch)(request, asked);
}

/** A token with any header, signed by HMAC with any key. */
function hmac(header: object, payload: unknown = claims, key: string | Buffer = secret): string {
  const signed = `${base64(header)}.${base64(payload)}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

const good = hmac({ alg: "HS256" });
const john = {
  kind: "identity",
  session: "abcdefgh",
  user: "john",
  groups: ["staff"],
  expiresAtMs: (now + 660) * 1_000,
  issuedAt: 0,
} as const;

/** The verdict on these claims alone, or on good ones that these change. */
const readOnly = async (payload: object) =>
  await verify(hmac({ alg: "HS256" }, { exp: now + 1, ...payload }));
const read = async (payload: object) => await readOnly({ ...claims, ...payload });

describe("good tokens", () => {
  test.each([...jwtAlgorithms])(
    "DJS-11 %s",
    async (algorithm) => {
      const sign = async (key: Parameters<SignJWT["sign"]>[0]): Promise<string> =>
        await new SignJWT(claims).setProtectedHeader({ alg: algorithm }).sign(key);
      if (algorithm.startsWith("HS")) {
        const token = await sign(new TextEncoder().encode(secret));
        expect(await verify(token, { algorithm })).toEqual(john);
        return;
      }
      const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
      const token = await sign(privateKey);
      const options = { algorithm, secret: undefined, publicKey: await exportSPKI(publicKey) };
      expect(await verify(token, options)).toEqual(john);
      const other = await generateKeyPair(algorithm, { extractable: true });
      const wrong = { ...options, publicKey: await exportSPKI(other.publicKey) };
      expect(await verify(token, wrong)).toEqual({ kind: "denied", reason: "jwt_invalid" });
    },
    60_000,
  );

  test("DJS-11 claims: username before sub, groups, sid; all may be absent", async () => {
    expect(await readOnly({ sub: "42" })).toHaveProperty("user", "42");
    expect(await readOnly({ sub: "42", username: "john" })).toHaveProperty("user", "john");
    expect(await readOnly({})).toMatchObject({
      kind: "identity",
      user: undefined,
      groups: [],
      session: undefined,
    });
    const wrong = [
      { username: 7 },
      { sub: null },
      { groups: "staff" },
      { groups: [7] },
      { sid: 1 },
      { username: "" },
    ];
    for (const payload of wrong) expect(await readOnly(payload)).toHaveProperty("kind", "denied");
  });

  test("DJS-11 T18 exp and nbf hold, with a minute for clocks that differ", async () => {
    expect(await read({ exp: now - 59 })).toHaveProperty("kind", "identity");
    expect(await read({ exp: now - 61 })).toEqual({ kind: "denied", reason: "jwt_expired" });
    expect(await read({ nbf: now + 59 })).toHaveProperty("kind", "identity");
    expect(await read({ nbf: now + 61 })).toEqual({ kind: "denied", reason: "jwt_invalid" });
    for (const exp of [undefined, null, "2030", true])
      expect(await read({ exp })).toHaveProperty("kind", "denied");
  });

  test("DJS-11 issuer and audience are checked when they are configured", async () => {
    const token = hmac({ alg: "HS256" }, { ...claims, iss: "https://id.example", aud: ["chat", "shop"] });
    expect(await verify(token, { issuer: "https://id.example", audience: "chat" })).toEqual(john);
    for (const wrong of [{ issuer: "https://id.example/" }, { audience: "mail" }]) {
      expect(await verify(token, wrong)).toHaveProperty("kind", "denied");
    }
    for (const needed of [{ issuer: "x" }, { audience: "x" }]) {
      expect(await verify(good, needed)).toHaveProperty("kind", "denied");
    }
  });
});

const withHeaders = (headers: Record<string, string>) => new Request("http://127.0.0.1/", { headers });

describe("where a token may be", () => {
  const options = { algorithm: "HS256", secret, cookie: "token", queryParameter: "jwt" };
  const query = { ...asked, query: `a=b&jwt=${good}` };

  test("DJS-11 header, cookie or, where it is opened, the query", async () => {
    const ask = source(options);
    expect(await ask(withHeaders({ authorization: `bearer  ${good}` }), asked)).toEqual(john);
    expect(await ask(withHeaders({ cookie: `a=b; token=${good}` }), asked)).toEqual(john);
    expect(await ask(withHeaders({}), query)).toEqual(john);
  });

  test("DJS-11 SEC-04 cookie and query are not looked at unless the config says so", async () => {
    const ask = source({ algorithm: "HS256", secret });
    expect(await ask(withHeaders({ cookie: `token=${good}` }), query)).toBeUndefined();
  });

  test("DJS-01 no token at all: the next source is asked", async () => {
    for (const headers of [
      {},
      { authorization: "Basic abc" },
      { authorization: "Bearer" },
      { cookie: "token=" },
    ]) {
      expect(await source(options)(withHeaders({ ...headers }), asked)).toBeUndefined();
    }
  });

  test("DJS-01 SEC-02 a wrong one in the header is not made good by another", async () => {
    const headers = { authorization: "Bearer wrong", cookie: `token=${good}` };
    expect(await source(options)(withHeaders(headers), query)).toHaveProperty("kind", "denied");
  });
});

const flip = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);

describe("forged tokens", () => {
  const rsa = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const rs256 = (
    header: object,
    payload: unknown = claims,
    key: Parameters<ReturnType<typeof createSign>["sign"]>[0] = rsa.privateKey,
  ): string => {
    const signed = `${base64(header)}.${base64(payload)}`;
    return `${signed}.${createSign("sha256").update(signed).sign(key, "base64url")}`;
  };
  const [head = "", body = "", signature = ""] = good.split(".");
  const der = createPublicKey(rsa.publicKey).export({ type: "spki", format: "der" });
  const jwk = createPublicKey(stranger.publicKey.export({ type: "spki", format: "pem" })).export({
    format: "jwk",
  });
  const more = { ...claims, username: "admin" };

  const forHmac: readonly (readonly [string, string])[] = [
    ["alg none without signature", `${base64({ alg: "none" })}.${body}.`],
    ["alg None", `${base64({ alg: "None" })}.${body}.`],
    ["alg NONE with signature", `${base64({ alg: "NONE" })}.${body}.${signature}`],
    ["alg none without its dot", `${base64({ alg: "none" })}.${body}`],
    ["no alg", hmac({})],
    ["alg null", hmac({ alg: null })],
    ["alg of a list", hmac({ alg: ["HS256"] })],
    ["alg in small letters", hmac({ alg: "hs256" })],
    ["another algorithm of the same secret", hmac({ alg: "HS512" })],
    ["an asymmetric algorithm", hmac({ alg: "RS256" })],
    ["another secret", hmac({ alg: "HS256" }, claims, "another secret")],
    ["an empty secret", hmac({ alg: "HS256" }, claims, "")],
    ["secret in base64", hmac({ alg: "HS256" }, claims, Buffer.from(secret, "base64"))],
    ["no signature", `${head}.${body}.`],
    ["two parts", `${head}.${body}`],
    ["four parts", `${good}.${signature}`],
    ["five parts", `${good}.${signature}.${signature}`],
    ["other claims under an old signature", `${head}.${base64(more)}.${signature}`],
    ["other header under an old signature", `${base64({ alg: "HS256", kid: "1" })}.${body}.${signature}`],
    ["first letter of the signature", `${head}.${body}.${flip(signature, 0)}`],
    ["middle letter of the signature", `${head}.${body}.${flip(signature, 20)}`],
    ["half of the signature", `${head}.${body}.${signature.slice(0, 20)}`],
    [
      "signature of the claims alone",
      `${head}.${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`,
    ],
    ["signature as hex", `${head}.${body}.${Buffer.from(signature, "base64url").toString("hex")}`],
    ["unknown critical header", hmac({ alg: "HS256", crit: ["x"], x: 1 })],
    ["empty critical header", hmac({ alg: "HS256", crit: [] })],
    ["payload not encoded", hmac({ alg: "HS256", crit: ["b64"], b64: false })],
    ["claims are a list", hmac({ alg: "HS256" }, [claims])],
    ["claims are null", hmac({ alg: "HS256" }, null)],
    ["claims are a text", hmac({ alg: "HS256" }, "john")],
    ["no expiry", hmac({ alg: "HS256" }, { username: "admin" })],
    ["expired", hmac({ alg: "HS256" }, { ...claims, exp: now - 3600 })],
    ["expiry is a text", hmac({ alg: "HS256" }, { ...claims, exp: "9999999999" })],
    ["not yet", hmac({ alg: "HS256" }, { ...claims, nbf: now + 3600 })],
    ["nbf is a text", hmac({ alg: "HS256" }, { ...claims, nbf: "0" })],
    ["not JSON", "a.b.c"],
    ["dots", ".."],
    ["header is a list", hmac([])],
    ["junk", "\u00ff\u00fe"],
    ["20,000 letters", `${head}.${"A".repeat(20_000)}.${signature}`],
    ["a key of its own, jwk", hmac({ alg: "HS256", jwk: { kty: "oct", k: "QQ" } }, claims, "A")],
  ];

  test.each([...forHmac])("DJS-11 T18 HS256: %s", async (_, token) => {
    expect(await verify(token)).toHaveProperty("kind", "denied");
  });

  const asymmetric = { algorithm: "RS256", secret: undefined, publicKey: rsa.publicKey };
  const forRsa: readonly (readonly [string, string])[] = [
    ["HS256 with the public key as secret, PEM", hmac({ alg: "HS256" }, claims, rsa.publicKey)],
    ["the same, without the last line break", hmac({ alg: "HS256" }, claims, rsa.publicKey.trim())],
    ["the same, DER", hmac({ alg: "HS256" }, claims, der)],
    ["the same, called RS256", hmac({ alg: "RS256" }, claims, rsa.publicKey)],
    ["alg none", `${base64({ alg: "none" })}.${body}.`],
    ["PS256 in the header, RS256 in fact", rs256({ alg: "PS256" })],
    ["RS512 in the header", rs256({ alg: "RS512" })],
    ["another key", rs256({ alg: "RS256" }, claims, stranger.privateKey)],
    ["a key of its own, jwk", rs256({ alg: "RS256", jwk }, claims, stranger.privateKey)],
    [
      "a key of its own, jku",
      rs256({ alg: "RS256", jku: "http://127.0.0.1:9/keys" }, claims, stranger.privateKey),
    ],
    [
      "a key of its own, x5u",
      rs256({ alg: "RS256", x5u: "http://127.0.0.1:9/keys" }, claims, stranger.privateKey),
    ],
    ["a key id that is a path", rs256({ alg: "RS256", kid: "../../dev/null" }, claims, stranger.privateKey)],
    [
      "an issuer of its own",
      rs256({ alg: "RS256" }, { ...claims, iss: "http://127.0.0.1:9" }, stranger.privateKey),
    ],
  ];

  test.each([...forRsa])("DJS-11 T18 RS256: %s", async (_, token) => {
    expect(await verify(token, asymmetric)).toEqual({ kind: "denied", reason: "jwt_invalid" });
  });

  test("DJS-11 T18 at least 45 forgeries, beside tokens that are good in the same place", async () => {
    expect(forHmac.length + forRsa.length).toBeGreaterThanOrEqual(45);
    expect(await verify(good)).toEqual(john);
    expect(await verify(rs256({ alg: "RS256" }), asymmetric)).toEqual(john);
  });

  test("DJS-11 T18 truncated at each byte, or with noise for any part", async () => {
    for (let length = 0; length < good.length; length++) {
      const token = good.slice(0, length);
      if (token !== "") expect(await verify(token)).toHaveProperty("kind", "denied");
    }
    for (let round = 0; round < 2_000; round++) {
      const at = Math.floor((round / 2_000) * (good.length - 1));
      const changed = good.slice(0, at) + String.fromCharCode(33 + (round % 90)) + good.slice(at + 1);
      if (changed !== good) expect(await verify(changed)).toHaveProperty("kind", "denied");
    }
  }, 60_000);
});

const issuer = async () => {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: "1", alg: "ES256" }] };
  const sign = async (kid: string, key = privateKey) =>
    await new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid }).sign(key);
  return { keys, sign };
};
const bearer = (token: string) =>
  new Request("http://127.0.0.1/", { headers: { authorization: `Bearer ${token}` } });
const serve = (fetch: (request: Request) => Response | Promise<Response>) =>
  Bun.serve({ port: 0, hostname: "127.0.0.1", fetch });
const jwksAt = (url: string) => ({ algorithm: "ES256", jwksUrl: `${url}keys` });

describe("keys from a JWKS", () => {
  test("DJS-11 they are fetched once, and not for each key that is unknown", async () => {
    const { keys, sign } = await issuer();
    let requests = 0;
    using server = serve(() => {
      requests++;
      return Response.json(keys);
    });
    const ask = source(jwksAt(server.url.href), fetch);
    for (let round = 0; round < 3; round++) expect(await ask(bearer(await sign("1")), asked)).toEqual(john);
    const stranger = (await generateKeyPair("ES256")).privateKey;
    for (const kid of ["1", "2", "3"]) {
      expect(await ask(bearer(await sign(kid, stranger)), asked)).toEqual({
        kind: "denied",
        reason: "jwt_invalid",
      });
    }
    expect(requests).toBe(1);
  });

  test("DJS-11 T18 T24 no token moves the gateway to ask anywhere else, or at all when its algorithm is wrong", async () => {
    const { sign } = await issuer();
    let requests = 0;
    using listener = serve(() => {
      requests++;
      return Response.json({ keys: [] });
    });
    const ask = source(jwksAt(listener.url.href), fetch);
    const { href } = listener.url;
    for (const header of [{ alg: "HS256" }, { alg: "none" }, { alg: "RS256", jku: href, x5u: href }]) {
      const token = hmac(header, { ...claims, iss: href });
      expect(await ask(bearer(token), asked)).toHaveProperty("kind", "denied");
    }
    expect(requests).toBe(0);
    expect(await ask(bearer(await sign("1")), asked)).toEqual({ kind: "denied", reason: "jwt_invalid" });
    expect(requests).toBe(1);
  });

  test("DJS-11 SEC-02 keys that cannot be had are nobody's fault: 503, and no redirect is followed", async () => {
    const { keys, sign } = await issuer();
    const token = await sign("1");
    let visits = 0;
    using other = serve(() => {
      visits++;
      return Response.json(keys);
    });
    const answers: readonly (() => Response)[] = [
      () => new Response("", { status: 500 }),
      () => new Response("<html>"),
      () => Response.json({ keys: "none" }),
      () => Response.redirect(other.url.href),
      () => new Response(`{"keys":[],"pad":"${"x".repeat(2_000_000)}"}`),
    ];
    for (const answer of answers) {
      using server = serve(answer);
      const ask = source(jwksAt(server.url.href), fetch);
      expect(await ask(bearer(token), asked)).toEqual({ kind: "unavailable", reason: "jwt_keys" });
    }
    expect(visits).toBe(0);
    const closed = serve(() => new Response());
    const url = closed.url.href;
    await closed.stop(true);
    expect(await source(jwksAt(url), fetch)(bearer(token), asked)).toHaveProperty("kind", "unavailable");
  });
});
