import { expect, test } from "bun:test";
import { outboundUrl, signingSecret } from "./options.ts";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

test("a URL has no user, password or fragment, and is http or https", () => {
  for (const url of ["https://a.example/hook?x=1", "http://10.0.0.1:8000/"]) {
    expect(outboundUrl.parse(url)).toBe(url);
  }
  const wrongs = [
    "ftp://a.example",
    "a.example",
    "https://user@a.example",
    "https://a:b@c.example",
    "https://a/#b",
  ];
  for (const url of wrongs) expect([url, outboundUrl.safeParse(url).success]).toEqual([url, false]);
});

test("what is wrong with a secret is said without a word of it", () => {
  expect(signingSecret.parse(secret)).toBe(secret);
  const { error } = signingSecret.safeParse("the-old-password");
  expect(error?.message).toContain("openssl rand -base64 32");
  expect(error?.message).not.toContain("the-old-password");
});
