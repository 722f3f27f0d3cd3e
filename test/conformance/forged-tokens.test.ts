// Forged tokens against a gateway with several issuers, in every dialect that reads tokens (T18): a secret, a public key, and a
// set of keys at a URL. None is accepted, and none of them makes the gateway ask a URL of its own.

import { createHmac, generateKeyPairSync, sign as signBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { io } from "socket.io-client";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { RawWebSocket } from "../support/raw.ts";
import { nowSeconds } from "../support/tokens.ts";

setDefaultTimeout(60_000);

const secret = "the secret of the first issuer, long enough";
const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const stranger = {
  rsa: generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey,
  ec: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
};
const pem = rsa.publicKey.export({ type: "spki", format: "pem" });

const shared = "https://secret.example";
const keyed = "https://key.example";
const listed = "https://keys.example";

/** A server that no gateway should ever ask. */
let trap: Server;
let trapped = 0;
let keyServer: Bun.Server<undefined>;
let gateway: TestGateway;

beforeAll(async () => {
  trap = createServer((socket) => {
    trapped++;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => trap.once("listening", resolve));
  const keys = [{ ...ec.publicKey.export({ format: "jwk" }), kid: "1", alg: "ES256" }];
  keyServer = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => Response.json({ keys }) });
  gateway = await startGateway({
    listeners: [
      {
        address: "127.0.0.1:0",
        dialects: ["native", "socketio", "websocket-channels", "ws4redis", "ws-hub"],
      },
    ],
    ws4redis: { path: "/facility/", publish: [] },
    "websocket-channels": { path: "/ws/" },
    "ws-hub": { serverUrl: "/hub", connectsPerKey: 60_000 },
    auth: {
      jwt: { algorithm: "HS256", secret, issuer: shared },
      issuers: [
        { algorithm: "RS256", publicKey: pem, issuer: keyed },
        { algorithm: "ES256", jwksUrl: keyServer.url.href, issuer: listed },
      ],
    },
  });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await keyServer.stop(true);
  trap.close();
});

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const claimsOf = (iss: unknown) => ({ sub: "john", iss, exp: nowSeconds() + 600 });

function hmac(header: object, claims: unknown = claimsOf(shared), key: string | Buffer = secret): string {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

function asymmetric(header: object, claims: unknown, key: KeyObject): string {
  const signed = `${part(header)}.${part(claims)}`;
  const signature = signBytes("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

const good = (): readonly string[] => [
  hmac({ alg: "HS256" }),
  asymmetric({ alg: "RS256" }, claimsOf(keyed), rsa.privateKey),
  asymmetric({ alg: "ES256", kid: "1" }, claimsOf(listed), ec.privateKey),
];

/** By name. @param url of the trap. */
function forgeries(url: string): Readonly<Record<string, string>> {
  const [head = "", body = "", signature = ""] = hmac({ alg: "HS256" }).split(".");
  const none = (alg: unknown, iss = shared): string => `${part({ alg })}.${part(claimsOf(iss))}.`;
  const expired = (iss: string) => ({ ...claimsOf(iss), exp: nowSeconds() - 100 });
  const jwk = rsa.publicKey.export({ format: "jwk" });
  return {
    "none of the first issuer": none("none"),
    "none of the second": none("none", keyed),
    "none of the third": none("none", listed),
    None: none("None"),
    "NONE with a signature": none("NONE") + signature,
    "no algorithm": hmac({}),
    "an algorithm that is null": hmac({ alg: null }),
    "an algorithm in small letters": hmac({ alg: "hs256" }),
    "HS512 in the header": hmac({ alg: "HS512" }),
    "RS256 in the header, for the secret": hmac({ alg: "RS256" }),
    "the public key as secret, PEM": hmac({ alg: "HS256" }, claimsOf(keyed), pem),
    "the public key as secret, without the last line break": hmac(
      { alg: "HS256" },
      claimsOf(keyed),
      pem.trim(),
    ),
    "the public key as secret, DER": hmac(
      { alg: "HS256" },
      claimsOf(keyed),
      rsa.publicKey.export({ type: "spki", format: "der" }),
    ),
    "the public key as secret, called RS256": hmac({ alg: "RS256" }, claimsOf(keyed), pem),
    "another secret": hmac({ alg: "HS256" }, claimsOf(shared), "another secret of the right length"),
    "an empty secret": hmac({ alg: "HS256" }, claimsOf(shared), ""),
    "the first issuer, by the key of the second": asymmetric(
      { alg: "RS256" },
      claimsOf(shared),
      rsa.privateKey,
    ),
    "the second issuer, by the secret of the first": hmac({ alg: "HS256" }, claimsOf(keyed)),
    "the third issuer, by the secret of the first": hmac({ alg: "HS256", kid: "1" }, claimsOf(listed)),
    "the third issuer, by the key of the second, with a kid of the third": asymmetric(
      { alg: "RS256", kid: "1" },
      claimsOf(listed),
      rsa.privateKey,
    ),
    "the second issuer, by a key of the third, with its kid": asymmetric(
      { alg: "ES256", kid: "1" },
      claimsOf(keyed),
      ec.privateKey,
    ),
    "the first issuer, by a key of the third": asymmetric(
      { alg: "ES256", kid: "1" },
      claimsOf(shared),
      ec.privateKey,
    ),
    "a stranger's key, RS256": asymmetric({ alg: "RS256" }, claimsOf(keyed), stranger.rsa),
    "a stranger's key, ES256": asymmetric({ alg: "ES256", kid: "1" }, claimsOf(listed), stranger.ec),
    "a stranger's key without a kid": asymmetric({ alg: "ES256" }, claimsOf(listed), stranger.ec),
    "an unknown kid": asymmetric({ alg: "ES256", kid: "2" }, claimsOf(listed), stranger.ec),
    "a kid that is a path": asymmetric({ alg: "ES256", kid: "../1" }, claimsOf(listed), stranger.ec),
    "a kid that is a URL": asymmetric({ alg: "ES256", kid: url }, claimsOf(listed), stranger.ec),
    "an issuer that is a URL": asymmetric({ alg: "RS256" }, claimsOf(url), stranger.rsa),
    "an issuer with keys at its well-known path": asymmetric(
      { alg: "RS256" },
      claimsOf(`${url}.well-known/openid-configuration`),
      stranger.rsa,
    ),
    jku: asymmetric({ alg: "RS256", jku: url }, claimsOf(keyed), stranger.rsa),
    "jku for the set of keys": asymmetric(
      { alg: "ES256", kid: "1", jku: url },
      claimsOf(listed),
      stranger.ec,
    ),
    x5u: asymmetric({ alg: "RS256", x5u: url }, claimsOf(keyed), stranger.rsa),
    "a key of its own": asymmetric({ alg: "RS256", jwk }, claimsOf(keyed), stranger.rsa),
    "no issuer": hmac({ alg: "HS256" }, { sub: "john", exp: nowSeconds() + 600 }),
    "an unknown issuer": hmac({ alg: "HS256" }, claimsOf("https://evil.example")),
    "an issuer with a slash more": hmac({ alg: "HS256" }, claimsOf(`${shared}/`)),
    "an issuer in capitals": hmac({ alg: "HS256" }, claimsOf(shared.toUpperCase())),
    "a list of issuers": hmac({ alg: "HS256" }, claimsOf([shared, keyed])),
    "an issuer that is no text": hmac({ alg: "HS256" }, claimsOf(1)),
    "an issuer of every object": hmac({ alg: "HS256" }, claimsOf("constructor")),
    "expired, first": hmac({ alg: "HS256" }, expired(shared)),
    "expired, second": asymmetric({ alg: "RS256" }, expired(keyed), rsa.privateKey),
    "expired, third": asymmetric({ alg: "ES256", kid: "1" }, expired(listed), ec.privateKey),
    "no end": hmac({ alg: "HS256" }, { sub: "john", iss: shared }),
    "not yet": hmac({ alg: "HS256" }, { ...claimsOf(shared), nbf: nowSeconds() + 600 }),
    "other claims under an old signature": `${head}.${part({ ...claimsOf(shared), sub: "admin" })}.${signature}`,
    "another header under an old signature": `${part({ alg: "HS256", kid: "1" })}.${body}.${signature}`,
    "an unknown critical header": hmac({ alg: "HS256", crit: ["x"], x: 1 }),
    "no signature": `${head}.${body}.`,
    "two parts": `${head}.${body}`,
    "four parts": `${head}.${body}.${signature}.${signature}`,
    junk: "junk",
  };
}

/** Who is let in with this token, by dialect. */
async function letIn(token: string): Promise<readonly string[]> {
  const { url } = gateway;
  const headers = { Authorization: `Bearer ${token}` };
  const opened = async (name: string, path: string): Promise<readonly string[]> => {
    const answer = await RawWebSocket.tryOpen(url, path, headers);
    if (!(answer instanceof RawWebSocket)) return [];
    answer[Symbol.dispose]();
    return [name];
  };
  const native = async (): Promise<readonly string[]> => {
    using socket = await RawWebSocket.open(url, "/connect?room=user:john::a", headers);
    return (await socket.waitForMessage().catch(() => "")).includes("joined") ? ["native"] : [];
  };
  const message = async (): Promise<readonly string[]> => {
    using socket = await RawWebSocket.open(url, "/connect");
    socket.send(JSON.stringify({ id: 1, type: "token", token }));
    return String(await socket.waitForMessage()).includes('"error"') ? [] : ["message"];
  };
  const stream = async (): Promise<readonly string[]> => {
    const answer = await fetch(`${url}/connect?room=user:john::a`, {
      headers: { ...headers, accept: "text/event-stream" },
    });
    await answer.body?.cancel();
    return answer.status === 200 ? ["stream"] : [];
  };
  const page = async (): Promise<readonly string[]> => {
    const socket = io(url, {
      auth: { token },
      forceNew: true,
      reconnection: false,
      transports: ["websocket"],
    });
    const isIn = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => {
        resolve(true);
      });
      socket.once("connect_error", () => {
        resolve(false);
      });
    });
    socket.disconnect();
    return isIn ? ["socketio"] : [];
  };
  const all = await Promise.all([
    native(),
    message(),
    stream(),
    page(),
    opened("channels", "/ws/user:john::a"),
    opened("ws4redis", "/facility/a?subscribe-user"),
    opened("hub", `/hub?session_key=${crypto.randomUUID()}`),
  ]);
  return all.flat();
}

describe("several issuers", () => {
  test("T18 SEC-10 a token of each is accepted in every dialect", async () => {
    for (const token of good())
      expect(await letIn(token)).toEqual([
        "native",
        "message",
        "stream",
        "socketio",
        "channels",
        "ws4redis",
        "hub",
      ]);
  });

  test("T18 T24 no forged token is accepted in any dialect, and none makes the gateway ask a URL", async () => {
    const { port } = trap.address() as AddressInfo;
    const forged = Object.entries(forgeries(`http://127.0.0.1:${port}/`));
    expect(forged.length).toBeGreaterThanOrEqual(45);
    for (const [name, token] of forged) expect([name, await letIn(token)]).toEqual([name, []]);
    expect(trapped).toBe(0);
    // The gateway judges as before.
    expect(await letIn(good()[2] ?? "")).toHaveLength(7);
  });
});
