import { expect, test } from "bun:test";
import { webhooksOptions, webhooksProblems } from "./options.ts";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

function problems(written: Parameters<typeof webhooksOptions.parse>[0]): readonly string[] {
  return webhooksProblems(webhooksOptions.parse(written)).map(
    ({ path, message }) => `${path.join(".")}: ${message}`,
  );
}

test("without URLs nothing is asked for", () => {
  expect(problems({})).toEqual([]);
  expect(webhooksOptions.parse({})).toMatchObject({ urls: [], rooms: ["*"], retry: 300 });
});

test("right ones", () => {
  expect(problems({ urls: ["https://a.example/x", "https://b.example"], secrets: [secret] })).toEqual([]);
  const urls = ["http://app:8000/hooks", "http://127.0.0.1:1/"];
  expect(problems({ urls, secrets: [secret], allowPrivate: ["127.0.0.1", "10.0.0.0/8"] })).toEqual([]);
});

test("what is wrong is said for each URL", () => {
  const urls = ["http://a.example/", "https://10.0.0.1/", "https://b.example/", "https://b.example/"];
  expect(problems({ urls })).toEqual([
    "urls.0: Expected https; http is for the addresses in `allowPrivate` alone",
    "urls.1: Expected a public address, or one that is listed in `allowPrivate`, got 10.0.0.1",
    "urls.3: Expected each URL once, got it again",
    "secrets: Expected one secret or more where `urls` has any: a request without a signature proves nothing",
  ]);
  expect(problems({ urls: ["https://localhost/"], secrets: [secret] })).toEqual([
    "urls.0: Expected a public address, or one that is listed in `allowPrivate`, got 127.0.0.1",
  ]);
});

test("unknown events, secrets that are none and ranges that are none are refused", () => {
  for (const wrong of [
    { events: ["room_closed"] },
    { secrets: ["short"] },
    { allowPrivate: ["app"] },
    { url: "" },
  ]) {
    expect([wrong, webhooksOptions.safeParse(wrong).success]).toEqual([wrong, false]);
  }
});
