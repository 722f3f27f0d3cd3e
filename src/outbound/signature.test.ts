import { createHmac } from "node:crypto";
import { expect, test } from "bun:test";
import { readSigningSecret, signatureHeaders } from "./signature.ts";

const secretOf = (fill: number, bytes = 32): string =>
  `whsec_${Buffer.alloc(bytes, fill).toString("base64")}`;

test("the signatures are of id, time and body, one for each secret", () => {
  const keys = [1, 2].map((fill) => Buffer.alloc(32, fill));
  const by = (key: Buffer): string =>
    `v1,${createHmac("sha256", key).update('msg_1-0.1764400000.{"é":1}').digest("base64")}`;
  expect(signatureHeaders({ id: "msg_1-0", seconds: 1_764_400_000, body: '{"é":1}' }, keys)).toEqual({
    "webhook-id": "msg_1-0",
    "webhook-timestamp": "1764400000",
    "webhook-signature": keys.map(by).join(" "),
  });
});

test("the example of the specification", () => {
  const secret = readSigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") ?? Buffer.alloc(0);
  const text = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", seconds: 1_614_265_330, body: '{"test": 2432232314}' };
  expect(signatureHeaders(text, [secret])["webhook-signature"]).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  );
});

test("a secret is `whsec_` and 24 to 64 bytes as base64", () => {
  expect(readSigningSecret(secretOf(7, 24))).toEqual(Buffer.alloc(24, 7));
  expect(readSigningSecret(secretOf(7, 64))).toEqual(Buffer.alloc(64, 7));
  const wrongs = [
    secretOf(7, 23),
    secretOf(7, 65),
    "whsec_",
    "whsec_not base64 but long enough to be one, surely",
    `${secretOf(7)}\n`,
    Buffer.alloc(32, 7).toString("base64"),
    "a plain text of more than twenty-four letters",
  ];
  for (const text of wrongs) expect([text, readSigningSecret(text)]).toEqual([text, undefined]);
});
